"""A certificate of a solver for one Gramian says no where its programme is wrong."""

import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch

from balancers import Solution
from balancers.solvers import conflict_averse, dual_cone, min_norm, steepest_in_cone
from balancers.solvers.single import lines, programmes, rows

GRAMIAN = torch.tensor([[1.0, -3.0, 0.5], [-3.0, 25.0, 2.0], [0.5, 2.0, 4.0]], dtype=torch.float64)
MEAN = torch.full((3,), 1 / 3, dtype=torch.float64)
CASES: dict[str, Callable[[], Solution]] = {
    "min_norm": lambda: min_norm(GRAMIAN),
    "dual_cone": lambda: dual_cone(GRAMIAN, MEAN[None]),
    "conflict_averse": lambda: conflict_averse(GRAMIAN, MEAN, 0.4),
    "conic": lambda: steepest_in_cone(GRAMIAN, MEAN, 0.9),
}
PARTS = {"nonnegative": programmes.nonnegative, "nonnegative_rows": rows.nonnegative_rows, "search": lines.search}


def off(point: np.ndarray) -> np.ndarray:
    return point * (1 + 1e-3 * np.arange(point.shape[-1])) + 1e-4


def broken(solve: Callable) -> Callable:
    """The solver of programmes, whose points are off by a thousandth."""

    def wrong(*arguments: object) -> object:
        solution = solve(*arguments)
        return (off(solution[0]), 0.0) if isinstance(solution, tuple) else off(solution)

    return wrong


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_answer_of_the_programme_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CASES[name]().solved.all()
    module = sys.modules[f"balancers.solvers.single.{name}"]
    for part in PARTS.keys() & vars(module).keys():
        monkeypatch.setattr(module, part, broken(PARTS[part]))
    solution = CASES[name]()
    assert not solution.solved.any()
    assert (solution.residual > 1e-6).all()
