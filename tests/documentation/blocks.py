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
_SAVED = re.compile(r"[Ss]ave it as `(\S+)`[^`]*\Z")
_INLINE = re.compile(r"`(?P<command>(?:make|torchrun|pip|(?:\.venv/bin/)?python)\s[^`]*)`")


class Block(NamedTuple):
    """A piece of a document that a reader may copy."""

    document: Path
    line: int  # counted from 1
    language: str
    text: str
    file: str = ""  # the name under which the text before the block says that it is saved

    @property
    def place(self) -> str:
        """File and line, as editors read them."""
        return f"{self.document}:{self.line}"


def fenced(document: Path) -> Iterator[Block]:
    """The blocks between lines of three backticks."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        saved = _SAVED.search(text, 0, match.start())
        line = text.count("\n", 0, match.start()) + 1
        yield Block(document, line, match["language"], match["text"], saved[1] if saved else "")


def prose(document: Path) -> str:
    """A document without its fenced blocks; lines keep their numbers."""
    return _FENCE.sub(lambda match: "\n" * match[0].count("\n"), (ROOT / document).read_text(encoding="utf-8"))


def inline_commands(document: Path) -> Iterator[Block]:
    """The commands between single backticks in running text and tables."""
    text = prose(document)
    for match in _INLINE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(document, line, "sh", " ".join(match["command"].split()))


def saved_files() -> dict[str, str]:
    """What the documents tell readers to save: texts by the names of files."""
    blocks = (block for document in DOCUMENTS for block in fenced(document))
    return {block.file: block.text for block in blocks if block.file}
