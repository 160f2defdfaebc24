"""How far two orders of the same methods agree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


def kendall(a: ArrayLike, b: ArrayLike) -> float:
    """Kendall's τ-b between the orders that two scores give.

    ``(C - D) / √((C + D + T_a) (C + D + T_b))`` with C and D the pairs of methods that both order alike and contrarily,
    and T the pairs tied by one of them only: 1 for the same order, -1 for the reversed one, 0 on average for chance.

    Args:
        a: (methods,) scores.
        b: (methods,) scores of the same methods, larger meaning the same. Methods that are NaN in either are left out.

    Returns:
        τ; NaN below two methods or where one score ties all of them.

    Raises:
        ValueError: the two are not vectors of one length.

    *Reference: Kendall, The treatment of ties in ranking problems, Biometrika 1945.*
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"expected two scores per method, but have {first.shape} and {second.shape}")
    in_both = ~(np.isnan(first) | np.isnan(second))
    first, second = first[in_both], second[in_both]
    if len(first) < 2 or np.all(first == first[0]) or np.all(second == second[0]):
        return math.nan
    return float(np.asarray(stats.kendalltau(first, second))[0])


@dataclass(frozen=True)
class Stability:
    """How far the order of methods is the same in several columns.

    Attributes:
        mean: of τ over the pairs of columns that have one; NaN without any. Pairs share columns, so that their spread
            is no standard error.
        pairs: τ by pair of columns, each pair once; NaN where it does not exist.
    """

    mean: float
    pairs: Mapping[tuple[int, int], float]

    @property
    def left_out(self) -> tuple[tuple[int, int], ...]:
        """The pairs that the mean is without."""
        return tuple(pair for pair, tau in self.pairs.items() if math.isnan(tau))


def stability(scores: ArrayLike) -> Stability:
    """Mean of `kendall` over all pairs of columns.

    Args:
        scores: (columns, methods): seeds, suites, aggregates or optimisers, in each of which larger means the same.
            NaN is a method without a result; each pair of columns is compared over the methods that both have.

    Raises:
        ValueError: the scores are not a matrix.
    """
    columns = np.asarray(scores, dtype=float)
    if columns.ndim != 2:
        raise ValueError(f"scores must be (columns, methods), not of shape {columns.shape}")
    pairs = {(i, j): kendall(columns[i], columns[j]) for i, j in combinations(range(len(columns)), 2)}
    taus = [tau for tau in pairs.values() if not math.isnan(tau)]
    return Stability(float(np.mean(taus)) if taus else math.nan, pairs)
