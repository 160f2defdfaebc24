"""The scores of the trivial baseline, one answer to every example, as a results folder keeps them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.records.record import Cell, Scalars

TRIVIAL = "constant.json"  # table -> what the scores are of, and the scores
RULE = 2  # raised when other answers are tried, so that earlier scores are computed anew

logger = logging.getLogger(__name__)


def trivial_scores(folder: Path, cells: Iterable[Cell]) -> dict[str, Scalars]:
    """The trivial scores of the suites of these cells, by the name of their comparison group."""
    entries = read_entries(folder)
    subjects = {cell.problem: (entries.get(cell.table, {}), subject_of(cell)) for cell in cells}
    return {problem: entry["scores"] for problem, (entry, subject) in subjects.items() if entry.get("of") == subject}


def subject_of(cell: Cell) -> dict[str, Any]:
    """The facts that scores depend on: the suite, its version and options, and the rule that picks the answer."""
    return {"rule": RULE, "suite": cell.suite, "version": cell.suite_version, "options": cell.suite_options}


def read_entries(folder: Path) -> dict[str, Any]:
    """Every table's subject and scores; empty if there are none."""
    path = folder / TRIVIAL
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError:  # `python -m benchmarks run` writes it anew
        logger.warning("%s cannot be read: the trivial baseline is not shown", path)
        return {}
