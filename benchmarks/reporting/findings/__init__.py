"""How far the numbers of a study can be trusted, and what else they show: one file per finding."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.analysis.results import Results
from benchmarks.reporting.blocks import Block
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

FINDINGS: tuple[Callable[[Results], Block | None], ...] = (
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


def blocks(study: Results) -> list[Block]:
    """All findings that the study has data for, in the order to show them."""
    return [block for finding in FINDINGS if (block := finding(study)) is not None]
