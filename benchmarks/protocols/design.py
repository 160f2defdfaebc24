"""The design of a search: which settings a row tries, the same number for every row, from one quasi-random sequence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import qmc

from balancers import Interval, Simplex, Space

DIMENSIONS = 64  # of the sequence; a row uses the first few
DESIGN_SEED = 0


class Trial(NamedTuple):
    """Settings that a row tries. Number 0 is the method's defaults with the usual learning rate."""

    number: int
    learning_rate: float
    hyperparameters: dict[str, Any]


def trials(count: int, usual: float, ends: Sequence[float], spaces: Mapping[str, Space], tasks: int) -> Iterator[Trial]:
    """The trials of one row.

    Args:
        count: how many, the defaults included.
        usual: the learning rate of the first.
        ends: the lowest and the highest learning rate.
        spaces: of the row's own hyperparameters. Learning rates are the same for all rows, whatever these are.
        tasks: their number.

    Raises:
        ValueError: the spaces take more coordinates than there are.
    """
    yield Trial(0, usual, {})
    rates = Interval(min(ends), max(ends), log=True)
    wanted = 1 + sum(space.coordinates(tasks) for space in spaces.values())
    if wanted > DIMENSIONS:
        raise ValueError(f"a search has at most {DIMENSIONS} coordinates, and this one would take {wanted}")
    for number, point in enumerate(_sequence(count - 1), 1):
        hyperparameters, start = {}, 1
        for name, space in spaces.items():
            end = start + space.coordinates(tasks)
            hyperparameters[name] = space.at(point[start:end])
            start = end
        yield Trial(number, rates.at(point[:1]), hyperparameters)


def front(points: int, tasks: int, scales: Sequence[float]) -> list[list[float]]:
    """Fixed weights all over the simplex, relative to the scales of the losses: evenly spaced for two tasks."""
    simplex = Simplex(tuple(scales))
    if tasks == 2:
        return [simplex.at([i / (points + 1)]) for i in range(1, points + 1)]
    return [simplex.at(point[: tasks - 1]) for point in _sequence(points)]


def relative_to(scales: Sequence[float], spaces: Mapping[str, Space]) -> dict[str, Space]:
    """The same spaces, weights in them relative to the scales of the losses."""
    return {
        name: replace(space, scales=tuple(scales)) if isinstance(space, Simplex) else space
        for name, space in spaces.items()
    }


@cache
def _sequence(count: int) -> list[list[float]]:
    """The first points of a scrambled Halton sequence in the unit cube, (count, `DIMENSIONS`)."""
    points: np.ndarray = qmc.Halton(DIMENSIONS, scramble=True, rng=np.random.default_rng(DESIGN_SEED)).random(count)
    return points.tolist()
