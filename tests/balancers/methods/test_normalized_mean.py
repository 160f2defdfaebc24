"""The normalized mean against its closed form, and the methods that it is a part of."""

import pytest
import torch

from balancers import create
from tests.balancers.jacobians import KINDS, first_weights, regular, spread
from tests.balancers.witness import witness


@witness("normalized-mean", "closed form")
def test_two_gradients_of_known_norms_get_their_mean() -> None:
    rows = torch.tensor([[3.0, 4.0], [0.0, -15.0]], dtype=torch.float64)  # norms 5 and 15, mean 10
    expected = torch.tensor([2.0, 2 / 3], dtype=torch.float64)
    torch.testing.assert_close(first_weights(create("normalized-mean"), rows), expected)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_task_has_the_mean_length_in_the_update(kind: str) -> None:
    rows = KINDS[kind](5, 12, 1)
    weights = first_weights(create("normalized-mean"), rows)
    norms = rows.norm(dim=-1)
    torch.testing.assert_close(weights * norms, norms.mean().expand(5))


@witness("normalized-mean", "identity")
def test_gradients_of_equal_norms_are_summed() -> None:
    rows = regular(4, 9, seed=2)
    rows = 7 * rows / rows.norm(dim=-1, keepdim=True)
    weights = first_weights(create("normalized-mean"), rows)
    torch.testing.assert_close(weights, torch.ones(4, dtype=torch.float64))


@witness("normalized-mean", "identity")
def test_the_direction_is_that_of_db_mtl_without_averages() -> None:
    rows = spread(5, 9, seed=3)
    losses = torch.tensor([0.1, 3.0, 7.0, 0.02, 1.0], dtype=torch.float64)
    ours = first_weights(create("normalized-mean"), rows) @ rows
    theirs = first_weights(create("db-mtl", beta=0.0), rows, losses) @ rows
    torch.testing.assert_close(ours / ours.norm(), theirs / theirs.norm())


def test_a_task_without_gradient_changes_nothing_for_the_others() -> None:
    rows = regular(3, 6, seed=4)
    alone = first_weights(create("normalized-mean"), rows)
    beside = first_weights(create("normalized-mean"), torch.cat([rows, 0 * rows[:1]]))
    torch.testing.assert_close(beside, torch.cat([alone, torch.zeros(1, dtype=torch.float64)]))
