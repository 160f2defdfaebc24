"""A results folder with a protocol, as a run leaves it, for tests that make records up."""

from __future__ import annotations

from pathlib import Path

from benchmarks.protocols.build_asked import explain
from benchmarks.records.asked import ASKED, PROTOCOL_COPY


def ask(folder: Path, protocol: str) -> None:
    """Put a protocol into a folder, in the place of an earlier one, and what it asks for."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PROTOCOL_COPY).write_text(protocol, encoding="utf-8")
    (folder / ASKED).unlink(missing_ok=True)
    explain(folder)
