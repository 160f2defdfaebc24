"""Comparisons with fixed weights, tuned ones and their front, as cells of tables and as sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.analysis.comparison import ALPHA, Deltas, Gain, chosen, of_equal_compute
from benchmarks.analysis.fronts import Front
from benchmarks.analysis.results import Results
from benchmarks.reporting import formats, headline
from benchmarks.reporting.blocks import Block, Cells

EXPLANATION = (
    "Difference of Δ taskwise to the reference in the runs of the same seed, in points, with 95 % intervals. *p*: of "
    "no difference over all suites (Welch's test on paired differences), then corrected for the number of rows by "
    "Holm's method. *P(better)*: the chance that a run beats one of the reference, on average over suites. A star: the "
    "difference on that suite is significant after the same correction."
)
SAME_COMPUTE = (
    " Every run is seen after as much compute as equal weights spend on all their steps: methods whose steps cost more "
    "have taken fewer of them."
)


def tested(study: Results) -> list[str]:
    """What beats tuned weights, in sentences; none without that row."""
    return [] if study.tuned_weights is None else headline.against(study.gains(), study.reference)


def blocks(study: Results) -> list[Block]:
    """Every row against tuned weights, at the same epochs and at the same compute, and against equal weights."""
    tuned, equal = study.tuned_weights, study.aggregates.equal_weights
    made = (
        []
        if tuned is None
        else [
            _block(study, "gains", tuned, chosen),
            _block(study, "gains-same-compute", tuned, of_equal_compute),
        ]
    )
    found = [*made, _block(study, "gains-equal-weights", equal, chosen)]
    return [block for block in found if block.table is not None]


def _block(study: Results, anchor: str, reference: str, deltas: Deltas) -> Block:
    gains = study.gains(reference, deltas)
    same = deltas is of_equal_compute
    return Block(
        anchor=anchor,
        title=f"Against {reference}{', with the same compute' if same else ''}",
        text=EXPLANATION + (SAME_COMPUTE if same else ""),
        table=cells(gains, [suite.name for suite in study.aggregates.suites]) if gains else None,
    )


def cells(gains: Sequence[Gain], suites: Sequence[str]) -> Cells:
    """Heading and rows of a comparison with a reference."""
    head = ["row", "all suites", "p", "corrected p", "P(better)", *suites]

    def on(gain: Gain, suite: str) -> str:
        if suite not in gain.by_suite:
            return formats.NONE
        sure = "*" if gain.corrected_by_suite[suite] < ALPHA else ""
        return formats.delta(gain.by_suite[suite].estimate) + sure

    lines = [
        [
            gain.row,
            formats.delta(gain.overall),
            formats.probability(gain.p_value),
            formats.probability(gain.corrected),
            formats.plain(gain.improvement.mean),
            *(on(gain, suite) for suite in suites),
        ]
        for gain in gains
    ]
    return head, lines


FRONT = (
    "In points of the difference to single-task: above 0, how much better on every task a weighted sum of the losses "
    "would have to be to do as well as the row; below 0, how much better on every task the row would have to be to do "
    "as well as some weighted sum. In brackets: some weights are at least as good on every task. *Adds*: by how "
    "much the row enlarges the hypervolume that the front dominates, in percent."
)


def front_cells(found: Sequence[Front]) -> Cells | None:
    """Heading and rows of the comparison with the fronts of fixed weights; none without a front."""
    if not found:
        return None
    rows = dict.fromkeys(row for front in found for row in front.rows)

    def on(front: Front, row: str) -> str:
        if row not in front.ahead:
            return formats.NONE
        text = formats.percent(front.ahead[row])
        return f"({text})" if front.dominated[row] else text

    def adds(front: Front, row: str) -> str:
        return formats.plain(front.adds.get(row, math.nan))

    head = ["row", *(cell for front in found for cell in (front.suite, f"{front.suite}: adds"))]
    return head, [[row, *(cell for front in found for cell in (on(front, row), adds(front, row)))] for row in rows]
