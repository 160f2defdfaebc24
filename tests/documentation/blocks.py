"""The documents of the repository, and the blocks of code and the commands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "benchmarks/*.md", "tasks/*.md", "docs/*.md", "results/*.md")
    for path in ROOT.glob(pattern)
)
_FENCE = re.compile(r"^```(?P<language>\S*)\n(?P<text>.*?)^```$", flags=re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`(?P<command>(?:make|torchrun|pip|(?:\.venv/bin/)?python)\s[^`]*)`")


class Block(NamedTuple):
    """A piece of a document that a reader may copy."""

    document: Path
    line: int  # counted from 1
    language: str
    text: str

    @property
    def place(self) -> str:
        """File and line, as editors read them."""
        return f"{self.document}:{self.line}"


def fenced(document: Path) -> Iterator[Block]:
    """The blocks between lines of three backticks."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        yield Block(document, text.count("\n", 0, match.start()) + 1, match["language"], match["text"])


def prose(document: Path) -> str:
    """A document without its fenced blocks; lines keep their numbers."""
    return _FENCE.sub(lambda match: "\n" * match[0].count("\n"), (ROOT / document).read_text(encoding="utf-8"))


def inline_commands(document: Path) -> Iterator[Block]:
    """The commands between single backticks in running text and tables."""
    text = prose(document)
    for match in _INLINE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(document, line, "sh", " ".join(match["command"].split()))


def of_language(document: str, language: str) -> list[str]:
    """The texts of a document's fenced blocks in one language."""
    return [block.text for block in fenced(Path(document)) if block.language == language]
