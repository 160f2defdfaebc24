"""The page that every study writes: a title, sections, what was skipped, and the command and machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.studies.results import Origin


class Page(NamedTuple):
    """A page of paragraphs in Markdown.

    Attributes:
        title: the heading.
        sections: paragraphs, headings and tables in order; empty ones are left out.
        origin: where the numbers come from.
        skipped: what is missing, such as a suite, with the reason.
    """

    title: str
    sections: Sequence[str]
    origin: Origin
    skipped: Mapping[str, str] = {}

    def as_markdown(self) -> str:
        """The whole text."""
        facts = "; ".join(f"{name}: {value}" for name, value in sorted(self.origin.machine.items()))
        lines = [f"- {name} was skipped: {reason}" for name, reason in self.skipped.items()]
        end = f"Command: `{self.origin.command}`.\nMachine: {facts}"
        parts = [f"# {self.title}", *self.sections, "\n".join(lines), end]
        return "\n\n".join(part for part in parts if part) + "\n"


def section(title: str, *parts: str) -> list[str]:
    """A heading and what stands below it; nothing where all of it is empty."""
    return [f"## {title}", *parts] if any(parts) else []
