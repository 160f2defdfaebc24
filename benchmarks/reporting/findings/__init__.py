"""Findings in a results folder, one file each: how reliable its numbers are, and what else they show."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.analysis.results import Results
from benchmarks.reporting.blocks import ReportBlock
from benchmarks.reporting.findings import (
    cost,
    invariances,
    optimism,
    ranking,
    ranks,
    sensitivity,
    target,
    transfer,
    trials,
    trivial_baseline,
    typical,
)

FINDINGS: tuple[Callable[[Results], ReportBlock | None], ...] = (
    transfer.block,
    trivial_baseline.block,
    typical.block,
    sensitivity.block,
    ranking.block,
    ranks.block,
    optimism.block,
    trials.block,
    cost.block,
    target.block,
    invariances.block,
)


def blocks(results: Results) -> list[ReportBlock]:
    """All findings that the results have data for, in the order to show them."""
    return [block for finding in FINDINGS if (block := finding(results)) is not None]
