"""The parts of a suite: splits, tasks, metrics, the model, seeds of random numbers, and the class `Suite`."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn


class DataUnavailableError(RuntimeError):
    """The data of a suite are missing and cannot be downloaded; the message says which file goes where."""


@dataclass(frozen=True)
class Metric:
    """A number that says how well one task is solved on a whole split.

    A metric is computed batch by batch, so that a split need not fit into memory: ``collect(outputs, targets)`` returns
    a tensor of sums for one batch, the sums of all batches are added, and ``value(total)`` turns the total into the
    metric. A metric that needs all examples at once, such as a ranking, is ``pooled``: ``collect`` returns one row for
    each example, and ``value`` gets the rows of all batches.
    """

    name: str
    best: float  # the value of a perfect model; the error of a model is its distance to this
    higher_is_better: bool
    collect: Callable[[Tensor, Tensor], Tensor]
    value: Callable[[Tensor], Tensor]
    pooled: bool = False

    def of(self, parts: Sequence[Tensor]) -> float:
        """The metric of a split from the tensors that `collect` returned for its batches."""
        return float(self.value(torch.cat(tuple(parts)) if self.pooled else torch.stack(tuple(parts)).sum(0)))


@dataclass(frozen=True)
class Task:
    """One task: its training loss (mean over the batch) and its metrics, the primary one first.

    ``lower_bound`` is the smallest value that the loss can have; it is 0 for all common losses. Balancers that take
    ratios or logarithms of losses get the loss minus this bound. ``absent`` is the number that stands in a target where
    there is no label, if the loss and the metrics leave such places out; examples without a target at all are declared
    in `Split.present`.
    """

    name: str
    loss: Callable[[Tensor, Tensor], Tensor]  # (outputs, targets) -> scalar
    metrics: tuple[Metric, ...]
    lower_bound: float = 0.0
    absent: float | None = None

    @property
    def primary(self) -> Metric:
        """The metric by which checkpoints and settings are chosen."""
        return self.metrics[0]


@dataclass(frozen=True)
class Split:
    """Examples as tensors with the same first axis: the encoder's keyword arguments, and one target per task.

    ``present`` maps a task to a mask: which examples have a target of this task. A task without a mask has a target in
    every example. The values in missing targets are ignored. Examples that have the same tasks form a set, and every
    training batch takes equally many examples from each set; so tasks can have examples of their own.
    """

    inputs: Mapping[str, Tensor]
    targets: Mapping[str, Tensor]
    present: Mapping[str, Tensor] = field(default_factory=dict)  # task -> (N,), bool

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def take(self, index: Tensor | slice) -> Split:
        """The examples at ``index``: a slice, a tensor of positions, or a mask (N,)."""
        return self._each(lambda values: values[index])

    def to(self, device: torch.device) -> Split:
        """The same examples on ``device``."""
        return self._each(lambda values: values.to(device))

    def batches(self, size: int) -> Iterator[Split]:
        """All examples in order, ``size`` at a time."""
        return (self.take(slice(start, start + size)) for start in range(0, len(self), size))

    def having(self, task: str, values: Tensor) -> Tensor:
        """The rows of ``values`` (N, ...) whose examples have a target of ``task``."""
        return values[self.present[task]] if task in self.present else values

    def only(self, tasks: Sequence[str]) -> Split:
        """The examples that have a target of any of ``tasks``."""
        if not self.present or any(task not in self.present for task in tasks):
            return self
        return self.take(torch.stack([self.present[task] for task in tasks]).any(0))

    def sets(self) -> list[Tensor]:
        """The positions of the examples of every set; the sets are in the order of their first examples."""
        if not self.present:
            return [torch.arange(len(self), device=next(iter(self.inputs.values())).device)]
        patterns = torch.stack(list(self.present.values()), 1)
        kinds, kind = patterns.unique(dim=0, return_inverse=True)
        sets = [torch.nonzero(kind == number).flatten() for number in range(len(kinds))]
        return sorted(sets, key=lambda index: int(index[0]))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Split:
        parts = (self.inputs, self.targets, self.present)
        return Split(*({name: change(values) for name, values in part.items()} for part in parts))


class Splits(NamedTuple):
    """The three parts of a data set: for training, for choosing checkpoints and settings, and for the final table."""

    train: Split
    validation: Split
    test: Split


class Adapter(Protocol):
    """A module between encoder and heads, which gives every task its own view of the representation."""

    def adapt(self, features: Tensor) -> Mapping[str, Tensor]:
        """The input of every task's head."""
        ...


