"""Tables and findings as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.reporting.blocks import LEGEND_HEAD, Legend, ReportBlock


def table(head: Sequence[str], lines: Sequence[Sequence[str]], *, text: bool = False) -> str:
    """A table. All columns but the first are aligned to the right, or with ``text`` to the left."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = "|" + "|".join(["---", *["---" if text else "---:"] * (len(head) - 1)]) + "|"
    return "\n".join([line(head), rule, *map(line, lines)])


def legend(signs: Legend) -> str:
    """The signs of a table with their meanings, as a table of two columns."""
    return table(LEGEND_HEAD, signs, text=True)


def block(shown: ReportBlock) -> list[str]:
    """The paragraphs of a finding: its heading, its sentences, its table, and the legend of the table."""
    parts = [f"## {shown.title}", "\n".join(f"- {sentence}" for sentence in shown.sentences), shown.text]
    tables = [table(*shown.table)] if shown.table else []
    return [*filter(None, parts), *tables, *([legend(shown.legend)] if shown.legend else [])]
