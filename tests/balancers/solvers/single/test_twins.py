"""The twin of every solver for one Gramian against the batched solver: the same update, decision and certificate."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from balancers import Draws, Evidence, Sizes, Solution, create
from balancers.contract.evidence import as_answer
from balancers.contract.exactness import COSINE
from balancers.solvers import (
    bargain,
    conflict_averse,
    dual_cone,
    equal_projections,
    min_norm,
    simplex_qp,
    steepest_in_cone,
)
from balancers.solvers.cosines import angles
from tests.balancers.jacobians import KINDS, generator, regular


def duplicate(tasks: int, dimension: int, seed: int) -> Tensor:
    """Every second gradient is the one before it."""
    rows = regular(tasks, dimension, seed)
    return rows[[index - index % 2 for index in range(tasks)]]


def opposite(tasks: int, dimension: int, seed: int) -> Tensor:
    """The last gradient is the opposite of the first, twice as long."""
    rows = regular(tasks, dimension, seed)
    rows[-1] = -2 * rows[0]
    return rows


def with_zeros(tasks: int, dimension: int, seed: int) -> Tensor:
    """The first gradient is zero."""
    rows = regular(tasks, dimension, seed)
    rows[0] = 0
    return rows


def far_apart(tasks: int, dimension: int, seed: int) -> Tensor:
    """Norms from 1e-8 to 1e8."""
    exponents = 16 * torch.rand(tasks, 1, generator=generator(seed), dtype=torch.float64) - 8
    return regular(tasks, dimension, seed) * 10**exponents


PROBLEMS = KINDS | {f.__name__: f for f in (duplicate, opposite, with_zeros, far_apart)}
SHAPES = [(1, 3), (2, 3), (2, 1), (3, 6), (3, 2), (11, 22), (11, 5), (40, 80), (40, 20)]
CLOSE = 1e-8  # relative to the terms of an update


def mean(gramian: Tensor) -> Tensor:
    return torch.full_like(gramian[..., 0], 1 / gramian.shape[-1])


SOLVERS: dict[str, Callable[[Tensor], Solution]] = {
    "min_norm": min_norm,
    "dual_cone of the mean": lambda g: dual_cone(g, mean(g)[..., None, :]),
    "dual_cone of every gradient": lambda g: dual_cone(g, torch.eye(g.shape[-1], dtype=g.dtype).expand_as(g)),
    "conflict_averse": lambda g: conflict_averse(g, mean(g), 0.4),
    "conflict_averse, wide": lambda g: conflict_averse(g, mean(g), 2.0),
    "steepest_in_cone": lambda g: steepest_in_cone(g, mean(g), 0.5),
    "steepest_in_cone, narrow": lambda g: steepest_in_cone(g, mean(g), 0.9),
    "bargain": lambda g: bargain(g, 1.0),
    "bargain for alpha 2": lambda g: bargain(g, 2.0),
    "bargain for alpha 0.3": lambda g: bargain(g, 0.3),
    "equal_projections": lambda g: equal_projections(angles(g).cosines),
}


def assert_twins(alone: Solution, together: Solution, rows: Tensor) -> None:
    """The decision is the same, and what counts as solved is the same update.

    Where certificates are near their limit, rounding may decide.
    """
    # Rounding of the smallest update that a certificate lets pass decides where two residuals lie about the limit.
    limit = (alone.residual.isfinite() & together.residual.isfinite()) & (
        torch.maximum(alone.residual, together.residual) > COSINE
    )
    assert ((alone.solved == together.solved) | limit).all()
    both = alone.solved & together.solved
    sizes = (together.point.abs() * rows.norm(dim=-1)).sum(-1)
    away = ((alone.point - together.point) @ rows).norm(dim=-1)
    assert (away <= CLOSE * sizes)[both].all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("name", SOLVERS)
def test_one_gramian_is_solved_as_a_replica_is(name: str, kind: str, shape: tuple[int, int]) -> None:
    for seed in range(2):
        rows = PROBLEMS[kind](*shape, seed)
        gramian = rows @ rows.T
        before = gramian.clone()
        alone, batch = SOLVERS[name](gramian), SOLVERS[name](gramian[None])
        assert_twins(alone, Solution(*(part[0] for part in batch)), rows)
        assert alone.point.isfinite().all()
        assert torch.equal(gramian, before)


METHODS = {
    "config": {},
    "imtl-g": {},
    "imtl": {},
    "aligned-mtl": {},
    "pcd": {"tau": 0.1},
    "epo": {},
    "sdmgrad": {"learning_rate": 0.1},
    "modo": {},
    "moco": {},
    "nash-mtl": {"max_norm": 0.5},
}


@pytest.mark.parametrize("shape", [(1, 3), (2, 3), (3, 6), (11, 22), (40, 80), (11, 5)])
@pytest.mark.parametrize("kind", ["regular", "spread", "weakly stationary", "with_zeros"])
@pytest.mark.parametrize("name", METHODS)
def test_a_method_gives_one_problem_the_weights_of_a_replica(name: str, kind: str, shape: tuple[int, int]) -> None:
    rows = PROBLEMS[kind](*shape, 0)
    losses = torch.rand(len(rows), generator=generator(1), dtype=torch.float64) + 0.1
    gramian, method = rows @ rows.T, create(name, **METHODS[name])
    alone = Evidence(losses, gramian, rows, gramian)
    batch = Evidence(losses[None], gramian[None], rows[None], gramian[None])
    sizes = Sizes(*shape, dtype=torch.float64)
    state, states = method.init(sizes), method.init(Sizes(*shape, batch=(1,), dtype=torch.float64))
    for _ in range(2):
        answer, state = method.update(alone, state, Draws.seeded(0))
        answers, states = method.update(batch, states, Draws.seeded(0, (1,)))
        weights, expected = as_answer(answer).weights, as_answer(answers).weights[0]
        sizes_of_terms = (expected.abs() * rows.norm(dim=-1)).sum()
        assert ((weights - expected) @ rows).norm() <= CLOSE * sizes_of_terms
        for part, parts in zip(state, states, strict=True):
            assert part.shape == parts[0].shape
            assert part.dtype == parts.dtype


def test_a_quadratic_programme_has_one_solution() -> None:
    for seed in range(20):
        rows = regular(5, 7, seed)
        linear = regular(1, 5, seed + 100)[0]
        gramian = rows @ rows.T
        torch.testing.assert_close(simplex_qp(gramian, linear).point, simplex_qp(gramian[None], linear[None]).point[0])
    with pytest.raises(ValueError, match="not zero"):
        simplex_qp(torch.zeros(2, 2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64))
