"""The report of a results folder: tables, charts and one self-contained page, written by ``write_report(folder)``.

The text of the page is in the folder ``templates``; sentences on results are in ``benchmarks/reporting/headline.py``
and ``benchmarks/reporting/findings``.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.analysis.results import read_results
from benchmarks.records.store import write_atomically
from benchmarks.reporting import findings, leaderboard
from benchmarks.reporting.charts import draw_results
from benchmarks.reporting.page.page import render

NAME = "report.html"


def write_report(folder: Path) -> Path:
    """Write leaderboard, charts and report.html into ``folder`` and return the path of the page.

    Raises:
        ValueError: the folder holds no record.
    """
    results = read_results(folder, titled=True)
    blocks = findings.blocks(results)
    leaderboard.write(results, folder, blocks)
    charts = draw_results(results, folder)
    page = folder / NAME
    write_atomically(page, render(results, folder.resolve().name, charts, blocks))
    return page
