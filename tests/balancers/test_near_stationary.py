"""Near stationary points no method certifies what is no solution, in any precision of the gradients.

``PROBLEMS=10000 pytest tests/balancers/test_near_stationary.py`` draws so many for every method; without it, a few.
"""

import os
from dataclasses import dataclass
from functools import cache

import pytest
import torch
from torch import Tensor

from balancers import Draws, Evidence, Need, Solution, Solving
from tests.references.exact_hull import shortest
from tests.references.near_stationary import JUDGED, PRECISIONS, Judged, Verdict, gradients, judge

SAMPLE = {"float32": 30, "bfloat16": 8, "float16": 8}
EVERY = [(name, precision) for name in JUDGED for precision in SAMPLE]


@cache
def verdicts(name: str, precision: str) -> list[Verdict]:
    count = int(os.environ.get("PROBLEMS", SAMPLE[precision]))
    return [judge(JUDGED[name], rows) for rows in gradients(count, PRECISIONS[precision])]


@pytest.mark.parametrize(("name", "precision"), EVERY)
def test_a_method_calls_no_problem_solved_that_has_no_solution(name: str, precision: str) -> None:
    wrong = [number for number, each in enumerate(verdicts(name, precision)) if each.solved and not each.exists]
    assert not wrong, f"{len(wrong)} problems have no solution, and are called solved: {wrong[:10]}"


@pytest.mark.parametrize(("name", "precision"), EVERY)
def test_an_update_that_is_called_a_solution_is_the_exact_one(name: str, precision: str) -> None:
    off = [each for each in verdicts(name, precision) if each.wrong and each.exists and not each.fragile]
    assert not off, f"{len(off)} updates are off, the worst by {max(each.error for each in off):.1e}"


@pytest.mark.parametrize(("name", "precision"), EVERY)
def test_no_certificate_hangs_on_what_inner_products_cannot_show(name: str, precision: str) -> None:
    fragile = [each for each in verdicts(name, precision) if each.wrong and each.fragile]
    assert not fragile, f"{len(fragile)} updates are off, the worst by {max(each.error for each in fragile):.1e}"


@pytest.mark.parametrize(("name", "precision"), EVERY)
def test_what_is_far_from_stationary_is_solved(name: str, precision: str) -> None:
    refused = [each for each in verdicts(name, precision) if each.needless]
    assert not refused, f"{len(refused)} problems with a solution are called unsolved"


def test_the_problems_are_of_all_kinds() -> None:
    sample = verdicts("nash-mtl", "float32")
    assert any(each.distance == 0 for each in sample)
    assert any(0 < each.distance < 1e-6 for each in sample)
    assert any(each.far for each in sample)


@dataclass(frozen=True)
class Says(Solving):
    """Equal weights, and whatever it is told to say of them."""

    solved: bool

    name = "says"
    needs = Need.GRAMIAN

    def solve(self, evidence: Evidence, draws: Draws) -> Solution:
        weights = torch.full_like(evidence.losses, 1 / evidence.losses.shape[-1])
        return Solution(weights, weights.sum(-1) * 0, weights.sum(-1).isfinite() & self.solved)


def says(*, solved: bool, rows: Tensor) -> Verdict:
    return judge(Judged(Says(solved), lambda matrix, weights: shortest(matrix), "longest gradient"), rows)


def test_the_judge_notices_a_false_certificate_and_a_needless_no() -> None:
    rows = torch.tensor([[1.0, 0.0], [-3.0, 4.0]])
    assert says(solved=True, rows=rows).wrong
    assert not says(solved=True, rows=rows).fragile
    assert says(solved=False, rows=rows).needless
    assert not says(solved=False, rows=rows).wrong


def test_the_judge_accepts_a_true_certificate() -> None:
    rows = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    verdict = says(solved=True, rows=rows)
    assert not verdict.wrong
    assert verdict.error == 0
