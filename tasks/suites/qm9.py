"""Eleven quantum-chemical properties of a small molecule from its atoms and their places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from tasks.base import (
    DataUnavailableError,
    MultiTaskModel,
    Split,
    Splits,
    Suite,
    Task,
    check_tasks,
    mean_metric,
    seed_for,
    seeded,
    seeded_heads,
)
from tasks.data import qm9_files
from tasks.data.qm9_files import PROPERTIES
from tasks.data.qm9_sdf import pack
from tasks.data.sources import data_folder
from tasks.networks.qm9_message_passing import MessagePassing, PropertyHead
from tasks.registry import register

HELD_OUT = 10_000  # molecules for validation, and as many for the test


@register("qm9")
@dataclass(frozen=True)
class Qm9(Suite):
    """QM9: eleven properties of 130,831 organic molecules with up to nine atoms of C, N, O and F, and up to 29 in all.

    - Source: QM9 (Ramakrishnan et al., Scientific Data 2014; licence: CC0) as its raw files in MoleculeNet's form:
      ``gdb9.sdf``, ``gdb9.sdf.csv``, and ``uncharacterized.txt`` from figshare, which names the 3,054 of 133,885
      molecules that are left out (without it none is). They cannot be downloaded automatically: put them into ``qm9``
      in the data folder, or into ``raw`` in it, as PyTorch Geometric does. Reading them takes half a minute.
    - Splits: fixed and random: 10,000 for the test, 10,000 for validation, the rest (110,831) for training; of a
      smaller file a tenth each.
    - Tasks: dipole moment ``mu`` (D), polarisability ``alpha`` (a0^3), orbital energies ``homo`` and ``lumo`` (meV),
      spatial extent ``r2`` (a0^2), zero-point energy ``zpve`` (meV), energies of atomisation ``u0``, ``u``, ``h`` and
      ``g`` (meV), heat capacity ``cv`` (cal/(mol K)). The gap, ``lumo`` - ``homo``, is left out as in papers. Loss:
      squared error in standard deviations of the training molecules.
    - Metric: mean absolute error in the unit above, as papers report it.
    - Encoder: a message-passing network of width 64 with Set2Set. Heads: one affine layer each, in the task's unit.
      Last shared layer: the affine one after Set2Set.
    - Atoms are given by element, bonds of each order and hydrogens; pairs by order of the bond and distance. Papers add
      aromaticity and hybridisation, which take a chemistry package.

    ``molecules`` takes a fixed part of every split, in proportion. ``width`` is that of the network.

    Reference: Gilmer et al., Neural Message Passing for Quantum Chemistry, ICML 2017; Navon et al., Multi-Task Learning
    as a Bargaining Game, ICML 2022 (whose targets and sizes of the split these are).
    """

    molecules: int | None = None
    width: int = 64
    # Mean and standard deviation of every task on the training molecules, where load() was called.
    _moments: dict[str, tuple[float, float]] = field(default_factory=dict, init=False, repr=False, compare=False)

    version = 1
    summary = "eleven properties of 130,831 small molecules (message-passing network)"

    def __post_init__(self) -> None:
        if self.molecules is not None and self.molecules < 20:
            raise ValueError(f"molecules must be at least 20, so that every split has some, not {self.molecules}")
        if self.width < 1:
            raise ValueError(f"width must be at least 1, not {self.width}")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The eleven properties."""
        error = mean_metric("mean_absolute_error", 0.0, lambda o, t: (o - t).abs(), higher_is_better=False)
        return tuple(Task(name, self._loss(name), (error,)) for name in PROPERTIES)

    def load(self, data: Path | None = None) -> Splits:
        """Elements (N, A), int8, positions (N, A, 3), bonds (N, A, A), int8; properties (N,)."""
        folder = qm9_files.find(data_folder(data))
        molecules, properties = qm9_files.read(folder)
        whole = Split(pack(molecules)._asdict(), properties)
        splits = Splits(*(whole.take(index) for index in split(len(molecules), self.molecules)))
        self._moments.update({name: moments(values) for name, values in splits.train.targets.items()})
        return splits

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """The network, with torch's default initialisation; heads begin near the training molecules' mean."""
        check_tasks(self, tasks)
        with seeded("init", seed):
            encoder = MessagePassing(self.width)
        # Weights that are read from a file bring their own means and deviations.
        heads = seeded_heads(seed, tasks, lambda task: PropertyHead(self.width, *self._moments.get(task, (0.0, 1.0))))
        return MultiTaskModel(encoder, heads, last_shared=encoder.last)

    def read(self, user_input: str) -> dict[str, Tensor]:
        """The first molecule of a structure-data (.sdf) file, with places in space and all hydrogens.

        Raises:
            ValueError: it is not the path of one.
        """
        return pack([qm9_files.read_molecule(user_input)])._asdict()

    def answers(self, user_input: str, outputs: Mapping[str, Tensor]) -> dict[str, str]:  # noqa: ARG002
        """Values with their units."""
        return {name: f"{output.item():.5g} {PROPERTIES[name].unit}" for name, output in outputs.items()}

    def _loss(self, task: str) -> Callable[[Tensor, Tensor], Tensor]:
        def loss(outputs: Tensor, targets: Tensor) -> Tensor:
            assert self._moments, "load() comes before the first loss"
            return ((outputs - targets) / self._moments[task][1]).square().mean()

        return loss


def split(count: int, molecules: int | None = None) -> list[Tensor]:
    """Positions for training, validation and test out of ``count``; of each the share ``molecules / count``.

    Raises:
        DataUnavailableError: there are too few.
    """
    held_out = min(HELD_OUT, count // 10)
    if held_out < 1:
        raise DataUnavailableError(f"{count} molecules are too few to split; expected QM9's files, or at least 10")
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed_for("qm9/split", 0)))
    test, validation, train = order.tensor_split([held_out, 2 * held_out])
    share = 1.0 if molecules is None else min(1.0, molecules / count)
    return [part[: max(1, round(share * len(part)))] for part in (train, validation, test)]


def moments(values: Tensor) -> tuple[float, float]:
    """Mean and standard deviation of ``values`` (N,); the latter 1 where they do not vary."""
    exact = values.double()
    return float(exact.mean()), float(exact.std(correction=0)) or 1.0
