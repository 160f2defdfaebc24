"""Search spaces of hyperparameters, which methods declare.

A space maps points of the unit cube to values, so that any design of points (random, quasi-random, a grid) becomes a
design of settings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any

DIGITS = 3  # of searched numbers: finer differences mean nothing, and short ones can be read


class Space(ABC):
    """The values that one hyperparameter may have.

    Example:
        >>> from balancers import create
        >>> {name: space.at([0.5]) for name, space in create("cagrad").space.items()}
        {'c': 0.5}
    """

    def coordinates(self, tasks: int) -> int:  # noqa: ARG002
        """How many coordinates a value takes, given the number of tasks."""
        return 1

    @abstractmethod
    def at(self, point: Sequence[float]) -> Any:
        """The value at a point whose coordinates lie in [0, 1]."""


@dataclass(frozen=True)
class Interval(Space):
    """Numbers between two ends, evenly, or evenly in their logarithm.

    Example:
        >>> from balancers import Interval
        >>> Interval(0.0, 8.0).at([0.5])
        4.0
        >>> Interval(0.01, 100.0, log=True).at([0.5])
        1.0
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(f"expected an interval with low < high, above 0 if logarithmic, got {self}")

    def at(self, point: Sequence[float]) -> float:
        """The number at a coordinate."""
        (u,) = point
        value = self.low * (self.high / self.low) ** u if self.log else self.low + (self.high - self.low) * u
        return float(f"{value:.{DIGITS}g}")


@dataclass(frozen=True)
class Choice(Space):
    """One of several values.

    Example:
        >>> from balancers import Choice
        >>> Choice(("none", "l2")).at([0.75])
        'l2'
    """

    options: tuple[Any, ...]

    def at(self, point: Sequence[float]) -> Any:
        """The option at a coordinate."""
        (u,) = point
        return self.options[min(int(u * len(self.options)), len(self.options) - 1)]


@dataclass(frozen=True)
class Simplex(Space):
    """Weights, one per task, that sum to the number of tasks; uniform points give weights uniform on the simplex.

    With the ``scales`` of the losses, it is the weights times the scales that are uniform.

    Example:
        Three tasks have two coordinates, which cut the unit interval into pieces of 0.25, 0.25 and 0.5.

        >>> from balancers import Simplex
        >>> Simplex().at([0.5, 0.25])
        [0.75, 0.75, 1.5]
    """

    scales: tuple[float, ...] = ()

    def coordinates(self, tasks: int) -> int:
        """The number of tasks minus 1."""
        return tasks - 1

    def at(self, point: Sequence[float]) -> list[float]:
        """The gaps between the sorted coordinates over the scales, normalised."""
        gaps = [b - a for a, b in pairwise([0.0, *sorted(point), 1.0])]
        weights = [gap / scale for gap, scale in zip(gaps, self.scales or [1.0] * len(gaps), strict=True)]
        return [float(f"{len(gaps) * weight / sum(weights):.{DIGITS}g}") for weight in weights]


def searching(**spaces: Space) -> Mapping[str, Space]:
    """A read-only mapping of spaces by the name of the hyperparameter.

    Example:
        >>> from balancers import Interval, searching
        >>> list(searching(c=Interval(0.1, 0.9)))
        ['c']
    """
    return MappingProxyType(spaces)
