"""Two methods on the same seeds: differences, their mean with its interval, and a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.analysis.statistics.estimates import LEVEL, Estimate, estimate
from benchmarks.analysis.statistics.significance import t_test


@dataclass(frozen=True)
class Paired:
    """How much one method is above another, seed by seed.

    Attributes:
        differences: by seed, of the seeds that both have.
        estimate: of the mean difference.
        p_value: two-sided, of "the mean difference is 0" (`t_test`); NaN below `MIN_SEEDS` seeds.
    """

    differences: Mapping[int, float]
    estimate: Estimate
    p_value: float


def paired(a: Mapping[int, float], b: Mapping[int, float], level: float = LEVEL) -> Paired:
    """Differences ``a - b`` by seed, in the order of a.

    The same seed means the same initialisation and data order, so that what the two have in common cancels:
    ``Var(a - b) = Var a + Var b - 2 Cov(a, b)``.

    Args:
        a: value by seed.
        b: value by seed; seeds that only one of the two has are left out, and the estimate's count tells.
        level: of the interval.

    Returns:
        Without a common seed, no differences and NaN. A NaN in either makes the mean and the p-value NaN.
    """
    differences = {seed: float(value) - float(b[seed]) for seed, value in a.items() if seed in b}
    return Paired(differences, estimate(differences.values(), level), t_test(differences.values()))
