"""Tables and findings as Markdown."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from benchmarks.reporting.blocks import Block


def table(head: Sequence[str], lines: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """A table; the columns with the numbers ``left`` are aligned to the left, all others to the right."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = "|" + "|".join("---" if column in left else "---:" for column in range(len(head))) + "|"
    return "\n".join([line(head), rule, *map(line, lines)])


def finding(block: Block) -> list[str]:
    """The paragraphs of a finding: its heading, what it shows, how to read the table, and the table."""
    parts = [f"## {block.title}", "\n".join(f"- {sentence}" for sentence in block.sentences), block.text]
    return [*filter(None, parts), *([table(*block.table)] if block.table else [])]
