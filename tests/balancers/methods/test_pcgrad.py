"""PCGrad against the paper's algorithm, another library, and what is known of two tasks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchjd.aggregation import PCGradWeighting

from balancers import Draws
from balancers.methods.pcgrad import PCGrad, project
from balancers.step.products import gramian_of
from tests.balancers.jacobians import KINDS, evidence_from, generator
from tests.balancers.witness import witness
from tests.references.pcgrad import pcgrad


@witness("pcgrad", "transcription")
@given(st.sampled_from(sorted(KINDS)), st.integers(1, 8), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_it_is_the_papers_algorithm_on_the_same_order(kind: str, tasks: int, seed: int) -> None:
    rows = KINDS[kind](tasks, 6, seed)
    order = torch.rand(tasks, tasks, generator=generator(seed + 1)).argsort(-1)
    expected = pcgrad(rows.numpy(), order.tolist())
    update = (project(gramian_of(rows), order) @ rows).numpy()
    np.testing.assert_allclose(update, expected, rtol=1e-9, atol=1e-9 * float(rows.abs().max()))


@witness("pcgrad", "torchjd")
@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("tasks", [2, 3, 5, 9])
def test_it_is_torchjds_where_the_order_is_fixed(tasks: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = KINDS[kind](tasks, 20, tasks)
    monkeypatch.setattr(torch, "randperm", torch.arange)
    expected = PCGradWeighting()(rows @ rows.T)
    order = torch.arange(tasks).expand(tasks, tasks)
    torch.testing.assert_close(project(gramian_of(rows), order), expected)


@witness("pcgrad", "closed form")
@pytest.mark.parametrize("seed", range(5))
def test_two_tasks_have_a_closed_form(seed: int) -> None:
    gramian = gramian_of(KINDS["spread"](2, 6, seed))
    expected = 1 + (-gramian[0, 1]).clamp(min=0) / gramian.diagonal()
    torch.testing.assert_close(project(gramian, torch.tensor([[0, 1], [1, 0]])), expected)


@pytest.mark.parametrize("seed", range(5))
def test_the_closed_form_for_two_tasks_is_what_the_turns_lead_to(seed: int) -> None:
    rows = torch.cat([KINDS["spread"](2, 6, seed), torch.zeros(1, 6, dtype=torch.float64)])  # of 0: it takes no part
    order = torch.tensor([[0, 1, 2], [2, 0, 1], [1, 0, 2]])
    whole = project(gramian_of(rows), order)
    torch.testing.assert_close(project(gramian_of(rows[:2]), order[:2, :2]), whole[:2], rtol=1e-14, atol=0)
    assert whole[2] == 1


def test_replicas_meet_in_orders_of_their_own() -> None:
    rows = torch.stack([KINDS["regular"](5, 4, seed) for seed in range(3)])
    orders = torch.stack([torch.rand(5, 5, generator=generator(seed)).argsort(-1) for seed in range(3)])
    together = project(gramian_of(rows), orders)
    for one, order, weights in zip(rows, orders, together, strict=True):
        torch.testing.assert_close(project(gramian_of(one), order), weights, rtol=1e-14, atol=0)


@witness("pcgrad", "closed form")
def test_a_known_pair_has_the_known_weights() -> None:
    rows = torch.tensor([[-4.0, 1, 1], [6, 1, 1]], dtype=torch.float64)
    weights = PCGrad().weigh(evidence_from(rows), Draws.seeded(0))
    torch.testing.assert_close(weights, torch.tensor([1 + 22 / 18, 1 + 22 / 38], dtype=torch.float64))


def test_it_meets_the_other_tasks_in_every_order() -> None:
    rows = torch.tensor([[1.0, 0], [-1, 1.6], [-1.5, -2.5]], dtype=torch.float64)  # three gradients that all conflict
    shown = evidence_from(rows)
    draws = Draws.seeded(0)
    drawn = {tuple(PCGrad().weigh(shown, draws).tolist()) for _ in range(200)}
    possible = set()
    for bits in range(8):
        order = torch.tensor([[1, 2, 0] if bits & 1 else [2, 1, 0],
                              [0, 2, 1] if bits & 2 else [2, 0, 1],
                              [0, 1, 2] if bits & 4 else [1, 0, 2]])  # fmt: skip
        possible.add(tuple(round(w, 9) for w in project(shown.gramian, order).tolist()))
    assert {tuple(round(w, 9) for w in weights) for weights in drawn} == possible
    assert len(possible) == 8
