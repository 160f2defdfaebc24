"""Trivial baselines: how far above one and the same answer to every example each task is."""

from __future__ import annotations

import math
from typing import NamedTuple

from benchmarks.analysis.results import Results
from benchmarks.analysis.summaries import MetricSummary
from benchmarks.records.record import SINGLE_TASK
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Block
from benchmarks.words import listed, methods, plural

CLEAR = 0.1  # of the trivial error that must be gone before a task counts as learnt
MOST_SAID = 4  # groups of rows of which a sentence says what they do not learn
TEXT = (
    "*Constant*: what one answer to every example scores on the test split: what heads learn that see no example (the "
    "commonest class, the mean), or any one class, whichever is better on validation. Under every row the part of that "
    "error which is gone, in percent; 0 is trivial, 100 perfect, and a task is learnt from "
    f"{CLEAR:.0%} on. *Worst*: the method that leaves most of it."
)


class _Line(NamedTuple):
    suite: str
    task: str
    gone: dict[str, float]  # row -> part of the constant answer's error


def block(study: Results) -> Block | None:
    """Every task beside one answer for all; none where no such answer is known."""
    lines, cells = [], []
    for suite in study.aggregates.suites:
        if suite.name not in study.constants:
            continue
        for k, first in enumerate(suite.rows[0].primary):
            constant = study.constants[suite.name][first.task][first.fact.name]
            found = {row.row: _gone(row.primary[k], constant) for row in suite.rows}
            lines.append(_Line(suite.name, first.task, found))
            about = [f"{suite.name}: {first.task}", first.fact.name, formats.number(constant)]
            cells.append(about + _shown(found, study))
    if not lines:
        return None
    head = ["task", "metric", "constant", SINGLE_TASK, study.aggregates.equal_weights, "worst", "there"]
    rows = [row for row in (SINGLE_TASK, *methods(study.aggregates)) if any(row in line.gone for line in lines)]
    to_learn = [line for line in lines if not all(map(math.isnan, line.gone.values()))]
    return Block("constant", "Above one answer for all", TEXT, (head, cells), tuple(_sentences(to_learn, rows)))


def _gone(found: MetricSummary, constant: float) -> float:
    """The part of the constant answer's error that is gone; NaN where it has none, or there is no result."""
    trivial = abs(found.fact.best - constant)
    return 1 - abs(found.fact.best - found.best.mean) / trivial if trivial else math.nan


def _shown(found: dict[str, float], study: Results) -> list[str]:
    known = {row: gone for row, gone in found.items() if row != SINGLE_TASK and not math.isnan(gone)}
    worst = min(known, key=lambda row: known[row], default=None)
    alone, equal = (found.get(row, math.nan) for row in (SINGLE_TASK, study.aggregates.equal_weights))
    last = [formats.NONE, formats.NONE] if worst is None else [worst, _percent(known[worst])]
    return [_percent(alone), _percent(equal), *last]


def _percent(share: float) -> str:
    return formats.plain(100 * share, 1).replace("-", "−")


def _sentences(lines: list[_Line], rows: list[str]) -> list[str]:
    """Who learns all; a row that lacks a result is not known to."""
    if not lines:
        return []
    missed = {row: [line for line in lines if line.gone.get(row, math.nan) < CLEAR] for row in rows}
    sure = [row for row in rows if all(line.gone.get(row, math.nan) >= CLEAR for line in lines)]
    total = plural(len(lines), "task")
    if len(sure) == len(rows):
        return [f"Every row learns all of {total}: at least {CLEAR:.0%} of the trivial error is gone everywhere."]
    said = [f"All of {total} are learnt by {listed(sure)}."] if sure else [f"No row learns all of {total}."]
    alike: dict[tuple[str, ...], list[str]] = {}  # what rows do not learn -> these rows
    for row in sorted(rows, key=lambda row: -len(missed[row])):
        alike.setdefault(tuple(f"{line.suite}: {line.task}" for line in missed[row]), []).append(row)
    groups = [(tasks, several) for tasks, several in alike.items() if tasks]
    for tasks, several in groups[:MOST_SAID]:
        said.append(f"{listed(several)} {'do' if len(several) > 1 else 'does'} not learn {listed(tasks)}.")
    others = [(row, len(tasks)) for tasks, several in groups[MOST_SAID:] for row in several]
    if others:
        do = "do" if len(others) > 1 else "does"
        most = plural(max(count for _, count in others), "task")
        said.append(f"{listed([row for row, _ in others])} {do} not learn {most} at most.")
    lacking = [row for row in rows if any(math.isnan(line.gone.get(row, math.nan)) for line in lines)]
    return [*said, *([f"Not every task has a result of {listed(lacking)}."] if lacking else [])]
