"""SAM-GS against the official code's rule, its equalised gradients, and gradients whose averages are known."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from balancers import Balancer, Draws, Sizes, Weighting, create
from balancers.conformance import check
from balancers.contract.evidence import as_answer
from balancers.methods.sam_gs import mean_similarity
from tests.balancers.jacobians import evidence_from, first_weights, friendly, regular, spread
from tests.balancers.witness import witness
from tests.references.sam_gs import sam_gs


def play(weighting: Weighting, run: list[Tensor]) -> Iterator[Tensor]:
    """The weights of every step."""
    tasks, elements = run[0].shape
    state = weighting.init(Sizes(tasks, elements, dtype=run[0].dtype))
    for rows in run:
        answer, state = weighting.update(evidence_from(rows), state, Draws.seeded(0))
        yield as_answer(answer).weights


def unlike_at_times(tasks: int, dimension: int, seed: int) -> Tensor:
    """Gradients of unlike length in every third step."""
    return (spread if seed % 3 == 0 else regular)(tasks, dimension, seed)


@witness("sam-gs", "transcription")
@pytest.mark.parametrize("kind", [regular, friendly, spread, unlike_at_times])
@pytest.mark.parametrize("tasks", [2, 3, 6])
@pytest.mark.parametrize(("beta_1", "beta_2", "gamma"), [(0.9, 0.99, 0.7), (0.5, 0.9, 0.1), (0.9, 0.99, 0.9)])
def test_it_is_the_rule_of_the_official_code(
    kind: Callable[[int, int, int], Tensor], tasks: int, beta_1: float, beta_2: float, gamma: float
) -> None:
    run = [kind(tasks, 9, seed) for seed in range(8)]
    method = create("sam-gs", beta_1=beta_1, beta_2=beta_2, gamma=gamma)
    expected = sam_gs([rows.numpy() for rows in run], beta_1, beta_2, gamma)
    for rows, weights, (_, update) in zip(run, play(method, run), expected, strict=True):
        np.testing.assert_allclose((weights * rows).sum(0), update, rtol=0, atol=1e-9 * np.abs(update).max())


def test_the_runs_above_have_steps_of_both_kinds() -> None:
    run = [unlike_at_times(3, 9, seed).numpy() for seed in range(8)]
    assert {equalised for equalised, _ in sam_gs(run, 0.9, 0.99, 0.7)} == {True, False}


@witness("sam-gs", "identity")
def test_unlike_gradients_are_equalised_to_their_mean_length_like_the_normalized_mean() -> None:
    rows = spread(4, 9, 1)
    weights = first_weights(create("sam-gs"), rows)
    assert mean_similarity(rows.norm(dim=-1)) < 0.7
    torch.testing.assert_close((weights * rows).norm(dim=-1), rows.norm(dim=-1).mean().expand(4))
    update, normalized = (weights * rows).sum(0), first_weights(create("normalized-mean"), rows) @ rows
    torch.testing.assert_close(update / update.norm(), normalized / normalized.norm())


@witness("sam-gs", "closed form")
def test_constant_gradients_of_one_length_are_weighted_by_their_size() -> None:
    rows = torch.tensor([[3.0, 4.0], [0.0, -5.0]], dtype=torch.float64)
    *_, last = play(create("sam-gs"), [rows] * 7)  # S = 1, so that v is what the floor leaves of it: 1e-8 / 0.01
    torch.testing.assert_close(last, rows.abs() / 1e-3)


def test_a_single_task_is_like_itself_and_a_zero_gradient_like_no_other() -> None:
    assert mean_similarity(torch.tensor([2.0])) == 1
    assert mean_similarity(torch.tensor([2.0, 0.0])) == 0
    assert mean_similarity(torch.tensor([0.0, 0.0])) == 1
    weights = first_weights(create("sam-gs"), torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=torch.float64))
    assert weights.tolist() == [[0.5, 0.5], [0, 0]]


def test_replicas_may_be_of_different_kinds_in_one_step() -> None:
    rows = torch.stack([spread(3, 6, 1), regular(3, 6, 1)])
    together = first_weights(create("sam-gs"), rows)
    for one, weights in zip(rows, together, strict=True):
        torch.testing.assert_close(first_weights(create("sam-gs"), one), weights)


def test_a_task_that_comes_late_has_an_average_without_bias() -> None:
    balancer = Balancer("sam-gs", ["a", "b"], gamma=0.0)
    rows = regular(2, 3, 0).float()
    point = torch.zeros(3, requires_grad=True)
    for present in ["a", "a", "ab"]:
        weights = balancer.backward({name: rows["ab".index(name)] @ point for name in present}, shared=[point])
    proportions = weights / rows.abs()
    torch.testing.assert_close(proportions, proportions.mean().expand(2, 3))


def test_it_keeps_its_promises_whichever_way_it_weighs() -> None:
    assert all(result.passed for result in check(create("sam-gs", gamma=0.0)))
    # With 1 only gradients of exactly one length count as alike; then the weights are averages over the root of 1e-8.
    assert [result.name for result in check(create("sam-gs", gamma=1.0)) if not result.passed] == ["bounded weights"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"beta_1": 1.0}, "sam-gs: expected beta_1 of at least 0 and below 1, got 1.0"),
        ({"beta_2": -0.5}, "sam-gs: expected beta_2 of at least 0 and below 1, got -0.5"),
        ({"gamma": 1.5}, "sam-gs: expected gamma from 0 to 1, got 1.5"),
    ],
)
def test_bad_values_are_errors(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("sam-gs", **bad)
