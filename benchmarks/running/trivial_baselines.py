"""Keeps the scores of the trivial baselines in a results folder up to date."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path

from benchmarks.records.record import Cell
from benchmarks.records.store import write_atomically
from benchmarks.records.trivial import TRIVIAL, read_entries, subject_of
from benchmarks.records.versions import version_of
from benchmarks.training.trivial_baseline import BATCH, scores
from tasks import registry

logger = logging.getLogger(__name__)


def renew(folder: Path, cells: Iterable[Cell], data: Path | None = None) -> None:
    """Write the scores of every table of ``cells`` into ``folder``; up-to-date scores that it has already stay.

    A suite that does not generalise to new examples has no scores. A suite is left out, too, if it is not known, has
    another version by now, or its data are missing.
    """
    entries = read_entries(folder)
    for table, cell in {cell.table: cell for cell in cells}.items():
        subject = subject_of(cell)
        if entries.get(table, {}).get("of") == subject:
            continue
        try:
            suite = registry.create(cell.suite, **cell.suite_options)
            if suite.generalises and version_of(suite) == cell.suite_version:
                entries[table] = {"of": subject, "scores": scores(suite, data, min(BATCH, cell.batch_size))}
        except Exception as error:  # data or a plug-in are missing, or the suite is broken, as records say
            logger.warning("the trivial baseline on %s is not known: %s", table, error)
    if entries:
        write_atomically(folder / TRIVIAL, json.dumps(entries, indent=1) + "\n")
