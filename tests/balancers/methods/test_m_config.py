"""M-ConFIG against the official code's rule, ConFIG, and steps whose update is known."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from balancers import Balancer, Draws, Sizes, Weighting, create
from balancers.conformance import check
from balancers.conformance.problems import update_of
from tests.balancers.jacobians import evidence_from, first_weights, friendly, regular, spread
from tests.balancers.witness import witness
from tests.references.m_config import m_config


def play(weighting: Weighting, run: list[Tensor]) -> Iterator[Tensor]:
    """The update of every step."""
    *batch, tasks, elements = run[0].shape
    state = weighting.init(Sizes(tasks, elements, tuple(batch), run[0].dtype))
    for rows in run:
        answer, state = weighting.update(evidence_from(rows), state, Draws.seeded(0, batch))
        yield update_of(answer, evidence_from(rows))


@witness("m-config", "transcription")
@pytest.mark.parametrize("kind", [regular, friendly, spread])
@pytest.mark.parametrize(("tasks", "updates"), [(1, 1), (2, 1), (3, 1), (3, 2), (5, 3), (4, 4)])
@pytest.mark.parametrize(("beta_1", "beta_2"), [(0.9, 0.999), (0.5, 0.9)])
def test_it_is_the_rule_of_the_official_code(
    kind: Callable[[int, int, int], Tensor], tasks: int, updates: int, beta_1: float, beta_2: float
) -> None:
    run = [kind(tasks, 9, seed) for seed in range(4 * tasks)]
    method = create("m-config", beta_1=beta_1, beta_2=beta_2, updates=updates)
    expected = m_config([rows.numpy() for rows in run], beta_1, beta_2, updates)
    for update, want in zip(play(method, run), expected, strict=True):
        np.testing.assert_allclose(update, want, rtol=1e-5, atol=1e-9)


@witness("m-config", "identity")
def test_without_averages_it_is_config_with_every_element_over_its_own_size() -> None:
    run = [regular(3, 8, seed) for seed in range(5)]
    method = create("m-config", beta_1=0.0, beta_2=0.0, updates=3)
    for update, rows in zip(play(method, run), run, strict=True):
        torch.testing.assert_close(update, (first_weights(create("config"), rows) @ rows).sign())


@witness("m-config", "closed form")
@pytest.mark.parametrize("tasks", [1, 2, 5])
def test_constant_gradients_give_the_signs_of_configs_update(tasks: int) -> None:
    rows = regular(tasks, 6, 1)
    config = first_weights(create("config"), rows) @ rows
    for update in play(create("m-config"), [rows] * 3 * tasks):
        torch.testing.assert_close(update, config.sign())


def test_a_task_renews_its_average_only_when_it_is_its_turn() -> None:
    first, later = regular(3, 4, 0), regular(3, 4, 1)
    method = create("m-config")
    state = method.init(Sizes(3, 4, dtype=torch.float64))
    for rows in (first, later, later):
        _, state = method.update(evidence_from(rows), state, Draws.seeded(0))
    assert state.renewals.tolist() == [2, 2, 1]
    torch.testing.assert_close(state.first[:2], 0.09 * first[:2] + 0.1 * later[:2])
    torch.testing.assert_close(state.first[2], 0.1 * first[2])


def renewals_of(presence: list[str]) -> list[float]:
    """How often each of three tasks renewed its average; each step names the tasks that are present."""
    balancer = Balancer("m-config", ["a", "b", "c"])
    rows = regular(3, 4, 0).float()
    for present in presence:
        point = torch.zeros(4, requires_grad=True)
        balancer.backward({name: rows["abc".index(name)] @ point for name in present}, shared=[point])
    return balancer.state[1].tolist()


def test_a_task_that_comes_back_is_next() -> None:
    assert renewals_of(["abc", "abc", "abc", "abc"]) == [2, 2, 2]  # all, a, b, c
    assert renewals_of(["abc", "bc", "bc", "bc", "abc"]) == [2, 3, 2]  # all, b, c, b, a


def test_tasks_that_come_late_begin_their_averages_at_once() -> None:
    assert renewals_of(["a", "a"]) == [2, 0, 0]
    assert renewals_of(["a", "a", "abc"]) == [2, 1, 1]
    assert renewals_of(["a", "a", "abc", "abc"]) == [3, 1, 1]


def test_averages_whose_cosines_cannot_be_equal_count_as_unsolved() -> None:
    rows = torch.tensor([[1.0, 2.0], [-2.0, -4.0]], dtype=torch.float64)
    method = create("m-config", updates=2)
    state = method.init(Sizes(2, 2, dtype=torch.float64))
    answer, state = method.update(evidence_from(rows), state, Draws.seeded(0))
    certificate = method.certificate(state)
    assert certificate is not None
    assert certificate.fallbacks == 1
    assert (update_of(answer, evidence_from(rows)) == 0).all()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_single_precision_gradients_of_any_length_give_the_same_update(scale: float) -> None:
    run = [regular(3, 6, seed).float() for seed in range(8)]
    for plain, scaled in zip(
        play(create("m-config"), run), play(create("m-config"), [scale * rows for rows in run]), strict=True
    ):
        torch.testing.assert_close(scaled, plain, rtol=1e-3, atol=1e-4)


def test_it_keeps_its_promises_with_more_updates_too() -> None:
    assert [result for result in check(create("m-config", updates=3)) if not result.passed] == []


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"beta_1": 1.0}, "m-config: expected beta_1 of at least 0 and below 1, got 1.0"),
        ({"beta_2": -0.1}, "m-config: expected beta_2 of at least 0 and below 1, got -0.1"),
        ({"updates": 0}, "m-config: expected updates to be a whole number of at least 1, got 0"),
    ],
)
def test_bad_values_are_errors(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("m-config", **bad)
