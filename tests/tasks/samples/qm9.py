"""Chains of a few atoms."""

from pathlib import Path

from tests.tasks.qm9_files import write_qm9

OPTIONS = {"width": 8}


def write(folder: Path) -> None:
    """60 molecules, of which two are to be left out."""
    write_qm9(folder / "qm9", 60, [7, 21])
