"""Comparisons with equal weights, tuned weights and the front of fixed weights, as cells of tables and as sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.analysis.comparison import ALPHA, Deltas, Gain, chosen, of_equal_compute
from benchmarks.analysis.fronts import WeightFront
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import LEVEL
from benchmarks.reporting import formats, headline
from benchmarks.reporting.blocks import Cells, Legend, ReportBlock

TEXT = (
    "Difference of Δ taskwise to {reference}, in points, between runs of the same seed. Positive: the method is better."
)
SAME_COMPUTE = (
    " Both are measured when they have used as much compute as equal weights use in all their steps. A method with "
    "expensive steps has then taken fewer of them."
)
LEGEND: Legend = (
    ("all suites", f"mean difference over all suites, with its {LEVEL:.0%} interval"),
    ("p", "p-value of Welch's test: the mean difference over these suites is 0"),
    ("corrected p", "the same p-value, corrected for the number of methods by Holm's method"),
    ("P(better)", "probability that a run of the method beats a run of the reference; mean over suites"),
    ("*", f"significant on this suite: p < {ALPHA:.2g}, corrected for the number of methods on the suite"),
    ("–", "not tested: too few seeds, a missing suite, or a copy of another method"),
)


def tested(results: Results) -> list[str]:
    """The methods that differ significantly from tuned weights, in sentences; none without tuned weights."""
    return [] if results.tuned_weights is None else headline.against(results.gains(), results.reference)


def blocks(results: Results) -> list[ReportBlock]:
    """Every method against tuned weights, at the same epochs and at the same compute, and against equal weights."""
    tuned, equal = results.tuned_weights, results.aggregates.equal_weights
    against_tuned = (
        []
        if tuned is None
        else [
            _block(results, "gains", tuned, chosen),
            _block(results, "gains-same-compute", tuned, of_equal_compute),
        ]
    )
    every = [*against_tuned, _block(results, "gains-equal-weights", equal, chosen)]
    first, *others = [block for block in every if block.table is not None] or [None]
    return [] if first is None else [first, *(block._replace(legend=()) for block in others)]  # one legend for all


def _block(results: Results, anchor: str, reference: str, deltas: Deltas) -> ReportBlock:
    gains = results.gains(reference, deltas)
    same = deltas is of_equal_compute
    return ReportBlock(
        anchor=anchor,
        title=f"Against {reference}{', with the same compute' if same else ''}",
        text=TEXT.format(reference=reference) + (SAME_COMPUTE if same else ""),
        table=cells(gains, [suite.name for suite in results.aggregates.suites]) if gains else None,
        legend=LEGEND,
    )


def cells(gains: Sequence[Gain], suites: Sequence[str]) -> Cells:
    """Heading and lines of a comparison with a reference."""
    head = ["method", "all suites", "p", "corrected p", "P(better)", *suites]

    def on(gain: Gain, suite: str) -> str:
        if suite not in gain.by_suite:
            return formats.NONE
        star = "*" if gain.corrected_by_suite[suite] < ALPHA else ""
        return formats.delta(gain.by_suite[suite].estimate) + star

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


FRONT_TITLE = "Against the front of fixed weights"
FRONT_TEXT = (
    "Distance to the front of fixed weights: the results that weighted sums of the losses attain with several fixed "
    "weights, in points of the difference to single-task."
)
FRONT_LEGEND: Legend = (
    ("+a", "the method beats the front by a points on every task: no fixed weights tried do as well"),
    ("−a", "the method lies behind the front: it would have to gain a points on every task to reach it"),
    ("(a)", "some fixed weights are at least as good on every task, and better on one"),
    ("adds", "growth of the hypervolume that the front dominates when the method joins it, in percent"),
    ("–", "no result"),
)


def front_cells(fronts: Sequence[WeightFront]) -> Cells | None:
    """Heading and lines of the comparison with the fronts of fixed weights; none without a front."""
    if not fronts:
        return None
    methods = dict.fromkeys(method for front in fronts for method in front.rows)

    def on(front: WeightFront, method: str) -> str:
        if method not in front.ahead:
            return formats.NONE
        text = formats.percent(front.ahead[method])
        return f"({text})" if front.dominated[method] else text

    def adds(front: WeightFront, method: str) -> str:
        return formats.plain(front.adds.get(method, math.nan))

    head = ["method", *(cell for front in fronts for cell in (front.suite, f"{front.suite}: adds"))]
    lines = [
        [method, *(cell for front in fronts for cell in (on(front, method), adds(front, method)))] for method in methods
    ]
    return head, lines