class MultiTaskModel(nn.Module):
    """A shared encoder and one head per task; an `Adapter` may stand between them.

    ``last_shared`` is the encoder's last layer, whose gradients GradNorm measures (default: the whole encoder).
    """

    def __init__(
        self, encoder: nn.Module, heads: Mapping[str, nn.Module], last_shared: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleDict(heads)
        self.adapter: Adapter | None = None
        self._last = [last_shared if last_shared is not None else encoder]  # a list: not registered a second time

    def forward(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The shared representation, and the output of every head by task name."""
        features = self.encoder(**inputs)
        head_inputs = dict.fromkeys(self.heads, features) if self.adapter is None else self.adapter.adapt(features)
        return features, {name: head(head_inputs[name]) for name, head in self.heads.items()}

    def shared_parameters(self) -> list[nn.Parameter]:
        """The encoder's trainable parameters."""
        return [p for p in self.encoder.parameters() if p.requires_grad]

    def last_shared_parameters(self) -> list[nn.Parameter]:
        """The trainable parameters of the encoder's last layer."""
        return [p for p in self._last[0].parameters() if p.requires_grad]


class Landscape(NamedTuple):
    """The picture of a two-dimensional problem: the losses on a grid, and the Pareto front in the plane."""

    x: Tensor  # (W,)
    y: Tensor  # (H,)
    losses: Mapping[str, Tensor]  # each (H, W)
    front: Tensor  # (P, 2)
    snapshot: str  # the key in a record's snapshots that holds the trajectory


class Suite(ABC):
    """A multi-task problem. A subclass is a frozen dataclass whose fields are the options a protocol may set.

    The splits never depend on the seed of a run; initialisation and data order do.
    """

    name: ClassVar[str]
    version: ClassVar[int]  # raised whenever numbers are no longer comparable with earlier ones
    summary: ClassVar[str]  # one line for lists and for the report
    digest: ClassVar[str] = ""  # digest of the plug-in file; empty for a suite of this package
    replicable: ClassVar[bool] = False  # whether many of its models can train in one vectorised loop
    generalises: ClassVar[bool] = True  # whether validation and test have examples that training does not have
    separate: ClassVar[bool] = False  # whether some training examples lack the target of a task (`Split.present`)

    @property
    @abstractmethod
    def tasks(self) -> tuple[Task, ...]:
        """All tasks, in the order of every table."""

    @abstractmethod
    def load(self, data: Path | None = None) -> Splits:
        """The three splits; ``data`` is a folder that is searched first.

        Raises:
            DataUnavailableError: the data are missing; the message says which file goes where.
        """

    @abstractmethod
    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """A fresh model with heads for ``tasks``; the same seed gives the same encoder whatever the tasks."""

    @property
    def loss_scales(self) -> tuple[float, ...]:
        """The size of each task's loss relative to the others; the search for fixed weights starts from there."""
        return (1.0,) * len(self.tasks)

    def read(self, user_input: str) -> dict[str, Tensor]:  # noqa: ARG002
        """The encoder's inputs, with a first axis of 1, for a user's input: a text, or the path of a file.

        Raises:
            ValueError: the suite takes no inputs, or this one cannot be read; the message says what is expected.
        """
        raise ValueError(f"suite {self.name!r} cannot answer for inputs of one's own")

    def answers(self, user_input: str, outputs: Mapping[str, Tensor]) -> dict[str, str]:
        """The answer of every task in words, from the outputs of the heads, which have a first axis of 1."""
        raise NotImplementedError  # every suite that can `read` has it

    def snapshot(self, model: MultiTaskModel) -> dict[str, list[float]]:  # noqa: ARG002
        """Numbers about the model, by name, that are kept at every evaluation. Most suites have none."""
        return {}

    def landscape(self) -> Landscape | None:
        """The background for plots of trajectories, for problems in the plane; else none."""
        return None


def seed_for(purpose: str, seed: int) -> int:
    """The seed of one purpose ("init", "data", "head/left", ...) in run ``seed``; purposes have unrelated seeds."""
    digest = hashlib.sha256(f"{purpose}/{seed}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


@contextmanager
def seeded(purpose: str, seed: int) -> Iterator[None]:
    """Run a block with torch's global generator seeded for ``purpose``, and leave the generator as it was."""
    accelerator = torch.accelerator.current_accelerator()
    devices, kind = range(torch.accelerator.device_count()), "cuda" if accelerator is None else accelerator.type
    with torch.random.fork_rng(devices=devices, device_type=kind):
        torch.manual_seed(seed_for(purpose, seed))
        yield


def seeded_heads(seed: int, tasks: Sequence[str], make: Callable[[str], nn.Module]) -> dict[str, nn.Module]:
    """Heads by task name; the initial weights of a head do not depend on the other tasks."""
    heads = {}
    for name in tasks:
        with seeded(f"head/{name}", seed):
            heads[name] = make(name)
    return heads


def mean_metric(
    name: str, best: float, per_example: Callable[[Tensor, Tensor], Tensor], *, higher_is_better: bool
) -> Metric:
    """A metric that is the mean over all examples of ``per_example(outputs, targets)``, shape (N,)."""

    def collect(outputs: Tensor, targets: Tensor) -> Tensor:
        values = per_example(outputs, targets).double()
        return torch.stack([values.sum(), values.new_tensor(values.numel())])

    return Metric(name, best, higher_is_better, collect, lambda total: total[0] / total[1])


def split_indices(count: int, shares: Sequence[float], seed: int) -> list[Tensor]:
    """A seeded permutation of ``count`` positions cut into parts of the given shares, which sum to 1."""
    assert math.isclose(sum(shares), 1.0)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    edges = [round(count * sum(shares[:i])) for i in range(1, len(shares))]
    return list(order.tensor_split(edges))


def check_tasks(suite: Suite, names: Iterable[str]) -> None:
    """Raise ``ValueError`` if a name is not one of the suite's tasks."""
    task_names = [task.name for task in suite.tasks]
    for name in names:
        if name not in task_names:
            raise ValueError(f"suite {suite.name!r} has no task {name!r}; its tasks are {', '.join(task_names)}")
