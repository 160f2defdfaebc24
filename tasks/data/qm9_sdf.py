"""Molecules from structure-data files: atoms, their places and their bonds, packed into tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

NUMBERS = {"H": 1, "C": 6, "N": 7, "O": 8, "F": 9}  # atomic numbers of the elements in QM9
ORDERS = range(1, 5)  # of bonds: single, double, triple, aromatic
END = "$$$$"
HEADER = 4  # lines before the atoms; the last of them counts atoms and bonds


class Molecule(NamedTuple):
    """One record of a file."""

    name: str
    elements: np.ndarray  # (A,), int8: atomic numbers
    positions: np.ndarray  # (A, 3), float32, in ångström
    bonds: np.ndarray  # (B, 3), int16: two atoms, counted from 0, and the order


class Molecules(NamedTuple):
    """Molecules padded to the largest one."""

    elements: Tensor  # (N, A), int8: atomic numbers, 0 where there is no atom
    positions: Tensor  # (N, A, 3), in ångström
    bonds: Tensor  # (N, A, A), int8: orders, 0 where there is no bond


def records(lines: Iterable[str]) -> Iterator[list[str]]:
    """The lines of each record, without the line that ends it."""
    record: list[str] = []
    for line in lines:
        if line.startswith(END):
            yield record
            record = []
        else:
            record.append(line.rstrip("\r\n"))
    if any(line.strip() for line in record):
        yield record


def parse(lines: Sequence[str]) -> Molecule:
    """The molecule of a record in the V2000 form, whose columns are fixed.

    Raises:
        ValueError: the record is of another form, or has other elements than H, C, N, O and F.
    """
    name = lines[0].strip() if lines else ""
    try:
        atoms, bonds = int(lines[3][:3]), int(lines[3][3:6])
        of_atoms, of_bonds = lines[HEADER : HEADER + atoms], lines[HEADER + atoms : HEADER + atoms + bonds]
        if atoms < 1 or len(of_bonds) < bonds:
            raise ValueError("it is cut off")
        elements = [NUMBERS[line[31:34].strip()] for line in of_atoms]
        positions = [(float(line[:10]), float(line[10:20]), float(line[20:30])) for line in of_atoms]
        joined = np.array(
            [(int(line[:3]) - 1, int(line[3:6]) - 1, int(line[6:9])) for line in of_bonds], dtype=np.int16
        )
        joined = joined.reshape(-1, 3)
        if not (joined >= (0, 0, ORDERS[0])).all() or not (joined <= (atoms - 1, atoms - 1, ORDERS[-1])).all():
            raise ValueError("a bond is to no atom, or of an order other than 1 to 4")
    except KeyError as error:
        raise ValueError(f"molecule {name!r} has the element {error}; there may be {', '.join(NUMBERS)}") from None
    except (ValueError, IndexError) as error:
        raise ValueError(f"molecule {name!r} is not in the V2000 form of a structure-data file ({error})") from None
    return Molecule(name, np.array(elements, dtype=np.int8), np.array(positions, dtype=np.float32), joined)


def pack(molecules: Sequence[Molecule]) -> Molecules:
    """Tensors as large as the largest molecule asks for."""
    counts = np.array([len(molecule.elements) for molecule in molecules])
    most = int(counts.max())
    rows, columns = np.nonzero(np.arange(most) < counts[:, None])
    elements = np.zeros((len(molecules), most), dtype=np.int8)
    elements[rows, columns] = np.concatenate([molecule.elements for molecule in molecules])
    positions = np.zeros((len(molecules), most, 3), dtype=np.float32)
    positions[rows, columns] = np.concatenate([molecule.positions for molecule in molecules])
    bonds = np.zeros((len(molecules), most, most), dtype=np.int8)
    row = np.repeat(np.arange(len(molecules)), [len(molecule.bonds) for molecule in molecules])
    one, other, order = np.concatenate([molecule.bonds for molecule in molecules]).T
    bonds[row, one, other] = bonds[row, other, one] = order
    return Molecules(torch.from_numpy(elements), torch.from_numpy(positions), torch.from_numpy(bonds))
