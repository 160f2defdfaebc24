"""The leaderboard as Markdown, as a long CSV, and as a short table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from benchmarks.analysis.results import Results
from benchmarks.analysis.summaries import Aggregates, Failure, MetricSummary, Overall, RowSummary, SuiteSummary
from benchmarks.records.record import SINGLE_TASK
from benchmarks.reporting import findings, formats, gain_table, headline, markdown, search_edges
from benchmarks.reporting.blocks import ReportBlock
from benchmarks.reporting.caveats import limits
from benchmarks.reporting.findings import options
from benchmarks.reporting.leaderboard_csv import frame
from benchmarks.reporting.legend import BASIS, legend


def write(results: Results, folder: Path, blocks: Sequence[ReportBlock] | None = None) -> list[Path]:
    """Write ``leaderboard.md`` and ``leaderboard.csv`` into ``folder``; ``blocks`` are the findings, if known."""
    text, csv = folder / "leaderboard.md", folder / "leaderboard.csv"
    text.write_text(leaderboard(results, blocks), encoding="utf-8")
    frame(results.aggregates).to_csv(csv, index=False, lineterminator="\n")
    return [text, csv]


def leaderboard(results: Results, blocks: Sequence[ReportBlock] | None = None) -> str:
    """The whole leaderboard as Markdown; ``blocks`` are the findings, if known."""
    aggregates = results.aggregates
    first = [*gain_table.tested(results), *headline.sentences(aggregates)[:2]]
    caution = headline.caution(aggregates, tuned=results.tuned_weights is not None)
    parts = ["# Leaderboard", " ".join(first), f"**{caution}**"]
    for block in gain_table.blocks(results):
        parts += markdown.block(block)
    front = gain_table.front_cells(results.fronts())
    if front:
        parts += [f"## {gain_table.FRONT_TITLE}", gain_table.FRONT_TEXT]
        parts += [markdown.table(*front), markdown.legend(gain_table.FRONT_LEGEND)]
    parts += ["## Δ taskwise over all suites, in percent", markdown.table(*overall_cells(aggregates))]
    for block in options.blocks(results):
        parts += markdown.block(block)
    for suite in aggregates.suites:
        parts += [f"## {suite.name}", markdown.table(*suite_cells(suite))]
        notes = [*failure_texts(suite.failures), *search_edges.texts(results.searches, suite.name)]
        parts += ["\n".join(f"- {text}" for text in notes)] if notes else []
    for block in findings.blocks(results) if blocks is None else blocks:
        parts += markdown.block(block)
    if results.skipped:
        parts += ["## Skipped", "\n".join(f"- {suite}: {reason}" for suite, reason in results.skipped.items())]
    parts += limits(results)
    parts += ["## Legend", BASIS, markdown.legend(legend(aggregates.equal_weights))]
    return "\n\n".join(parts) + "\n"


def overall_cells(aggregates: Aggregates) -> tuple[list[str], list[list[str]]]:
    """Heading and lines of the summary over suites, a line per method."""
    suites = [suite.name for suite in aggregates.suites]
    head = ["method", *suites, "mean Δ", "rank", "cost", "seeds"]
    lines = [_overall_line(row, suites) for row in aggregates.overall]
    if any(row.missing for row in aggregates.overall):
        head.append("no result on")
        lines = [
            [*line, ", ".join(row.missing) or formats.NONE] for line, row in zip(lines, aggregates.overall, strict=True)
        ]
    return head, lines


def _overall_line(row: Overall, suites: Sequence[str]) -> list[str]:
    deltas = [formats.delta(row.by_suite[s].delta_taskwise) if s in row.by_suite else formats.NONE for s in suites]
    means = [formats.delta(row.delta_taskwise), formats.plain(row.rank)]
    rest = [formats.ratio(row.cost), formats.count(row.done, row.total)]
    return [row.row, *deltas, *means, *rest]


def suite_cells(suite: SuiteSummary) -> tuple[list[str], list[list[str]]]:
    """Heading and lines of one suite's table: the single-task baseline, then a line per method."""
    primary = suite.rows[0].primary
    tasks = [f"{m.task}: {m.fact.name} {'↑' if m.fact.higher_is_better else '↓'}" for m in primary]
    head = [
        "method",
        *tasks,
        "Δ taskwise",
        "Δ metricwise",
        "last",
        "same compute",
        "error ratio",
        "hurt",
        "rank",
        "cost",
        "lr",
        "seeds",
    ]
    return head, [_suite_line(row) for row in suite.rows]


def _suite_line(row: RowSummary) -> list[str]:
    single = row.row == SINGLE_TASK
    deltas = [
        formats.delta(row.delta_taskwise),
        formats.delta(row.delta_metricwise),
        formats.percent(row.delta_last.mean),
        formats.percent(row.delta_equal_compute.mean),
    ]
    hurt = formats.NONE if single else formats.count(row.hurt, len(row.primary))
    ends = [hurt, formats.plain(row.rank), formats.ratio(row.cost), learning_rates(row)]
    tasks = [task_text(metric, single=single) for metric in row.primary]
    seeds = formats.count(row.done, row.total)
    return [row.row, *tasks, *deltas, formats.plain(row.error_ratio), *ends, seeds]


def task_text(metric: MetricSummary, *, single: bool) -> str:
    """One task's result: the mean, and for a method the relative difference to the single-task baseline."""
    text = formats.spread(metric.best)
    return text if single or not metric.best.count else f"{text}, {formats.percent(metric.relative)} %"


def learning_rates(row: RowSummary) -> str:
    """The chosen learning rate, or the lowest and highest where seeds or single-task baselines differ."""
    rates = sorted({rate for metric in row.primary for rate in metric.learning_rates})
    return "–".join(f"{rate:g}" for rate in dict.fromkeys([*rates[:1], *rates[-1:]])) or formats.NONE


def failure_texts(failures: Sequence[Failure]) -> list[str]:
    """One line per method, task, status and reason, with its seeds."""
    groups: dict[tuple[str, str, str, str], list[int]] = {}
    for failure in failures:
        groups.setdefault((failure.row, failure.task, failure.status, failure.reason), []).append(failure.seed)
    return [
        f"{row}{f' ({task})' if task else ''}, seed{'s' if len(seeds) > 1 else ''} "
        f"{', '.join(map(str, seeds))}: {status}{f', {reason}' if reason else ''}"
        for (row, task, status, reason), seeds in groups.items()
    ]


def summary(aggregates: Aggregates) -> Table:
    """The summary over suites for the terminal: Δ taskwise per suite and the means, without intervals.

    Methods are columns if they are fewer than the columns of the leaderboard, so that their names have room.
    """
    head, lines = overall_cells(aggregates)
    cells = [head, *([cell.partition(" [")[0] for cell in line] for line in lines)]
    if len(lines) < len(head):
        cells = [list(column) for column in zip(*cells, strict=True)]
        cells[0][0] = "suite"
    table = Table(title="Δ taskwise: difference to single-task in percent, higher is better", title_justify="left")
    for k, name in enumerate(cells[0]):
        table.add_column(name, justify="left" if k == 0 else "right", overflow="fold", no_wrap=k == 0)
    for line in cells[1:]:
        table.add_row(*line)
    return table
