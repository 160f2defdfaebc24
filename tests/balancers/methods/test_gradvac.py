"""GradVac against the paper's algorithm, another library, PCGrad, and what one meeting of two tasks does."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchjd.aggregation import GradVacWeighting

from balancers import Draws, Sizes, create
from balancers.contract.evidence import as_answer
from balancers.methods.gradvac import GradVacState, vaccinate
from balancers.methods.pcgrad import project
from balancers.step.products import gramian_of
from tests.balancers.jacobians import KINDS, evidence_from, generator, regular
from tests.balancers.witness import witness
from tests.references.gradvac import gradvac


def in_order(tasks: int) -> torch.Tensor:
    return torch.arange(tasks).expand(tasks, tasks)


@witness("gradvac", "transcription")
@given(st.sampled_from(["regular", "spread", "friendly"]), st.integers(1, 7), st.integers(0, 10_000), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_it_is_the_papers_algorithm_on_the_same_orders(kind: str, tasks: int, seed: int, beta: float) -> None:
    state = GradVacState(torch.zeros(tasks, tasks, dtype=torch.float64))
    targets = state.targets.numpy()
    for step in range(3):
        rows = KINDS[kind](tasks, 12, seed + step)
        order = torch.rand(tasks, tasks, generator=generator(seed + step)).argsort(-1)
        weights, state = vaccinate(evidence_from(rows), state, order, beta)
        update, targets = gradvac(rows.numpy(), targets, order.tolist(), beta)
        np.testing.assert_allclose((weights @ rows).numpy(), update, rtol=1e-9, atol=1e-9 * np.abs(update).max())
        np.testing.assert_allclose(state.targets.numpy(), targets, rtol=1e-9, atol=1e-12)


@witness("gradvac", "torchjd")
@pytest.mark.parametrize("kind", ["regular", "spread", "friendly"])
@pytest.mark.parametrize("tasks", [2, 3, 6])
def test_it_is_torchjds_where_the_order_is_fixed(tasks: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "randperm", torch.arange)
    theirs = GradVacWeighting(beta=0.3, eps=0.0)
    state = GradVacState(torch.zeros(tasks, tasks, dtype=torch.float64))
    for step in range(4):
        rows = KINDS[kind](tasks, 20, 10 * step + tasks)
        weights, state = vaccinate(evidence_from(rows), state, in_order(tasks), beta=0.3)
        torch.testing.assert_close(weights, theirs(gramian_of(rows)), rtol=1e-6, atol=1e-9)


@witness("gradvac", "identity")
@pytest.mark.parametrize("kind", ["regular", "spread", "friendly"])
def test_targets_that_stay_at_zero_make_it_pcgrad(kind: str) -> None:
    rows = KINDS[kind](6, 12, 1)
    order = torch.rand(6, 6, generator=generator(2)).argsort(-1)
    state = GradVacState(torch.zeros(6, 6, dtype=torch.float64))
    for _ in range(3):
        weights, state = vaccinate(evidence_from(rows), state, order, beta=0.0)
        torch.testing.assert_close(weights, project(gramian_of(rows), order))


def test_replicas_meet_in_orders_of_their_own() -> None:
    rows = torch.stack([KINDS["regular"](5, 4, seed) for seed in range(3)])
    orders = torch.stack([torch.rand(5, 5, generator=generator(seed)).argsort(-1) for seed in range(3)])
    targets = torch.rand(3, 5, 5, generator=generator(9), dtype=torch.float64) - 0.5
    weights, following = vaccinate(evidence_from(rows), GradVacState(targets), orders, beta=0.3)
    for i in range(3):
        alone = vaccinate(evidence_from(rows[i]), GradVacState(targets[i]), orders[i], beta=0.3)
        torch.testing.assert_close(weights[i], alone[0], rtol=1e-12, atol=0)
        torch.testing.assert_close(following.targets[i], alone[1].targets, rtol=0, atol=1e-14)


@witness("gradvac", "closed form")
@pytest.mark.parametrize("target", [-0.3, 0.0, 0.6])
def test_two_gradients_below_the_target_meet_at_it(target: float) -> None:
    rows = torch.tensor([[2.0, 0.0], [-3.0, 4.0]], dtype=torch.float64)  # their cosine is -0.6
    pull = vaccinate(
        evidence_from(rows), GradVacState(torch.full((2, 2), target, dtype=torch.float64)), in_order(2), beta=0.5
    )
    sines = (0.8, (1 - target**2) ** 0.5)
    share = (target * sines[0] + 0.6 * sines[1]) / sines[1]
    torch.testing.assert_close(pull[0], torch.tensor([1 + share * 5 / 2, 1 + share * 2 / 5], dtype=torch.float64))
    changed = rows[0] + share * 2 / 5 * rows[1]
    assert float(changed @ rows[1] / changed.norm() / rows[1].norm()) == pytest.approx(target, abs=1e-12)
    assert float(pull[1].targets[0, 1]) == pytest.approx((target - 0.6) / 2)


def test_targets_follow_the_cosines_up_and_down() -> None:
    rows = torch.tensor([[1.0, 0.0], [0.6, 0.8]], dtype=torch.float64)
    method = create("gradvac", beta=0.5)
    state, shown = method.init(Sizes(2)), evidence_from(rows)
    for expected in (0.3, 0.45, 0.525):  # half the way to 0.6 in every step
        _, state = method.update(shown, state, Draws.seeded(0))
        assert state[0][0, 1] == pytest.approx(expected)
    opposite = evidence_from(rows * torch.tensor([[1.0], [-1.0]]))
    _, state = method.update(opposite, state, Draws.seeded(0))
    assert state[0][0, 1] == pytest.approx((0.525 - 0.6) / 2)


def test_what_is_left_of_a_gradient_after_an_opposite_one_has_no_cosine() -> None:
    rows = torch.tensor([[1.0, 0.0], [-2.0, 0.0], [0.5, 0.5]], dtype=torch.float64)
    order = torch.tensor([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # the first two meet each other first and are spent
    state = GradVacState(torch.zeros(3, 3, dtype=torch.float64))
    _, state = vaccinate(evidence_from(rows), state, order, beta=0.5)
    assert state.targets[0, 2] == 0
    assert state.targets[1, 2] == 0


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_weights_stay_finite_when_gradients_that_were_equal_part(seed: int) -> None:
    method = create("gradvac", beta=1.0)
    equal = regular(1, 6, seed).expand(3, 6)
    state = method.init(Sizes(3))
    _, state = method.update(evidence_from(equal), state, Draws.seeded(seed))
    weights, _ = method.update(evidence_from(regular(3, 6, seed + 1)), state, Draws.seeded(seed))
    assert as_answer(weights).weights.isfinite().all()


def test_a_task_without_gradient_is_left_alone() -> None:
    rows = torch.cat([regular(3, 8, seed=5), torch.zeros(1, 8, dtype=torch.float64)])
    method = create("gradvac", beta=0.5)
    weights, state = method.update(evidence_from(rows), method.init(Sizes(4)), Draws.seeded(0))
    assert (state[0][3] == 0).all()
    assert (state[0][:, 3] == 0).all()
    assert as_answer(weights).weights[3] == 1


@pytest.mark.parametrize("beta", [-0.1, 1.1, float("nan")])
def test_a_share_outside_its_range_is_refused(beta: float) -> None:
    with pytest.raises(ValueError, match="expected beta from 0 to 1"):
        create("gradvac", beta=beta)
