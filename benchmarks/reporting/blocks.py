"""The parts of a report besides leaderboards: a heading, sentences, a table and the legend of its signs."""

from __future__ import annotations

from typing import NamedTuple

Cells = tuple[list[str], list[list[str]]]  # heading and lines; the first cell of a line says what the line is about
Legend = tuple[tuple[str, str], ...]  # signs of a table with their meanings

LEGEND_HEAD = ["sign", "meaning"]


class ReportBlock(NamedTuple):
    """One finding with its table."""

    anchor: str  # its place on the page, a word
    title: str
    text: str  # what the table shows, in one or two sentences
    table: Cells | None = None
    sentences: tuple[str, ...] = ()  # the results, the most important first
    legend: Legend = ()  # the columns and signs of the table
