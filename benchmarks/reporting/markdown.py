"""Tables and findings as Markdown."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from benchmarks.reporting.blocks import LEGEND_HEAD, Legend, ReportBlock


def table(head: Sequence[str], lines: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """A table; the columns with the numbers ``left`` are aligned to the left, all others to the right."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = "|" + "|".join("---" if column in left else "---:" for column in range(len(head))) + "|"
    return "\n".join([line(head), rule, *map(line, lines)])


def legend(signs: Legend) -> str:
    """The signs of a table with their meanings, as a table of two columns."""
    return table(LEGEND_HEAD, signs, left=(0, 1))


def block(shown: ReportBlock) -> list[str]:
    """The paragraphs of a finding: its heading, its sentences, its table, and the legend of the table."""
    parts = [f"## {shown.title}", "\n".join(f"- {sentence}" for sentence in shown.sentences), shown.text]
    tables = [table(*shown.table)] if shown.table else []
    return [*filter(None, parts), *tables, *([legend(shown.legend)] if shown.legend else [])]
