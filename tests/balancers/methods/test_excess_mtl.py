"""ExcessMTL against its equations, TorchJD, and runs whose weights are known."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor
from torchjd.aggregation import ExcessMTLWeighting

from balancers import Balancer, Draws, Sizes, Weighting, create
from balancers.conformance import check
from balancers.contract.evidence import as_answer
from tests.balancers.jacobians import KINDS, evidence_from, regular
from tests.balancers.witness import witness
from tests.references.excess_mtl import excess_mtl


def play(weighting: Weighting, run: list[Tensor]) -> Iterator[Tensor]:
    tasks, elements = run[0].shape
    state = weighting.init(Sizes(tasks, elements, dtype=run[0].dtype))
    for rows in run:
        answer, state = weighting.update(evidence_from(rows), state, Draws.seeded(0))
        yield as_answer(answer).weights


@witness("excess-mtl", "transcription")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("eta", "warmup"), [(1.0, 1), (0.01, 1), (0.5, 3)])
def test_it_is_the_papers_algorithm(kind: str, eta: float, warmup: int) -> None:
    run = [KINDS[kind](4, 9, seed) for seed in range(6)]
    expected = excess_mtl([rows.numpy() for rows in run], eta, warmup)
    for weights, want in zip(play(create("excess-mtl", eta=eta, warmup=warmup), run), expected, strict=True):
        np.testing.assert_allclose(weights, want, rtol=1e-9, atol=1e-15)


@witness("excess-mtl", "torchjd")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tasks", [1, 2, 5])
@pytest.mark.parametrize("warmup", [1, 3])
def test_it_is_torchjds_where_gradients_are_long_enough_for_an_absolute_epsilon(
    kind: str, tasks: int, warmup: int
) -> None:
    theirs = ExcessMTLWeighting(robust_step_size=0.5, n_warmup_steps=warmup)
    run = [1e6 * KINDS[kind](tasks, 9, seed) for seed in range(6)]
    for rows, weights in zip(run, play(create("excess-mtl", eta=0.5, warmup=warmup), run), strict=True):
        torch.testing.assert_close(weights, theirs(rows), rtol=1e-6, atol=1e-9)


@witness("excess-mtl", "closed form")
def test_of_two_tasks_the_one_that_has_converged_loses_by_the_known_rate() -> None:
    rows = regular(2, 5, 0)
    converged = torch.stack([rows[0], torch.zeros(5, dtype=torch.float64)])
    *_, last = play(create("excess-mtl", eta=0.3), [rows, *[converged] * 9])
    # With constant gradients S = t g^2 in step t, so the excess risk is the first one divided by the root of t.
    gained = 0.3 * sum(step**-0.5 for step in range(2, 11))
    torch.testing.assert_close((last[0] / last[1]).log().item(), gained)


@witness("excess-mtl", "closed form")
def test_tasks_that_converge_alike_keep_equal_weights() -> None:
    rows = regular(3, 5, 0) * torch.tensor([[1e-6], [1.0], [1e6]], dtype=torch.float64)
    for weights in play(create("excess-mtl"), [rows * 0.9**step for step in range(20)]):
        torch.testing.assert_close(weights, torch.full((3,), 1 / 3, dtype=torch.float64))


def test_a_task_that_gets_no_better_gains_weight() -> None:
    rows = regular(2, 5, 0)
    slower = torch.tensor([[1.0], [0.8]], dtype=torch.float64)
    shares = [weights[0] for weights in play(create("excess-mtl"), [rows * slower**step for step in range(10)])]
    assert all(after > before for before, after in pairwise(shares))


def test_a_task_that_starts_without_gradient_is_measured_by_its_first_one() -> None:
    rows = regular(2, 5, 0)
    idle = torch.stack([rows[0], torch.zeros(5, dtype=torch.float64)])
    method = create("excess-mtl", warmup=2)
    state = method.init(Sizes(2, 5, dtype=torch.float64))
    for step in (idle, rows, rows, rows):
        answer, state = method.update(evidence_from(step), state, Draws.seeded(0))
        assert as_answer(answer).weights.isfinite().all()
    assert state[3].tolist() == [2, 2]
    norms = rows.abs().sum(-1)
    expected = torch.stack([norms[0] * (1 + 2**-0.5), norms[1] * (1 + 2**-0.5)])
    torch.testing.assert_close(state[2], expected)


def test_weights_of_a_task_that_has_converged_can_rise_again() -> None:
    rows = regular(2, 5, 0)
    converged = torch.stack([rows[0], torch.zeros(5, dtype=torch.float64)])
    other = torch.stack([torch.zeros(5, dtype=torch.float64), 10 * rows[1]])
    run = [rows, *[converged] * 30, *[other] * 30]
    weights = list(play(create("excess-mtl", eta=200.0), run))
    assert weights[30][1] == 0
    assert weights[-1][1] > 0.99


def test_the_others_share_what_they_have_while_a_task_is_absent() -> None:
    point = torch.zeros(4, requires_grad=True)
    balancer = Balancer("excess-mtl", 3, eta=0.1)
    rows = regular(3, 4, 0).float()
    for present in (3 * [True], 3 * [True], [True, False, True], 3 * [True]):
        before = balancer.state[0].softmax(-1)
        weights = balancer.backward(list((rows @ point).unbind()), shared=[point], present=present)
        torch.testing.assert_close(weights.sum(), torch.tensor(1.0))
        torch.testing.assert_close(balancer.state[0].exp().sum(), torch.tensor(3.0, dtype=torch.float64))
        if not all(present):
            assert weights[1] == 0
            torch.testing.assert_close(balancer.state[0].softmax(-1)[1], before[1])


def test_its_official_flavour_differs_by_the_factor_k() -> None:
    run = [regular(4, 9, seed) for seed in range(5)]
    official = create("excess-mtl", flavour="official")
    for paper, code in zip(play(create("excess-mtl"), run), play(official, run), strict=True):
        torch.testing.assert_close(4 * paper, code)
    assert [result for result in check(official) if not result.passed] == []


OFFICIAL = 1e-7  # what the authors' code adds to S


@pytest.mark.parametrize(("size", "percent"), [(0.01, 0.05), (0.001, 4.7), (0.0001, 70)])
def test_what_the_authors_add_lowers_an_excess_risk_by_the_stated_percentage(size: float, percent: float) -> None:
    lowered = 1 - (size**2 / np.sqrt(size**2 + OFFICIAL)) / size
    assert float(f"{100 * lowered:.2g}") == percent


@pytest.mark.parametrize(("size", "percent"), [(0.01, 50.04), (0.001, 53.6), (0.0001, 97.1)])
def test_what_the_authors_add_favours_small_gradients_by_the_stated_share(size: float, percent: float) -> None:
    run = [np.diag([1.0, size])] * 10
    *_, paper = play(create("excess-mtl"), [torch.from_numpy(rows) for rows in run])
    torch.testing.assert_close(paper, torch.full((2,), 0.5, dtype=torch.float64))
    *_, theirs = excess_mtl(run, eta=1.0, warmup=1, added=OFFICIAL)
    assert round(100 * theirs[1], 2 if percent < 51 else 1) == percent


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"eta": 0.0}, "excess-mtl: expected a positive eta, got 0.0"),
        ({"warmup": 0}, "excess-mtl: expected warmup to be a whole number of at least 1, got 0"),
    ],
)
def test_bad_values_are_errors(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("excess-mtl", **bad)
