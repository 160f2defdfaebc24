"""Gradients that are hard to balance are what they are called, and the kit says what is wrong with a method there."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from balancers import Claim, Draws, Evidence, Need, Solution, Solving, Stateless, Weighting
from balancers.conformance import CHECKS
from balancers.conformance.hard import TASK_COUNTS
from balancers.conformance.hard_gradients import hard_problems, kinds_for
from balancers.conformance.problems import PromiseViolation
from tests.references.exact_hull import is_stationary, relative_distance
from tests.references.exact_linear import exact, gramian_of, null_space

FLOAT32, FLOAT64 = torch.float32, torch.float64


def rows_of(kind: str, tasks: int, dtype: torch.dtype) -> Tensor:
    return hard_problems(tasks, dtype)[0].gradients[list(kinds_for(tasks)).index(kind)]


@pytest.mark.parametrize("tasks", [2, 3, 5])
def test_every_kind_is_what_it_is_called(tasks: int) -> None:
    distances = {kind: relative_distance(exact(rows_of(kind, tasks, FLOAT64))) for kind in kinds_for(tasks)}
    stationary = ["strongly stationary", "weakly stationary", "two opposite", "stationary with lengths far apart"]
    assert max(distances[kind] for kind in stationary) < 1e-14
    assert 1e-6 < distances["nearly stationary"] < 1e-3
    assert 1e-10 < distances["barely not stationary"] < 1e-7
    assert 0 < distances["two nearly opposite"] < 1e-8
    for kind, missing in (("two equal", 1), ("two opposite", 1), ("rank-deficient", tasks - max(1, tasks // 2))):
        values = torch.linalg.svdvals(rows_of(kind, tasks, FLOAT64))
        assert (values < 1e-14 * values[0]).sum() == missing
    norms = rows_of("lengths far apart", tasks, FLOAT64).norm(dim=-1)
    assert norms[-1] / norms[0] > 1e15


def test_exactly_opposite_gradients_are_stationary_and_equal_ones_dependent() -> None:
    assert is_stationary(exact(rows_of("two opposite", 3, FLOAT32)))
    assert len(null_space(gramian_of(exact(rows_of("two equal", 3, FLOAT32))))) == 1


def test_the_kit_tries_few_and_many_tasks() -> None:
    assert set(TASK_COUNTS) == {1, 2, 3, 11}
    assert len(kinds_for(1)) == 1


@dataclass(frozen=True)
class CertifiesWhatRoundingDoes(Solving):
    """Equal gains from a matrix that rounding alone keeps regular, always called solved."""

    name = "rounding"
    needs = Need.GRAMIAN
    heads = "weighted"

    def solve(self, evidence: Evidence, draws: Draws) -> Solution:
        size = evidence.gramian.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
        identity = torch.eye(evidence.gramian.shape[-1], dtype=torch.float64)
        weights = torch.linalg.solve(evidence.gramian + 1e-16 * size * identity, torch.ones_like(evidence.losses))
        residual = torch.zeros_like(weights[..., 0])
        return Solution(weights, residual, residual == 0)


@dataclass(frozen=True)
class ClaimsToDescend(Stateless):
    """The mean gradient, which conflicts with none of many gradients only if they are friendly."""

    name = "mean"
    needs = Need.GRAMIAN
    claims = frozenset({Claim.NON_CONFLICTING})

    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return torch.full_like(evidence.losses, 1 / evidence.losses.shape[-1])


@dataclass(frozen=True)
class PrefersTheFirst(Stateless):
    """One and a half times the first gradient where gradients agree, and what claims it makes of it."""

    name = "first"
    needs = Need.GRAMIAN
    claims = frozenset({Claim.PERMUTATION_EQUIVARIANT})

    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        weights = torch.ones_like(evidence.losses)
        weights[..., 0] += evidence.cosines.amin((-2, -1)) < -0.999999
        return weights


@pytest.mark.parametrize(
    ("weighting", "name", "word"),
    [
        (ClaimsToDescend(), "hard claims", "to first order no loss increases"),
        (PrefersTheFirst(), "hard claims", "in reverse order"),
        (CertifiesWhatRoundingDoes(), "honest certificates", "calls two updates solutions of one problem"),
        (CertifiesWhatRoundingDoes(), "bounded weights", "weighted heads would be thrown out"),
        (CertifiesWhatRoundingDoes(), "bounded heads", "throw a head from 0.1 to"),
    ],
)
def test_the_kit_says_what_is_wrong(weighting: Weighting, name: str, word: str) -> None:
    with pytest.raises(PromiseViolation, match=word):
        CHECKS[name](weighting)
