"""Formats of numbers, the same in tables, charts and report."""

from __future__ import annotations

import math

from benchmarks.analysis.statistics import Estimate

NONE = "–"


def number(value: float, like: float | None = None) -> str:
    """Four significant digits; with ``like``, as many decimals as that number gets."""
    size = abs(value if like is None else like)
    if not math.isfinite(value) or not math.isfinite(size):
        return NONE
    if size and not 1e-3 <= size < 1e5:
        return f"{value:.2e}"
    decimals = min(max(0, 3 - math.floor(math.log10(size))), 4) if size else 3
    return f"{value:.{decimals}f}".replace("-", "−")


def percent(value: float) -> str:
    """A signed difference in percent, without its unit, which the heading names."""
    if not math.isfinite(value):
        return NONE
    decimals = 2 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return f"{value:+.{decimals}f}".replace("-", "−")


def spread(value: Estimate) -> str:
    """Mean, standard deviation and number of seeds of a metric."""
    if not value.count:
        return NONE
    sd = f" ± {number(value.sd, like=value.mean)}" if math.isfinite(value.sd) else ""
    return f"{number(value.mean)}{sd} ({value.count})"


def delta(value: Estimate) -> str:
    """A difference in percent, with its interval if there is one."""
    if not value.has_interval:
        return percent(value.mean)
    return f"{percent(value.mean)} [{percent(value.low)}, {percent(value.high)}]"


def ratio(value: float) -> str:
    """A factor, such as a relative cost."""
    return f"{value:.2f}×" if math.isfinite(value) else NONE


def probability(value: float) -> str:
    """A p-value; the smallest ones are shown as "< 0.001"."""
    if not math.isfinite(value):
        return NONE
    return "< 0.001" if value < 1e-3 else f"{value:.3f}"


def plain(value: float, digits: int = 2) -> str:
    """A number with fixed decimals."""
    return f"{value:.{digits}f}" if math.isfinite(value) else NONE


def count(value: int | None, total: int) -> str:
    """A count of a total, as in "3/5"."""
    return f"{NONE if value is None else value}/{total}"
