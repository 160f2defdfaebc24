"""DB-MTL against the paper's steps on explicit gradients, and what is left of it without averages."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from balancers import Balancer, Draws, Evidence, Need, Sizes, create
from balancers.conformance.problems import update_of
from balancers.contract.evidence import as_answer
from balancers.contract.weighting import Heads
from balancers.methods.db_mtl import DBMTL
from balancers.step.products import gramian_of
from tests.balancers.histories import losses_like
from tests.balancers.jacobians import evidence_from, first_weights, regular, spread
from tests.balancers.network import small_network
from tests.balancers.witness import witness
from tests.references.db_mtl import db_mtl


def updates(method: DBMTL, steps: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
    rows = steps[0][0]
    state = method.init(Sizes(rows.shape[0], rows.shape[1], dtype=rows.dtype))
    updates = []
    for gradients, losses in steps:
        shown = evidence_from(gradients, losses)
        answer, state = method.update(shown, state, Draws.seeded(0))
        updates.append(update_of(answer, shown))
    return updates


@witness("db-mtl", "transcription")
@given(st.integers(1, 6), st.floats(0, 0.99), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_it_is_the_papers_algorithm(tasks: int, beta: float, beta_sigma: float, seed: int) -> None:
    history = losses_like(6, tasks, seed)
    steps = [(spread(tasks, 8, seed + i), losses) for i, losses in enumerate(history)]
    expected = db_mtl([(g.numpy(), losses.numpy()) for g, losses in steps], beta, beta_sigma)
    for got, want in zip(updates(DBMTL(beta, beta_sigma), steps), expected, strict=True):
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-9, atol=1e-9 * np.abs(want).max())


@witness("db-mtl", "closed form")
def test_two_tasks_without_averages_have_known_weights() -> None:
    rows = torch.tensor([[3.0, 4.0], [0.0, 2.0]], dtype=torch.float64)  # norms 5 and 2
    losses = torch.tensor([10.0, 0.5], dtype=torch.float64)  # of the logarithms: 0.5 and 4
    weights = first_weights(DBMTL(beta=0.0), rows, losses)
    torch.testing.assert_close(weights, torch.tensor([4 / 5, 4 / 2], dtype=torch.float64))


@witness("db-mtl", "identity")
def test_the_direction_without_averages_does_not_depend_on_the_losses() -> None:
    rows = spread(5, 9, seed=1)
    mean = first_weights(create("normalized-mean"), rows) @ rows
    for losses in losses_like(3, 5, seed=2):
        update = first_weights(DBMTL(beta=0.0), rows, losses) @ rows
        torch.testing.assert_close(update / update.norm(), mean / mean.norm())
        longest = (rows.norm(dim=-1) / losses).max()
        torch.testing.assert_close(update, mean * longest / rows.norm(dim=-1).mean())


@witness("db-mtl", "identity")
def test_one_backward_pass_of_the_logarithms_gives_the_heads_gradients() -> None:
    ours, theirs = small_network(3), small_network(3)
    Balancer("db-mtl", 3).backward(ours.losses(), shared=ours.encoder.parameters())
    torch.stack(theirs.losses()).log().sum().backward()
    for got, want in zip(ours.heads.parameters(), theirs.heads.parameters(), strict=True):
        torch.testing.assert_close(got.grad, want.grad)


def test_the_gramian_is_enough_where_nothing_is_averaged() -> None:
    rows, losses = regular(4, 6, seed=3), torch.full((4,), 2.0, dtype=torch.float64)
    method = DBMTL(beta=0.0)
    state = method.init(Sizes(4, 6))
    assert method.needs_now(state) == Need.LOSSES | Need.GRAMIAN
    answer, following = method.update(Evidence(losses, gramian_of(rows)), state, Draws.seeded(0))
    assert as_answer(answer).gradients is None
    assert following == state == ()
    assert DBMTL().needs_now(DBMTL().init(Sizes(4, 6))) == Need.LOSSES | Need.GRADIENTS


def test_a_small_share_of_the_past_is_nearly_none() -> None:
    steps = [(regular(3, 7, seed), losses) for seed, losses in enumerate(losses_like(4, 3, seed=5))]
    for got, want in zip(updates(DBMTL(beta=1e-9), steps), updates(DBMTL(beta=0.0), steps), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("beta", [0.0, 0.9])
def test_a_task_whose_loss_is_zero_stands_still(beta: float) -> None:
    rows, losses = regular(3, 6, seed=4), torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    shown = evidence_from(rows, losses)
    method = DBMTL(beta)
    answer, _ = method.update(shown, method.init(Sizes(3, 6, dtype=torch.float64)), Draws.seeded(0))
    assert as_answer(answer).heads is not None
    torch.testing.assert_close(as_answer(answer).heads, torch.tensor([0.0, 1.0, 0.5], dtype=torch.float64))
    others = evidence_from(rows[1:], losses[1:])
    expected, _ = method.update(others, method.init(Sizes(2, 6, dtype=torch.float64)), Draws.seeded(0))
    torch.testing.assert_close(update_of(answer, shown), update_of(expected, others))


def test_values_outside_their_range_are_refused() -> None:
    with pytest.raises(ValueError, match="expected beta of at least 0 and below 1"):
        create("db-mtl", beta=1.0)
    with pytest.raises(ValueError, match="expected a finite beta_sigma of at least 0"):
        create("db-mtl", beta_sigma=-0.5)


@pytest.mark.parametrize("heads", ["own", "weighted"])
def test_a_little_averaging_changes_little_whatever_heads_follow(heads: Heads) -> None:
    def gradients(beta: float) -> list[Tensor]:
        network = small_network(2)
        losses = network.losses()
        Balancer("db-mtl", 2, heads=heads, beta=beta).backward(
            [losses[0], 50 * losses[1]], network.encoder.parameters()
        )
        return network.take_gradients()

    for without, a_little in zip(gradients(0.0), gradients(1e-9), strict=True):
        torch.testing.assert_close(a_little, without, rtol=1e-4, atol=1e-6)
