"""GradNorm against the paper's objective, and the balance that it is to end at."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from balancers import Balancer, Draws, Evidence, Sizes, Weighting, create
from balancers.contract.evidence import as_answer
from balancers.methods.gradnorm import VANISHING, relative_rates
from balancers.step.products import gramian_of
from tests.balancers.jacobians import evidence_from, generator, spread
from tests.balancers.witness import witness
from tests.references.gradnorm import gradnorm_slope


def play(weighting: Weighting, shown: Evidence, steps: int) -> Tensor:
    state = weighting.init(Sizes(shown.losses.shape[-1]))
    for _ in range(steps):
        _, state = weighting.update(shown, state, Draws.seeded(0))
    return as_answer(weighting.update(shown, state, Draws.seeded(0))[0]).weights


@witness("gradnorm", "closed form")
def test_alpha_zero_ends_at_equal_weighted_norms() -> None:
    # Two quadratics with constant gradient norms 1 and 4: w1 n1 = w2 n2 and w1 + w2 = 2 give w = (1.6, 0.4).
    rows = torch.diag(torch.tensor([1.0, 4.0], dtype=torch.float64))
    weights = play(create("gradnorm", alpha=0.0, learning_rate=1e-3), evidence_from(rows), steps=3000)
    torch.testing.assert_close(weights, torch.tensor([1.6, 0.4], dtype=torch.float64), rtol=0, atol=5e-3)


@witness("gradnorm", "optimality")
def test_two_quadratics_that_are_being_trained_are_balanced() -> None:
    # L_i = c_i |x - a_i|^2 / 2 + b_i; at alpha = 0 the fixed point has w_1 |g_1| = w_2 |g_2|.
    scales, centres = torch.tensor([1.0, 5.0]), torch.tensor([[2.0, 0.0], [-2.0, 0.5]])
    point = torch.zeros(2, requires_grad=True)
    balancer = Balancer("gradnorm", 2, alpha=0.0, learning_rate=4e-3)
    optimizer = torch.optim.SGD([point], lr=0.03)
    for _ in range(1500):
        optimizer.zero_grad()
        balancer.backward(scales * (point - centres).square().sum(-1) / 2 + 0.1, shared=[point])
        optimizer.step()
    weighted = balancer.weights.double() * balancer.evidence.norms
    torch.testing.assert_close(weighted[0], weighted[1], rtol=0.02, atol=0)
    # There, opposite and equally long weighted gradients cancel: the point lies on the segment between the centres.
    direction = centres[1] - centres[0]
    offset = point.detach() - centres[0]
    assert abs(direction[0] * offset[1] - direction[1] * offset[0]) < 0.02 * direction.norm()


@witness("gradnorm", "transcription")
def test_it_descends_along_the_papers_objective() -> None:
    draws = generator(3)
    rows = spread(4, 6, seed=3)
    losses, first = (torch.rand(4, generator=draws, dtype=torch.float64) + 0.2 for _ in range(2))
    weights = torch.tensor([0.7, 1.5, 0.3, 1.5], dtype=torch.float64)
    method = create("gradnorm", alpha=0.7)
    state = method.init(Sizes(4))._replace(
        weights=weights, first_losses=first, steps=torch.ones(4, dtype=torch.float64)
    )
    _, following = method.update(Evidence(losses, gramian_of(rows)), state, Draws.seeded(0))
    slope = following.first / (1 - 0.9)  # the first moment after one step from zero
    torch.testing.assert_close(slope, gradnorm_slope(weights, losses, first, rows, alpha=0.7))


def test_a_task_that_lags_behind_gets_a_larger_share() -> None:
    first = torch.ones(2, dtype=torch.float64)
    lagging = torch.tensor([0.9, 0.1], dtype=torch.float64)
    torch.testing.assert_close(relative_rates(lagging, first), torch.tensor([1.8, 0.2], dtype=torch.float64))
    method = create("gradnorm", alpha=1.0)
    state = method.init(Sizes(2))
    for losses in (first, lagging, lagging):
        answer, state = method.update(Evidence(losses, torch.eye(2, dtype=torch.float64)), state, Draws.seeded(0))
    weights = as_answer(answer).weights
    assert weights[0] > 1 > weights[1]


def over(history: list[list[float]], **settings: float) -> list[Tensor]:
    """The weights after every step of a run of losses, where all gradients have length 1."""
    method = create("gradnorm", **settings)
    tasks = len(history[0])
    state = method.init(Sizes(tasks))
    weights = []
    for losses in history:
        shown = Evidence(torch.tensor(losses, dtype=torch.float64), torch.eye(tasks, dtype=torch.float64))
        _, state = method.update(shown, state, Draws.seeded(0))
        weights.append(state.weights)
    return weights


@pytest.mark.parametrize("first", [0.0, 1e-12, 1e-8])
def test_a_first_loss_that_is_nearly_zero_counts_no_longer_once_the_task_has_a_loss(first: float) -> None:
    later = [[1.0 - 0.005 * step, 1.0 - 0.002 * step] for step in range(100)]
    started_well = over(later)
    started_at_zero = over([[first, 1.0], *later])
    assert started_at_zero[0].tolist() == [1, 1]
    moved = [after - before for before, after in pairwise(started_at_zero)]
    assert moved[0].tolist() == [0, 0], "in its second step the task has not moved from its first loss that counts"
    assert started_well[-1][0] < started_well[-1][1], "the first task trains faster"
    assert started_at_zero[-1][0] < started_at_zero[-1][1]
    torch.testing.assert_close(started_at_zero[-1], started_well[-1], rtol=0.05, atol=0)


@pytest.mark.parametrize("first", [1e-6, 1e-3, 10.0])
def test_any_larger_first_loss_is_kept(first: float) -> None:
    method = create("gradnorm")
    state = method.init(Sizes(2))
    for losses in ([first, 1.0], [1.0, 1.0], [2.0, 0.5]):
        shown = Evidence(torch.tensor(losses, dtype=torch.float64), torch.eye(2, dtype=torch.float64))
        _, state = method.update(shown, state, Draws.seeded(0))
    assert state.first_losses.tolist() == [first, 1.0]


def test_the_bound_of_a_first_loss_is_the_stated_one() -> None:
    assert 1 / VANISHING == 8_388_608
    method = create("gradnorm")
    for factor, kept in ((8_388_608, True), (8_388_609, False)):
        state = method.init(Sizes(1))
        for loss in (1e-9, 1e-9 * factor):
            shown = Evidence(torch.tensor([loss], dtype=torch.float64), torch.eye(1, dtype=torch.float64))
            _, state = method.update(shown, state, Draws.seeded(0))
        assert (state.first_losses.item() == 1e-9) is kept


def test_weights_stay_non_negative_and_keep_their_sum_when_a_task_outweighs_all() -> None:
    rows = torch.diag(torch.tensor([1.0, 1e6, 1e6], dtype=torch.float64))
    weights = play(create("gradnorm", learning_rate=0.2), evidence_from(rows), steps=300)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(), torch.tensor(3.0, dtype=torch.float64))


def test_nothing_of_its_own_objective_gets_into_the_network() -> None:
    point = torch.tensor([1.0, -2.0], requires_grad=True)
    Balancer("gradnorm", 2).backward([point.square().sum(), (point - 1).square().sum() * 3], shared=[point])
    expected = 2 * point.detach() + 6 * (point.detach() - 1)  # weights are 1 in the first step
    assert point.grad is not None
    torch.testing.assert_close(point.grad, expected)
