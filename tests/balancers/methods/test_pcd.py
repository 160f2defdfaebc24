"""PCD against its conditions, the closed form for two tasks, every set of active constraints, and TorchJD."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchjd.aggregation import PCD as TorchJDPCD  # noqa: N811

from balancers import Balancer, Draws, Sizes, create
from balancers.conformance import check
from tests.balancers.jacobians import KINDS, evidence_from, first_weights, friendly, regular, spread
from tests.balancers.witness import witness
from tests.references.pcd import pcd

STEPS = 4
TAUS = [0.0, 0.02, 0.3, 1.0]


def updates(steps: list[Tensor], **hyperparameters: object) -> list[Tensor]:
    method = create("pcd", **hyperparameters)
    state = method.init(Sizes(len(steps[0])))
    answers = []
    for rows in steps:
        weights, state = method.update(evidence_from(rows), state, Draws.seeded(0))
        assert isinstance(weights, Tensor)
        answers.append(weights @ rows)
    return answers


def run_of(kind: str, tasks: int, dimension: int, seed: int) -> list[Tensor]:
    return [KINDS[kind](tasks, dimension, STEPS * seed + step) for step in range(STEPS)]


@witness("pcd", "closed form")
@given(st.floats(-0.999, 1.0), st.floats(1e-6, 1e6), st.floats(0.0, 1.0))
@settings(max_examples=100, deadline=None)
def test_of_two_tasks_the_second_gets_just_enough_weight(cosine: float, norm: float, tau: float) -> None:
    second = torch.tensor([cosine, (1 - cosine**2) ** 0.5], dtype=torch.float64)
    rows = torch.stack([torch.tensor([3.0, 0.0], dtype=torch.float64), norm * second])
    expected = rows[0] / 3 + max(0.0, tau - cosine) * second
    (update,) = updates([rows], tau=tau)
    torch.testing.assert_close(update, 3 * expected / expected.norm(), rtol=1e-7, atol=1e-7)


@witness("pcd", "optimality")
@pytest.mark.parametrize("kind", ["regular", "spread", "friendly"])
@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("tasks", [2, 5, 12])
def test_every_other_task_has_its_share_and_only_those_at_their_share_have_weight(
    kind: str, tau: float, tasks: int
) -> None:
    rows = KINDS[kind](tasks, 30, 1)
    weights = first_weights(create("pcd", tau=tau), rows)
    update, units = weights @ rows, rows / rows.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(update.norm(), rows[0].norm())
    nearest = update / (weights[0] * rows[0].norm())  # before it was brought to the length of the first gradient
    surplus = (units @ nearest - tau)[1:]
    assert (surplus >= -1e-12).all()
    assert (surplus[weights[1:] > 0].abs() < 1e-9).all()
    others = nearest + 0.05 * regular(200, 30, 2) * 10.0 ** -torch.arange(200).double()[:, None].remainder(4)
    allowed = others[(others @ units[1:].T >= tau).all(-1)]
    assert ((allowed - units[0]).norm(dim=-1) >= (nearest - units[0]).norm()).all()


@witness("pcd", "transcription")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "spread"])
@pytest.mark.parametrize(("tasks", "dimension"), [(2, 5), (3, 2), (5, 12), (7, 5)])
@pytest.mark.parametrize("tau", TAUS)
def test_it_is_the_first_set_of_active_constraints_that_fits(kind: str, tasks: int, dimension: int, tau: float) -> None:
    for seed in range(3):
        steps = run_of(kind, tasks, dimension, seed)
        expected = pcd([rows.numpy() for rows in steps], [tau] * (tasks - 1), beta=0.9)
        for got, want in zip(updates(steps, tau=tau, beta=0.9), expected, strict=True):
            np.testing.assert_allclose(got.numpy(), want, rtol=0, atol=1e-6)


@witness("pcd", "torchjd")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "spread"])
@pytest.mark.parametrize("tasks", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("beta", [0.0, 0.9, 0.999])
def test_it_is_torchjds_without_its_epsilon(kind: str, tasks: int, tau: float, beta: float) -> None:
    theirs = TorchJDPCD(tau=tau, beta=beta, eps=0.0)
    for dimension in (4, 12, 30):
        theirs.reset()
        steps = run_of(kind, tasks, dimension, 0)
        for rows, update in zip(steps, updates(steps, tau=tau, beta=beta), strict=True):
            torch.testing.assert_close(update, theirs(rows), rtol=0, atol=1e-6 * rows[0].norm().item())


def test_norms_that_change_by_decades_are_no_reason_to_conflict_as_they_are_for_torchjd() -> None:
    steps, theirs = [spread(5, 30, step) for step in range(STEPS)], TorchJDPCD(tau=0.0, eps=0.0)

    def lowest(rows: Tensor, update: Tensor) -> float:
        return (rows[1:] @ update / rows[1:].norm(dim=-1) / update.norm()).min().item()

    assert min(lowest(rows, theirs(rows)) for rows in steps) < -0.1
    ours = zip(steps, updates(steps, tau=0.0), strict=True)
    assert min(lowest(rows, update) for rows, update in ours) > -1e-12


def test_small_gradients_count_as_much_as_others_while_torchjds_epsilon_hides_them() -> None:
    rows = torch.tensor([[1.0, 0.0], [-3e-9, 4e-9]], dtype=torch.float64)
    (update,) = updates([rows], tau=0.0)
    torch.testing.assert_close(update, torch.tensor([0.8, 0.6], dtype=torch.float64))
    large = rows * torch.tensor([[1.0], [1e9]], dtype=torch.float64)
    torch.testing.assert_close(updates([large], tau=0.0)[0], update)


@pytest.mark.parametrize("primary", [0, 2, "a", "c"])
def test_any_task_may_be_the_primary_one_by_position_or_by_name(primary: int | str) -> None:
    point = torch.zeros(9, dtype=torch.float64, requires_grad=True)
    rows, position = regular(3, 9, 1), {"a": 0, "c": 2}.get(str(primary), primary)
    balancer = Balancer("pcd", ["a", "b", "c"], primary=primary)
    balancer.backward(list(rows @ point), shared=[point])
    assert point.grad is not None
    order = [position, *({0, 1, 2} - {position})]
    torch.testing.assert_close(point.grad, updates([rows[order]])[0])


def test_every_task_may_have_a_share_of_its_own() -> None:
    rows = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    expected = torch.tensor([1.0, 0.1, 0.3], dtype=torch.float64)
    (update,) = updates([rows], tau=[0.9, 0.1, 0.3])
    torch.testing.assert_close(update, expected / expected.norm())
    balancer = Balancer("pcd", ["a", "b", "c"], tau={"b": 0.1, "c": 0.3, "a": 0.9})
    assert balancer.weighting == create("pcd", tau=(0.9, 0.1, 0.3))


def test_a_constant_factor_of_another_loss_changes_nothing() -> None:
    steps = run_of("regular", 4, 9, 1)
    factors = torch.tensor([1.0, 1e-6, 1e6, 3.0], dtype=torch.float64)[:, None]
    for plain, scaled in zip(updates(steps), updates([factors * rows for rows in steps]), strict=True):
        torch.testing.assert_close(plain, scaled)


@pytest.mark.parametrize("tau", [1e-3, 0.02, 0.5])
def test_against_an_opposite_gradient_weights_grow_like_one_over_tau(tau: float) -> None:
    rows = torch.tensor([[2.0, 0.0], [-3.0, 0.0]], dtype=torch.float64)
    weights = first_weights(create("pcd", tau=tau), rows)
    torch.testing.assert_close(weights * rows.norm(dim=-1), torch.tensor([2.0, 2 + 2 * tau]).double() / tau)
    torch.testing.assert_close(weights @ rows, torch.tensor([-2.0, 0.0], dtype=torch.float64))


def test_constraints_that_exclude_each_other_are_dropped_and_counted() -> None:
    point = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    balancer = Balancer("pcd", 3)
    weights = balancer.backward([point[0], point[1], -2 * point[1]], shared=[point])
    assert weights.tolist() == [1.0, 0.0, 0.0]
    assert balancer.certificate is not None
    assert balancer.certificate.fallbacks == 1


def test_opposite_gradients_without_a_share_leave_no_update_and_are_counted() -> None:
    point = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    balancer = Balancer("pcd", 2, tau=0.0)
    assert balancer.backward([point[0], -2 * point[0]], shared=[point]).tolist() == [0.0, 0.0]
    assert balancer.certificate is not None
    assert balancer.certificate.fallbacks == 1


def test_where_the_primary_task_has_no_gradient_or_is_absent_nothing_moves() -> None:
    point = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    balancer = Balancer("pcd", ["a", "b"], primary="a")
    assert balancer.backward([0 * point[0], point[1]], shared=[point]).tolist() == [0.0, 0.0]
    assert balancer.backward({"b": point[1]}, shared=[point]).tolist() == [0.0, 0.0]
    assert balancer.certificate is not None
    assert balancer.certificate.fallbacks == 0
    assert balancer.state_dict()["state_steps"].tolist() == [1.0, 2.0]


def test_others_that_gain_anyway_get_no_weight() -> None:
    rows = friendly(4, 12, 1)
    assert first_weights(create("pcd"), rows).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_without_a_share_only_the_size_of_the_weights_has_no_bound() -> None:
    """What little is left of the primary gradient is brought to its length; of random gradients nothing is left."""
    assert [result.name for result in check(create("pcd", tau=0.0)) if not result.passed] == ["bounded weights"]


@pytest.mark.parametrize("hyperparameters", [{"tau": 0.01}, {"tau": 1.0}, {"tau": 0.5, "beta": 0.0}])
def test_it_keeps_its_promises_for_other_hyperparameters_too(hyperparameters: dict) -> None:
    assert [result for result in check(create("pcd", **hyperparameters)) if not result.passed] == []


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"primary": -1}, "pcd: expected the primary task's position, counted from 0, got -1"),
        ({"primary": "a"}, "pcd: expected the primary task's position, counted from 0, got 'a'; only a Balancer"),
        ({"tau": -0.1}, "pcd: expected tau from 0 to 1, got -0.1"),
        ({"tau": [0.1, 1.1]}, r"pcd: expected tau from 0 to 1, got \[0.1, 1.1\]"),
        ({"beta": 1.0}, "pcd: expected a beta of at least 0 and below 1, got 1.0"),
    ],
)
def test_bad_values_are_errors(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("pcd", **bad)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"primary": "depht"}, "primary: there is no task 'depht'; did you mean 'depth'?"),
        ({"primary": 2}, "pcd: the primary task's position is 2, and there are 2 tasks"),
        ({"tau": [0.1, 0.2, 0.3]}, "pcd: tau has 3 numbers for 2 tasks; give one, or one each"),
    ],
)
def test_hyperparameters_that_do_not_fit_the_tasks_are_errors(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Balancer("pcd", ["depth", "normals"], **bad)
