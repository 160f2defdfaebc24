"""Chains of a few atoms."""

import re
from pathlib import Path

from tasks.data.qm9_files import PROPERTIES
from tests.tasks.answers import NUMBER
from tests.tasks.qm9_files import write_qm9

OPTIONS = {"width": 8}
ANSWERS = {name: f"{NUMBER} {re.escape(column.unit)}" for name, column in PROPERTIES.items()}


def write(folder: Path) -> None:
    """60 molecules, of which two are to be left out."""
    write_qm9(folder / "qm9", 60, [7, 21])


def given(folder: Path) -> str:
    """The file of all molecules, of which the first is asked about."""
    return str(folder / "qm9" / "gdb9.sdf")
