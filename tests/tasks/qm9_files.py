"""Small molecules and their properties in the form of QM9's raw files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from tasks.data.qm9_files import COLUMNS
from tasks.data.qm9_sdf import Molecules, pack, parse, records

VALENCES = {"C": 4, "N": 3, "O": 2, "F": 1}
METHANAL = """gdb_3
  -OEChem-03231823243D

  4  3  0     0  0  0  0  0  0999 V2000
   -0.0140    1.1000    0.0100 C   0  0  0  0  0  0  0  0  0  0  0  0
    0.0020  -12.5000    0.0020 O   0  0  0  0  0  0  0  0  0  0  0  0
    0.9400    1.6500    0.0100 H   0  0  0  0  0  0  0  0  0  0  0  0
   -0.9500    1.7000    0.0200 H   0  0  0  0  0  0  0  0  0  0  0  0
  1  2  2  0  0  0  0
  1  3  1  0  0  0  0
  1  4  1  0  0  0  0
M  END
$$$$
"""


class Sample(NamedTuple):
    """A molecule and the line of the table."""

    symbols: list[str]
    positions: np.ndarray  # (A, 3)
    bonds: list[tuple[int, int, int]]  # counted from 1
    values: dict[str, float]  # by column


def sample(number: int) -> Sample:
    """A chain of three to six heavy atoms with their hydrogens; its properties follow from elements, bonds, places."""
    rng = np.random.default_rng(number)
    chain = [*rng.choice(["C", "C", "N", "O"], rng.integers(2, 6)), rng.choice(["C", "F"])]
    orders = [1] * (len(chain) - 1)
    if chain[0] != "O" and chain[1] in "CN":
        orders[0] = 2
    bonds = [(i + 1, i + 2, order) for i, order in enumerate(orders)]
    symbols, places = list(chain), [(1.4 * i, 0.7 * (i % 2), 0.0) for i in range(len(chain))]
    for i, symbol in enumerate(chain):
        used = sum(order for one, other, order in bonds if i + 1 in (one, other))
        for _ in range(VALENCES[symbol] - used):
            symbols.append("H")
            places.append((1.4 * i, (-1) ** i * rng.uniform(0.8, 1.1), rng.uniform(-1, 1)))
            bonds.append((i + 1, len(symbols), 1))
    positions = np.round(np.array(places) + rng.normal(0, 0.05, (len(places), 3)), 4)
    return Sample(symbols, positions, bonds, _values(symbols, positions, bonds))


def _values(symbols: list[str], positions: np.ndarray, bonds: list[tuple[int, int, int]]) -> dict[str, float]:
    h, c, n, o, f = (symbols.count(symbol) for symbol in "HCNOF")
    double = sum(order == 2 for *_, order in bonds)
    spread = float(((positions - positions.mean(0)) ** 2).sum())
    energy = -80.0 * c - 70 * n - 65 * o - 60 * f - 50 * h - 30 * double
    values = {
        "mu": 1 + 0.8 * o + 0.5 * n + 0.7 * f,
        "alpha": 1.5 * h + 9 * c + 7 * n + 5 * o + 3 * f,
        "homo": -0.25 - 0.01 * n - 0.02 * o + 0.01 * double,
        "lumo": 0.08 - 0.02 * double - 0.02 * o - 0.03 * f,
        "r2": 4 * spread,
        "zpve": 0.01 * h + 0.004 * len(bonds),
        "cv": 3 + 0.8 * len(symbols) + 1.5 * (o + n),
        "u0_atom": energy,
        "u298_atom": 1.01 * energy,
        "h298_atom": 1.01 * energy - 0.6,
        "g298_atom": 0.92 * energy + 3 * len(symbols),
    }
    return {column: values.get(column, 1.0) for column in COLUMNS[1:]}


def record(name: str, molecule: Sample) -> str:
    """The molecule in the V2000 form of a structure-data file."""
    lines = [name, "  -OEChem-03231823243D", ""]
    lines.append(f"{len(molecule.symbols):3d}{len(molecule.bonds):3d}  0     0  0  0  0  0  0999 V2000")
    for symbol, (x, y, z) in zip(molecule.symbols, molecule.positions, strict=True):
        lines.append(f"{x:10.4f}{y:10.4f}{z:10.4f} {symbol:<3s} 0  0  0  0  0  0  0  0  0  0  0  0")
    lines += [f"{one:3d}{other:3d}{order:3d}  0  0  0  0" for one, other, order in molecule.bonds]
    return "\n".join([*lines, "M  END", "$$$$", ""])


def left_out_list(numbers: list[int]) -> str:
    """The list of molecules that failed the check of consistency: a header of nine lines, and a last line of dashes."""
    header = ["=" * 40, f"{len(numbers)} molecules that failed", "", "a", "b", "c", "", "  Index  SMILES", "-" * 40]
    return "\n".join([*header, *(f"  {number:6d}  C#N  CN" for number in numbers), "-" * 40, ""])


def write_qm9(folder: Path, count: int, left_out: list[int]) -> None:
    """Molecules gdb_1, gdb_2, ... with their table, and the list of those to leave out."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = {f"gdb_{number}": sample(number) for number in range(1, count + 1)}
    (folder / "gdb9.sdf").write_text("".join(record(name, molecule) for name, molecule in samples.items()))
    rows = [
        ",".join([name, *(repr(value) for value in molecule.values.values())]) for name, molecule in samples.items()
    ]
    (folder / "gdb9.sdf.csv").write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    (folder / "uncharacterized.txt").write_text(left_out_list(left_out))


def lines_of(text: str) -> list[str]:
    """The lines of the first record in ``text``."""
    return next(records(text.splitlines(keepends=True)))


def packed_samples(count: int) -> Molecules:
    """The first ``count`` samples, packed into tensors."""
    return pack([parse(lines_of(record(str(number), sample(number)))) for number in range(count)])
