"""How large a difference so many seeds can find."""

from __future__ import annotations

import math
from functools import lru_cache

from scipy import optimize, stats
from scipy.special import stdtrit

from benchmarks.analysis.statistics.estimates import LEVEL


def power_of(difference: float, sd: float, n: int, level: float = LEVEL) -> float:
    """Chance that a two-sided paired t-test of n seeds finds a true mean difference.

    ``P(|T| > t_n-1)`` for T noncentral t with n - 1 degrees of freedom and noncentrality ``δ √n / σ``.

    Args:
        difference: δ, the true mean of the differences; its sign does not matter.
        sd: σ, the standard deviation of the differences over seeds, in the same unit.
        n: number of seeds.
        level: 1 minus the size of the test.

    Returns:
        Between ``1 - level`` and 1; NaN below 2 seeds or for a NaN.

    Raises:
        ValueError: ``sd`` is negative.

    *Reference: Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, chapter 2.*
    """
    if sd < 0:
        raise ValueError(f"a standard deviation is not negative, but it is {sd}")
    if n < 2 or math.isnan(sd) or math.isnan(difference):
        return math.nan
    if difference == 0:
        return 1 - level
    return _power(abs(difference) / sd, n, level) if sd else 1.0


def smallest_detectable(sd: float, n: int, power: float = 0.8, level: float = LEVEL) -> float:
    """The true mean difference that a two-sided paired t-test of n seeds finds with the given power.

    The δ at which `power_of` is ``power``: 1.68 σ for 5 seeds and 1.00 σ for 10, at 80 % power and 95 %.

    Args:
        sd: σ, the standard deviation of the differences over seeds.
        n: number of seeds.
        power: the chance to find it, above ``1 - level``.
        level: 1 minus the size of the test.

    Returns:
        δ in the unit of ``sd``; NaN below 2 seeds or for a NaN.

    Raises:
        ValueError: ``sd`` is negative, or ``power`` is not between ``1 - level`` and 1.
    """
    if sd < 0:
        raise ValueError(f"a standard deviation is not negative, but it is {sd}")
    if not 1 - level < power < 1:
        raise ValueError(f"the power must lie between {1 - level:.3g} and 1, but it is {power}")
    return math.nan if n < 2 else sd * _effect(n, power, level)


@lru_cache(maxsize=256)
def _effect(n: int, power: float, level: float) -> float:
    """The detectable δ / σ."""
    largest = 1.0
    while _power(largest, n, level) < power:
        largest *= 2
    solution = optimize.root_scalar(lambda effect: _power(effect, n, level) - power, bracket=(0, largest))
    return float(solution.root)


def _power(effect: float, n: int, level: float) -> float:
    """Power for a difference of ``effect`` standard deviations."""
    shift = effect * math.sqrt(n)
    critical = float(stdtrit(n - 1, (1 + level) / 2))
    tails = stats.nct.sf(critical, n - 1, [shift, -shift])  # the lower tail mirrored: scipy's own is NaN far out
    return float(tails.sum())
