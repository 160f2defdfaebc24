"""What reports are made of besides leaderboards: a heading, what it means, a table and sentences."""

from __future__ import annotations

from typing import NamedTuple

Cells = tuple[list[str], list[list[str]]]  # heading and rows; the first cell of each is what it is about


class Block(NamedTuple):
    """One finding with its table."""

    anchor: str  # its place on the page, a word
    title: str
    text: str  # how to read the table
    table: Cells | None = None
    sentences: tuple[str, ...] = ()  # what it shows, the most important first
