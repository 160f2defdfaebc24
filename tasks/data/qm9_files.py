"""QM9's raw files: molecules, their properties, and those that are left out."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from tasks.contract import DataUnavailableError
from tasks.data.qm9_sdf import Molecule, parse, records

NAME = "qm9"
STRUCTURES, TABLE, LEFT_OUT = "gdb9.sdf", "gdb9.sdf.csv", "uncharacterized.txt"
COLUMNS = (
    *("mol_id", "A", "B", "C", "mu", "alpha", "homo", "lumo", "gap", "r2", "zpve"),
    *("u0", "u298", "h298", "g298", "cv", "u0_atom", "u298_atom", "h298_atom", "g298_atom"),
)
HARTREE = 27_211.386245988  # in meV (CODATA 2018)
CALORIE = 43.3641153087705  # one kcal/mol, in meV
LISTED_FROM = 9  # the line of `uncharacterized.txt` where the list begins, counted from 0


class PropertyColumn(NamedTuple):
    """A column of the table, and what its values are given in."""

    column: str
    unit: str
    factor: float = 1.0  # from the table's unit


PROPERTIES = {
    "mu": PropertyColumn("mu", "D"),
    "alpha": PropertyColumn("alpha", "a0^3"),
    "homo": PropertyColumn("homo", "meV", HARTREE),
    "lumo": PropertyColumn("lumo", "meV", HARTREE),
    "r2": PropertyColumn("r2", "a0^2"),
    "zpve": PropertyColumn("zpve", "meV", HARTREE),
    "u0": PropertyColumn("u0_atom", "meV", CALORIE),
    "u": PropertyColumn("u298_atom", "meV", CALORIE),
    "h": PropertyColumn("h298_atom", "meV", CALORIE),
    "g": PropertyColumn("g298_atom", "meV", CALORIE),
    "cv": PropertyColumn("cv", "cal/(mol K)"),
}


def find(data: Path | None) -> Path:
    """The folder with QM9's raw files: ``qm9`` in the data folder, ``raw`` in that, or the data folder itself.

    Raises:
        DataUnavailableError: there is none; the message says how to get it.
    """
    for folder in [] if data is None else [data / NAME, data / NAME / "raw", data, data / "raw"]:
        if (folder / STRUCTURES).is_file() and (folder / TABLE).is_file():
            return folder
    where = "a folder that --data or BALANCERS_DATA names" if data is None else str(data / NAME)
    raise DataUnavailableError(
        f"QM9 is not there: get {STRUCTURES} and {TABLE} (gdb9.tar.gz or qm9.zip of MoleculeNet) and {LEFT_OUT} (file "
        f"3195404 of QM9's collection at figshare), and put them into {where}"
    )


def read(folder: Path) -> tuple[list[Molecule], dict[str, Tensor]]:
    """All molecules that are not left out, and their properties (N,).

    Raises:
        DataUnavailableError: a file is damaged, or they do not fit.
    """
    left_out = _left_out(folder / LEFT_OUT)
    rows = [row for row in _table(folder / TABLE) if row[0] not in left_out]
    molecules = [molecule for molecule in _structures(folder / STRUCTURES) if molecule.name not in left_out]
    names = [row[0] for row in rows]
    if [molecule.name for molecule in molecules] != names:
        raise DataUnavailableError(
            f"{STRUCTURES} and {TABLE} in {folder} are not of the same molecules; download them again"
        )
    try:
        values = torch.tensor([[float(value) for value in row[1:]] for row in rows], dtype=torch.float64)
    except ValueError as error:
        raise DataUnavailableError(
            f"{folder / TABLE} has something else than numbers ({error}); download it again"
        ) from None
    columns = {name: values[:, COLUMNS.index(p.column) - 1] * p.factor for name, p in PROPERTIES.items()}
    return molecules, {name: column.float() for name, column in columns.items()}


def read_molecule(file: str) -> Molecule:
    """The first molecule of a structure-data file.

    Raises:
        ValueError: there is no such file, or no molecule in it.
    """
    path = Path(file).expanduser()
    try:
        with path.open(encoding="utf-8") as opened:
            first = next(records(opened), None)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read ({error}); give the path of an .sdf file") from None
    if first is None:
        raise ValueError(f"{path} is empty; give the path of an .sdf file with a molecule")
    return parse(first)


def _structures(file: Path) -> list[Molecule]:
    try:
        with file.open(encoding="utf-8") as opened:
            return [parse(lines) for lines in records(opened)]
    except (OSError, ValueError) as error:
        raise DataUnavailableError(f"{file} cannot be read ({error}); download it again") from None


def _table(file: Path) -> list[list[str]]:
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            header, *rows = [row for row in csv.reader(opened) if row] or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise DataUnavailableError(f"{file} cannot be read ({error}); download it again") from None
    if tuple(header) != COLUMNS:
        raise DataUnavailableError(f"{file} has the columns {', '.join(header)}; expected {', '.join(COLUMNS)}")
    if short := next((row for row in rows if len(row) != len(COLUMNS)), None):
        raise DataUnavailableError(f"{file}: the line of {short[0]} is cut off; download it again")
    return rows


def _left_out(file: Path) -> set[str]:
    """The names of the molecules in the list of those that failed a check of consistency; none without the list."""
    if not file.is_file():
        return set()
    try:
        lines = file.read_text(encoding="utf-8").splitlines()[LISTED_FROM:]
    except (OSError, UnicodeDecodeError) as error:
        raise DataUnavailableError(f"{file} cannot be read ({error}); download it again") from None
    firsts = [line.split()[0] for line in lines if line.strip()]
    numbers = [first for first in firsts if first.isdecimal()]
    if not numbers:
        raise DataUnavailableError(f"{file} lists no molecule from its tenth line on; download it again, or remove it")
    return {f"gdb_{number}" for number in numbers}
