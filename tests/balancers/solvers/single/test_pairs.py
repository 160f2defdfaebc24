"""Closed forms for two gradients against the batched solvers, on thousands of pairs of every kind."""

from functools import cache

import pytest
import torch
from torch import Tensor

from balancers.contract.exactness import DOUBLE
from balancers.solvers.single import pair_updates, pairs
from tests.balancers.jacobians import generator
from tests.balancers.solvers.single.test_twins import SOLVERS

COUNT = 1600
ROUNDS = 1e-9  # 1 plus the cosine, from which on a certificate does not hang on rounding
APART = 1e8  # the ratio of two norms, up to which it does not


@cache
def gradients() -> Tensor:
    """Random pairs, near-opposite, near-parallel, opposite, duplicate, zero, of one orthant, and very unequal ones."""
    draws = generator(0)
    rows = torch.randn(COUNT, 2, 3, generator=draws, dtype=torch.float64)
    shares = torch.rand(COUNT, 3, generator=draws, dtype=torch.float64)
    kind = torch.arange(COUNT) % 8
    near = 10 ** (-8 * shares[:, :1]) * rows[:, 1]
    rows[:, 1] = torch.where((kind == 1)[:, None], near - 3 * shares[:, 1:2] * rows[:, 0], rows[:, 1])
    rows[:, 1] = torch.where((kind == 2)[:, None], near + 3 * shares[:, 1:2] * rows[:, 0], rows[:, 1])
    rows[:, 1] = torch.where((kind == 3)[:, None], -rows[:, 0], rows[:, 1])
    rows[kind == 4, 1] = rows[kind == 4, 0]
    rows[(kind == 5) & (shares[:, 2] < 0.5), 1] = 0
    rows[kind == 6] = rows[kind == 6].abs()
    rows[kind == 7] *= 10 ** (16 * torch.rand(int((kind == 7).sum()), 2, 1, generator=draws, dtype=torch.float64) - 8)
    return rows


@pytest.mark.parametrize("name", SOLVERS)
def test_closed_forms_decide_and_answer_as_the_general_solvers(name: str) -> None:
    rows = gradients()
    gramians = rows @ rows.mT
    together = SOLVERS[name](gramians)
    for pair, gramian, *expected in zip(rows, gramians, *together, strict=True):
        point, _, solved = expected
        alone = SOLVERS[name](gramian)
        norms = pair.norm(dim=-1)
        alike = norms.max() < APART * norms.min() and 1 + gramian[0, 1] / norms.prod() > ROUNDS
        sure = alike or norms.min() == 0 or name == "min_norm"
        assert torch.equal(alone.solved, solved) or not sure
        away, size = ((alone.point - point) @ pair).norm(dim=-1), (point.abs() * norms).sum(-1)
        assert (away <= 1e-8 * size)[alone.solved & solved].all()
        assert alone.point.isfinite().all()


def test_closed_forms_are_used_wherever_they_are_exact() -> None:
    rows = gradients()[::8]
    mean = torch.full((2,), 0.5, dtype=torch.float64).numpy()
    for gramian in (rows @ rows.mT).numpy():
        pair = pairs.pair_of(gramian)
        if pair is None:
            assert abs(gramian[0, 1]) > 0.9998 * (gramian[0, 0] * gramian[1, 1]) ** 0.5
            continue
        assert pair_updates.averse_pair(pair, mean, 0.4, DOUBLE) is not None
        assert pairs.shortest_of_pair(pair, DOUBLE).residual < 1e-12


def test_pairs_that_may_be_stationary_go_the_general_way() -> None:
    rows = gradients()
    kind = torch.arange(COUNT) % 8
    for index in (3, 4):
        assert all(pairs.pair_of((pair @ pair.T).numpy()) is None for pair in rows[kind == index])
