"""Comparisons with fixed weights, tuned ones and their front, as cells of tables and as sentences."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import answer, formats
from benchmarks.comparison import ALPHA, Gain
from benchmarks.fronts import Front
from benchmarks.study import Study

Cells = tuple[list[str], list[list[str]]]  # heading and rows

EXPLANATION = (
    "Difference of Δ taskwise to the reference in the runs of the same seed, in points, with 95 % intervals. *p*: of "
    "no difference over all suites (Welch's test on paired differences), then corrected for the number of rows by "
    "Holm's method. *P(better)*: the chance that a run beats one of the reference, on average over suites. A star: the "
    "difference on that suite is significant after the same correction."
)


def found(study: Study) -> tuple[Cells | None, list[str]]:
    """Heading and rows of the comparison with tuned weights, and its outcome in sentences; none without that row."""
    if study.tuned_weights is None:
        return None, []
    gains = study.gains()
    return cells(gains, [suite.name for suite in study.aggregates.suites]), answer.against(gains, study.reference)


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
    "as well as some weighted sum. In brackets: some weights are at least as good on every task."
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

    return ["row", *(front.suite for front in found)], [[row, *(on(front, row) for front in found)] for row in rows]
