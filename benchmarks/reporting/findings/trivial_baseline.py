"""Trivial baselines: every task compared with a constant prediction, the majority class or the mean."""

from __future__ import annotations

import math
from typing import NamedTuple

from benchmarks.analysis.order import best_first
from benchmarks.analysis.results import Results
from benchmarks.analysis.summaries import MetricSummary
from benchmarks.records.record import SINGLE_TASK
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Legend, ReportBlock
from benchmarks.reporting.words import listed, plural

CLEAR = 0.1  # of the trivial error that must be gone before a task counts as learned
MOST_SAID = 4  # groups of methods with a sentence on the tasks that they do not learn
TEXT = (
    f"Every task compared with its trivial baseline. A task counts as learned if at least {CLEAR:.0%} of the trivial "
    f"error is removed."
)
LEGEND: Legend = (
    (
        "trivial",
        "test result of the best constant prediction on validation: the majority class or another single class, or for "
        "regression the mean (the median for absolute errors)",
    ),
    (
        "a method",
        "share of the error of the trivial baseline that the method removes, in percent; 0 is trivial, 100 is "
        "perfect, negative is worse than trivial",
    ),
    ("worst", "the method that removes the smallest share, and that share"),
    ("–", "no result"),
)


class _Line(NamedTuple):
    suite: str
    task: str
    gone: dict[str, float]  # row -> share of the trivial error that is removed


def block(results: Results) -> ReportBlock | None:
    """Every task beside its trivial baseline; none if no trivial baseline is known."""
    lines, cells = [], []
    for suite in results.aggregates.suites:
        if suite.name not in results.constants:
            continue
        for k, first in enumerate(suite.rows[0].primary):
            constant = results.constants[suite.name][first.task][first.fact.name]
            gone = {row.row: _gone(row.primary[k], constant) for row in suite.rows}
            lines.append(_Line(suite.name, first.task, gone))
            about = [f"{suite.name}: {first.task}", first.fact.name, formats.number(constant)]
            cells.append(about + _shown(gone, results))
    if not lines:
        return None
    head = ["task", "metric", "trivial", SINGLE_TASK, results.aggregates.equal_weights, "worst", "its share"]
    rows = [row for row in (SINGLE_TASK, *best_first(results.aggregates)) if any(row in line.gone for line in lines)]
    to_learn = [line for line in lines if not all(map(math.isnan, line.gone.values()))]
    sentences = tuple(_sentences(to_learn, rows))
    return ReportBlock("constant", "Tasks against their trivial baselines", TEXT, (head, cells), sentences, LEGEND)


def _gone(metric: MetricSummary, constant: float) -> float:
    """The share of the trivial error that is removed; NaN where it is 0, or there is no result."""
    trivial = abs(metric.fact.best - constant)
    return 1 - abs(metric.fact.best - metric.best.mean) / trivial if trivial else math.nan


def _shown(gone: dict[str, float], results: Results) -> list[str]:
    known = {row: share for row, share in gone.items() if row != SINGLE_TASK and not math.isnan(share)}
    worst = min(known, key=lambda row: known[row], default=None)
    alone, equal = (gone.get(row, math.nan) for row in (SINGLE_TASK, results.aggregates.equal_weights))
    last = [formats.NONE, formats.NONE] if worst is None else [worst, _percent(known[worst])]
    return [_percent(alone), _percent(equal), *last]


def _percent(share: float) -> str:
    return formats.plain(100 * share, 1).replace("-", "−")


def _sentences(lines: list[_Line], rows: list[str]) -> list[str]:
    """The methods that learn all tasks, and the tasks that others do not learn; a missing result counts as neither."""
    if not lines:
        return []
    missed = {row: [line for line in lines if line.gone.get(row, math.nan) < CLEAR] for row in rows}
    certain = [row for row in rows if all(line.gone.get(row, math.nan) >= CLEAR for line in lines)]
    total = plural(len(lines), "task")
    if len(certain) == len(rows):
        return [f"Every method learns all of {total}: it removes at least {CLEAR:.0%} of the trivial error of each."]
    learn = "learns" if len(certain) == 1 else "learn"
    sentences = [f"{listed(certain)} {learn} all of {total}." if certain else f"No method learns all of {total}."]
    groups: dict[tuple[str, ...], list[str]] = {}  # tasks that are not learned -> the methods that do not learn them
    for row in sorted(rows, key=lambda row: -len(missed[row])):
        groups.setdefault(tuple(f"{line.suite}: {line.task}" for line in missed[row]), []).append(row)
    ordered = [(tasks, several) for tasks, several in groups.items() if tasks]
    for tasks, several in ordered[:MOST_SAID]:
        sentences.append(f"{listed(several)} {'do' if len(several) > 1 else 'does'} not learn {listed(tasks)}.")
    others = [(row, len(tasks)) for tasks, several in ordered[MOST_SAID:] for row in several]
    if others:
        fail = "fail" if len(others) > 1 else "fails"
        most = plural(max(count for _, count in others), "task")
        sentences.append(f"{listed([row for row, _ in others])} {fail} to learn {most} at most.")
    lacking = [row for row in rows if any(math.isnan(line.gone.get(row, math.nan)) for line in lines)]
    lack = "lacks" if len(lacking) == 1 else "lack"
    return [*sentences, *([f"{listed(lacking)} {lack} a result on some task."] if lacking else [])]
