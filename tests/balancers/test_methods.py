"""Each method against a second witness: closed forms, the paper word for word, another library."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchjd.aggregation import PCGradWeighting

from balancers import Balancer, Draws, Evidence, Sizes, Weighting, create
from balancers.evidence import as_answer
from balancers.gradients import gramian_of
from balancers.methods.gradnorm import relative_rates
from balancers.methods.pcgrad import PCGrad, project
from tests.references.gradnorm import gradnorm_slope
from tests.references.pcgrad import pcgrad


def jacobian(tasks: int, seed: int, dimension: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(tasks, dimension, generator=generator, dtype=torch.float64)
    return rows * 10 ** (2 * torch.rand(tasks, 1, generator=generator, dtype=torch.float64) - 1)


def play(weighting: Weighting, seen: Evidence, steps: int) -> Tensor:
    state = weighting.init(Sizes(seen.losses.shape[-1]))
    for _ in range(steps):
        _, state = weighting.update(seen, state, Draws.seeded(0))
    return as_answer(weighting.update(seen, state, Draws.seeded(0))[0]).weights


@given(st.integers(1, 8), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_pcgrad_is_the_papers_algorithm_on_the_same_order(tasks: int, seed: int) -> None:
    rows = jacobian(tasks, seed)
    order = torch.rand(tasks, tasks, generator=torch.Generator().manual_seed(seed + 1)).argsort(-1)
    expected = pcgrad(rows.numpy(), order.tolist())
    update = (project(gramian_of(rows), order) @ rows).numpy()
    np.testing.assert_allclose(update, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("tasks", [2, 3, 5, 9])
def test_pcgrad_is_torchjds_where_the_order_is_fixed(tasks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = jacobian(tasks, seed=tasks)
    monkeypatch.setattr(torch, "randperm", torch.arange)
    expected = PCGradWeighting()(rows @ rows.T)
    order = torch.arange(tasks).expand(tasks, tasks)
    torch.testing.assert_close(project(gramian_of(rows), order), expected)


@pytest.mark.parametrize("seed", range(5))
def test_pcgrad_of_two_tasks_has_its_closed_form(seed: int) -> None:
    gramian = gramian_of(jacobian(2, seed))
    expected = 1 + (-gramian[0, 1]).clamp(min=0) / gramian.diagonal()
    torch.testing.assert_close(project(gramian, torch.tensor([[0, 1], [1, 0]])), expected)


def test_pcgrad_of_the_known_pair_has_the_known_weights() -> None:
    rows = torch.tensor([[-4.0, 1, 1], [6, 1, 1]], dtype=torch.float64)
    weights = PCGrad().weigh(Evidence(torch.ones(2, dtype=torch.float64), gramian_of(rows)), Draws.seeded(0))
    torch.testing.assert_close(weights, torch.tensor([1 + 22 / 18, 1 + 22 / 38], dtype=torch.float64))


def test_pcgrad_meets_the_other_tasks_in_every_order() -> None:
    rows = torch.tensor([[1.0, 0], [-1, 1.6], [-1.5, -2.5]], dtype=torch.float64)  # three gradients that all conflict
    seen = Evidence(torch.ones(3, dtype=torch.float64), gramian_of(rows))
    draws = Draws.seeded(0)
    found = {tuple(PCGrad().weigh(seen, draws).tolist()) for _ in range(200)}
    possible = set()
    for bits in range(8):
        order = torch.tensor([[1, 2, 0] if bits & 1 else [2, 1, 0],
                              [0, 2, 1] if bits & 2 else [2, 0, 1],
                              [0, 1, 2] if bits & 4 else [1, 0, 2]])  # fmt: skip
        possible.add(tuple(round(w, 9) for w in project(seen.gramian, order).tolist()))
    assert {tuple(round(w, 9) for w in weights) for weights in found} == possible
    assert len(possible) == 8


def test_gradnorm_with_alpha_zero_ends_at_equal_weighted_norms() -> None:
    # Two quadratics with constant gradient norms 1 and 4: w1 n1 = w2 n2 and w1 + w2 = 2 give w = (1.6, 0.4).
    rows = torch.diag(torch.tensor([1.0, 4.0], dtype=torch.float64))
    seen = Evidence(torch.ones(2, dtype=torch.float64), gramian_of(rows))
    weights = play(create("gradnorm", alpha=0.0, learning_rate=1e-3), seen, steps=3000)
    torch.testing.assert_close(weights, torch.tensor([1.6, 0.4], dtype=torch.float64), rtol=0, atol=5e-3)


def test_gradnorm_balances_two_quadratics_that_are_being_trained() -> None:
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


def test_gradnorm_descends_along_the_papers_objective() -> None:
    generator = torch.Generator().manual_seed(3)
    rows = jacobian(4, seed=3)
    losses, first = (torch.rand(4, generator=generator, dtype=torch.float64) + 0.2 for _ in range(2))
    weights = torch.tensor([0.7, 1.5, 0.3, 1.5], dtype=torch.float64)
    method = create("gradnorm", alpha=0.7)
    state = method.init(Sizes(4))._replace(
        weights=weights, first_losses=first, steps=torch.ones(4, dtype=torch.float64)
    )
    _, following = method.update(Evidence(losses, gramian_of(rows)), state, Draws.seeded(0))
    slope = following.first / (1 - 0.9)  # the first moment after one step from zero
    torch.testing.assert_close(slope, gradnorm_slope(weights, losses, first, rows, alpha=0.7))


def test_gradnorm_gives_a_task_that_lags_behind_a_larger_share() -> None:
    first = torch.ones(2, dtype=torch.float64)
    lagging = torch.tensor([0.9, 0.1], dtype=torch.float64)
    torch.testing.assert_close(relative_rates(lagging, first), torch.tensor([1.8, 0.2], dtype=torch.float64))
    method = create("gradnorm", alpha=1.0)
    state = method.init(Sizes(2))
    for losses in (first, lagging, lagging):
        answer, state = method.update(Evidence(losses, torch.eye(2, dtype=torch.float64)), state, Draws.seeded(0))
    weights = as_answer(answer).weights
    assert weights[0] > 1 > weights[1]


def test_gradnorms_weights_stay_non_negative_and_keep_their_sum_when_a_task_outweighs_all() -> None:
    rows = torch.diag(torch.tensor([1.0, 1e6, 1e6], dtype=torch.float64))
    seen = Evidence(torch.ones(3, dtype=torch.float64), gramian_of(rows))
    weights = play(create("gradnorm", learning_rate=0.2), seen, steps=300)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(), torch.tensor(3.0, dtype=torch.float64))


def test_gradnorm_puts_nothing_of_its_own_objective_into_the_network() -> None:
    point = torch.tensor([1.0, -2.0], requires_grad=True)
    Balancer("gradnorm", 2).backward([point.square().sum(), (point - 1).square().sum() * 3], shared=[point])
    expected = 2 * point.detach() + 6 * (point.detach() - 1)  # weights are 1 in the first step
    assert point.grad is not None
    torch.testing.assert_close(point.grad, expected)


@pytest.mark.parametrize("losses", [[0.01, 1.0, 30.0], [4.0, 4.0, 4.0]])
def test_uncertainty_converges_to_half_the_inverse_losses(losses: list[float]) -> None:
    values = torch.tensor(losses, dtype=torch.float64)
    weights = play(create("uncertainty"), Evidence(values), steps=2500)
    torch.testing.assert_close(weights, 1 / (2 * values), rtol=1e-3, atol=0)


def test_uncertainty_is_the_joint_minimum_of_the_papers_objective() -> None:
    values = torch.tensor([0.3, 7.0], dtype=torch.float64)
    log_variances = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([log_variances], lr=0.025)
    method = create("uncertainty")
    state = method.init(Sizes(2))
    for _ in range(50):
        optimizer.zero_grad()
        (0.5 * torch.exp(-log_variances) * values + 0.5 * log_variances).sum().backward()
        optimizer.step()
        _, state = method.update(Evidence(values), state, Draws.seeded(0))
    torch.testing.assert_close(state.log_variances, log_variances.detach(), rtol=1e-5, atol=1e-6)


def test_uncertainty_cannot_be_given_weight_decay_and_trains_by_itself() -> None:
    balancer = Balancer("uncertainty", 2)
    assert list(balancer.parameters()) == []
    point = torch.ones(2, requires_grad=True)
    before = balancer.state[0].clone()
    balancer.backward(3 * point.square(), shared=[point])
    assert not torch.equal(before, balancer.state[0])


def test_fixed_weights_are_given_by_position_or_by_name() -> None:
    point = torch.ones(2, requires_grad=True)
    by_name = Balancer("fixed", ["a", "b"], weights={"b": 3.0, "a": 0.5})
    by_position = Balancer("fixed", ["a", "b"], weights=[0.5, 3.0])
    for balancer in (by_name, by_position):
        point.grad = None
        assert balancer.backward(point.square(), shared=[point]).tolist() == [0.5, 3.0]
        torch.testing.assert_close(point.grad, torch.tensor([1.0, 6.0]))
