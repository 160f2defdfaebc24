"""Results in the formats of other programs: every run as CSV or Parquet, tables as LaTeX."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from balancers.naming.suggest import nearest
from benchmarks.analysis.results import Results
from benchmarks.records.agreement import STATES
from benchmarks.records.record import Record
from benchmarks.reporting import gain_table, leaderboard
from benchmarks.reporting.blocks import Cells

# Letters that LaTeX's text mode lacks, or takes for a command.
LATEX = {
    "\\": r"\textbackslash{}",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "Δ": r"$\Delta$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "<": "$<$",
    ">": "$>$",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "–": "--",
}
LISTS = (dict, list)  # values of a cell that become JSON in a column
INSTALL = "pip install -c constraints.txt -e '.[parquet]'"


def write(results: Results, path: Path, suite: str | None = None) -> None:
    """Write results in the format that the suffix of ``path`` names: .csv, .parquet or .tex.

    CSV and Parquet have one line for every run, state, split, task and metric. LaTeX has the leaderboard over all
    suites, or with ``suite`` the table of that suite.

    Raises:
        ValueError: an unknown suffix or suite, a folder that is not there, or a library that is not installed.
    """
    writers: dict[str, Callable[[], None]] = {
        ".csv": lambda: frame(results, suite).to_csv(path, index=False, lineterminator="\n"),
        ".parquet": lambda: _parquet(frame(results, suite), path),
        ".tex": lambda: _latex(results, suite, path),
    }
    if path.suffix not in writers:
        raise ValueError(f"the name {path.name} does not tell the format; end it in one of {', '.join(writers)}")
    if not path.parent.is_dir():
        raise ValueError(f"the folder {path.parent} does not exist; create it before writing {path.name}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a file")
    known = [summary.name for summary in results.aggregates.suites]
    if suite is not None and suite not in known:
        raise ValueError(f"the results have no suite {suite!r}{nearest(suite, known)}")
    writers[path.suffix]()


def frame(results: Results, suite: str | None = None) -> pd.DataFrame:
    """One line for every metric of every task on both splits, in every state of every run; one for a failed run.

    Runs of the front, and runs with settings that a search did not choose, are included; ``counts`` is false for them.
    """
    counting = {record.id for record in results.records}
    records = [record for record in (*results.trials, *results.front) if suite in (None, record.cell.problem)]
    return pd.DataFrame([_run(record, record.id in counting) | line for record in records for line in _metrics(record)])


def _run(record: Record, counts: bool) -> dict[str, Any]:
    """The columns of a run: chosen ones first, then every field of `Cell` that is not among them."""
    cell = record.cell
    columns = {
        "suite": cell.problem,
        "suite_version": cell.suite_version,
        "row": cell.row,
        "balancer": cell.balancer,
        "balancer_version": str(cell.balancer_version),
        "hyperparameters": json.dumps(cell.hyperparameters, sort_keys=True),
        "heads": cell.heads,
        "place": cell.place,
        "optimizer": cell.optimizer,
        "precision": cell.precision,
        "learning_rate": cell.learning_rate,
        "halve_at": json.dumps(cell.halve_at),
        "seed": cell.seed,
        "trial": cell.trial,
        "counts": counts,
        "status": record.status,
        "reason": record.reason,
        "seconds_per_step": record.cost.step if record.cost else math.nan,
        "id": record.id,
    }
    columns["registry_suite"] = cell.suite  # the column "suite" has the name that the protocol gives it
    others = cell.model_dump(mode="json", exclude=set(columns))
    return columns | {name: json.dumps(v, sort_keys=True) if isinstance(v, LISTS) else v for name, v in others.items()}


def _metrics(record: Record) -> list[dict[str, Any]]:
    lines = [
        {"state": state, "step": outcome.step, "split": split, "task": task, "metric": metric, "value": value}
        for state in STATES
        if (outcome := getattr(record, state)) is not None
        for split in ("validation", "test")
        for task, metrics in getattr(outcome, split).items()
        for metric, value in metrics.items()
    ]
    return lines or [{"task": ",".join(record.cell.tasks), "value": math.nan}]


def _parquet(lines: pd.DataFrame, path: Path) -> None:
    try:
        lines.to_parquet(path, index=False)
    except ImportError as error:
        raise ValueError(f"Parquet needs pyarrow; install it with: {INSTALL}") from error


def _latex(results: Results, suite: str | None, path: Path) -> None:
    if suite is not None:
        summary = next(each for each in results.aggregates.suites if each.name == suite)
        tables = [(f"Results on {suite}.", leaderboard.suite_cells(summary))]
    else:
        tables = [("Difference to single-task in percent.", leaderboard.overall_cells(results.aggregates))]
        blocks = gain_table.blocks(results)
        tables += [(f"{block.title}, in points.", block.table) for block in blocks if block.table is not None]
    path.write_text("\n".join(latex(cells, caption) for caption, cells in tables), encoding="utf-8")


def latex(cells: Cells, caption: str) -> str:
    """A table for a paper, in the style of the package booktabs."""
    head, lines = cells
    rows = [" & ".join(map(_escaped, line)) + r" \\" for line in (head, *lines)]
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}",
            rf"\caption{{{_escaped(caption)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"\toprule",
            rows[0],
            r"\midrule",
            *rows[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _escaped(text: str) -> str:
    return "".join(LATEX.get(letter, letter) for letter in text)
