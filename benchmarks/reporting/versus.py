"""Comparison of two methods of one results folder, or of two results folders of one protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from balancers.naming.suggest import nearest
from benchmarks.analysis.comparable import training
from benchmarks.analysis.comparison import ALPHA, Gain, gains
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import MIN_SEEDS, Paired, holm, paired, probability_of_improvement
from benchmarks.analysis.summaries import RowSummary, SuiteSummary
from benchmarks.records import agreement
from benchmarks.records.record import SINGLE_TASK, Record
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Legend, ReportBlock
from benchmarks.reporting.words import listed, plural

TEXT = "Δ taskwise, and its difference between runs of the same seed."
LEGEND: Legend = (
    ("Δ", "difference to single-task in percent; positive is better"),
    ("difference", "in points of Δ"),
    ("[a, b]", f"95 % interval; given from {MIN_SEEDS} seeds on"),
    ("–", "nothing to show, or not tested"),
)


def methods(results: Results, a: str, b: str) -> ReportBlock:
    """Method ``a`` minus method ``b``, suite by suite and over all suites.

    Raises:
        ValueError: the results have no such method, or both are the same.
    """
    labels = [row for row in results.aggregates.rows if row != SINGLE_TASK]
    for name in (a, b):
        if name not in labels:
            raise ValueError(f"the results have no method {name!r}{nearest(name, labels)}")
    if a == b:
        raise ValueError(f"{a!r} cannot be compared with itself; name two methods")
    one = gains(replace(results.aggregates, rows=(a,)), b)
    if not one:
        raise ValueError(f"{a!r} and {b!r} have no finished runs of the same seed on any suite")
    gain = one[0]
    head = ["suite", f"Δ {a}", f"Δ {b}", "difference", "p", f"P({a} better)", "seeds"]
    lines = [_suite(suite, gain, b) for suite in results.aggregates.suites if suite.name in gain.by_suite]
    if len(lines) > 1:
        over = formats.delta(gain.overall), formats.probability(gain.p_value), formats.plain(gain.improvement.mean)
        lines.append(["all suites", *_means(results, a, b), *over, formats.NONE])
    return ReportBlock("compare", f"{a} against {b}", TEXT, (head, lines), (_verdict(gain, b),), LEGEND)


def _suite(suite: SuiteSummary, gain: Gain, b: str) -> list[str]:
    ours, theirs = suite.row(gain.row), suite.row(b)
    assert ours is not None, "both have runs"
    assert theirs is not None, "both have runs"
    pair = gain.by_suite[suite.name]
    chance = probability_of_improvement({suite.name: ours.deltas}, {suite.name: theirs.deltas})
    deltas = [formats.delta(row.delta_taskwise) for row in (ours, theirs)]
    test = [formats.probability(pair.p_value), formats.plain(chance.mean), str(len(pair.differences))]
    return [suite.name, *deltas, formats.delta(pair.estimate), *test]


def _means(results: Results, a: str, b: str) -> list[str]:
    overall = {row.row: row for row in results.aggregates.overall}
    return [formats.delta(overall[name].delta_taskwise) for name in (a, b)]


def _verdict(gain: Gain, b: str) -> str:
    single = next(iter(gain.by_suite.values())) if len(gain.by_suite) == 1 else None
    estimate, p = (single.estimate, single.p_value) if single else (gain.overall, gain.p_value)
    where = f"on {next(iter(gain.by_suite))}" if single else f"over {len(gain.by_suite)} suites"
    points = f"{formats.delta(estimate)} points {where}"
    if not p >= 0:
        return f"{gain.row} minus {b}: {points}. Nothing can be tested: a test needs {MIN_SEEDS} seeds on every suite."
    direction = "better" if estimate.mean > 0 else "worse"
    verdict = f"significantly {direction} than" if p < ALPHA else "not significantly different from"
    return f"{gain.row} is {verdict} {b}: {points}, p {'<' if p < 1e-3 else '='} {max(p, 1e-3):.3g}."


FOLDERS: Legend = (
    *LEGEND,
    ("corrected p", "p-value of the difference, corrected for the number of methods by Holm's method"),
    ("equal runs", "runs with the same numbers in both folders / runs that both have"),
    ("metrics differ by", "largest relative difference of a metric"),
)


class _Shared(NamedTuple):
    """The results of one row in two folders on one suite."""

    row: str
    first: RowSummary
    second: RowSummary
    change: Paired  # second minus first
    pairs: list[tuple[Record, Record]]  # runs of the same cell


def folders(a: Results, b: Results) -> list[ReportBlock]:
    """The differences of results ``b`` to results ``a``: a block for each suite that both have.

    Raises:
        ValueError: they have different protocols or versions, or no suite in common.
    """
    if not (a.asked.protocol and b.asked.protocol):
        raise ValueError("a folder without its protocol.toml cannot be compared: its settings are unknown")
    names = [f"{asked.protocol}, version {asked.version}" for asked in (a.asked, b.asked)]
    if names[0] != names[1]:
        first, second = names
        raise ValueError(f"numbers of different protocols or versions cannot be compared: {first} and {second}")
    others = {suite.name: suite for suite in b.aggregates.suites}
    for name in others:
        then, now = ({training(record) for record in results.of(name)} for results in (a, b))
        if then and then != now:
            raise ValueError(f"version, options, budget or device of suite {name!r} differ between the two folders")
    blocks = [_block(suite, others[suite.name], a, b) for suite in a.aggregates.suites if suite.name in others]
    if not blocks:
        raise ValueError("the two folders have no suite in common")
    return blocks


def _block(first: SuiteSummary, second: SuiteSummary, a: Results, b: Results) -> ReportBlock:
    rows = list(_shared(first, second, a, b))
    tested = [row for row in rows if row.change.p_value >= 0]
    corrected = holm([row.change.p_value for row in tested]) if tested else []
    p_values = {row.row: float(p) for row, p in zip(tested, corrected, strict=True)}
    head = [
        "method",
        "Δ in the first",
        "Δ in the second",
        "difference",
        "corrected p",
        "equal runs",
        "metrics differ by",
    ]
    lines = [_line(row, p_values.get(row.row)) for row in rows]
    return ReportBlock("compare", first.name, TEXT, (head, lines), tuple(_sentences(rows, p_values)), FOLDERS)


def _shared(first: SuiteSummary, second: SuiteSummary, a: Results, b: Results) -> Iterator[_Shared]:
    later = {record.id: record for record in b.of(second.name)}
    for row in first.rows:
        other = second.row(row.row)
        if other is not None:
            pairs = [(r, later[r.id]) for r in a.of(first.name) if r.cell.row == row.row and r.id in later]
            if pairs:
                yield _Shared(row.row, row, other, paired(other.deltas, row.deltas), pairs)


def _line(row: _Shared, p: float | None) -> list[str]:
    alike, worst = _agreement(row.pairs)
    deltas = [formats.delta(summary.delta_taskwise) for summary in (row.first, row.second)]
    test = formats.NONE if p is None else formats.probability(p)
    return [row.row, *deltas, formats.delta(row.change.estimate), test, f"{alike}/{len(row.pairs)}", f"{worst:.2g}"]


def _agreement(pairs: Sequence[tuple[Record, Record]]) -> tuple[int, float]:
    """How many pairs of runs are equal in status and every metric, and the largest relative difference."""
    largest = [agreement.largest(a, b) for a, b in pairs]
    sizes = [0.0 if difference is None else difference.relative for difference in largest]
    equal = [a.status == b.status and size == 0 for (a, b), size in zip(pairs, sizes, strict=True)]
    return sum(equal), max(sizes, default=0.0)


def _sentences(rows: Sequence[_Shared], p_values: dict[str, float]) -> Iterator[str]:
    alike, worst = _agreement([pair for row in rows for pair in row.pairs])
    total = sum(len(row.pairs) for row in rows)
    yield f"{alike} of {total} runs that both have give the same numbers; others differ by at most {worst:.2g}."
    different = [row for row, p in p_values.items() if p < ALPHA]
    corrected = f"Corrected for {plural(len(p_values), 'method')}"
    if different:
        yield f"{corrected}, {listed(different)} {'differs' if len(different) == 1 else 'differ'} significantly."
    elif p_values:
        yield f"{corrected}, none differs significantly."
    else:
        yield f"No difference can be tested: a test needs {MIN_SEEDS} seeds in both folders."
