"""The pieces of a training loop: batches, optimizer, losses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat

import torch
from torch import Tensor, nn

from benchmarks.records.record import MetricFact, Precision
from benchmarks.training.machine.data_parallel import World
from tasks.base import Split, Task, seed_for

SGD_MOMENTUM = 0.9


def metric_facts(task: Task) -> list[MetricFact]:
    """The facts about the metrics of a task that a record holds, the primary metric first."""
    return [MetricFact(name=m.name, best=m.best, higher_is_better=m.higher_is_better) for m in task.metrics]


def make_optimizer(name: str, model: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    """Adam, or SGD with momentum, over the trainable parameters; fused, which is fastest for small models."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if name == "adam":
        return torch.optim.Adam(parameters, learning_rate, fused=True)
    return torch.optim.SGD(parameters, learning_rate, momentum=SGD_MOMENTUM, fused=True)


def geometry_batch(split: Split, size: int) -> Split:
    """A fixed random batch, the same for all methods and seeds; the curves' task gradients are measured on it.

    As in training, it has ``size`` examples of every set.
    """
    generator = torch.Generator().manual_seed(seed_for("probe", 0))
    chosen = [index[torch.randperm(len(index), generator=generator)[:size].to(index.device)] for index in split.sets()]
    return split.take(torch.cat(chosen))


def casting(precision: Precision, device: torch.device) -> torch.autocast:
    """The context of a forward pass of training; the backward pass follows its precision.

    Parameters, their gradients, the optimizer, losses and evaluation are always in single precision.
    """
    # No cache: the casts of one pass would be wrong for replicas, whose parameters are seen through `torch.vmap`.
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=False)


def widened(output: Tensor) -> Tensor:
    """An output in the precision that losses are computed in: single precision at least."""
    return output.float() if output.dtype == torch.bfloat16 else output


def losses_of(tasks: Sequence[Task], outputs: Mapping[str, Tensor], batch: Split) -> dict[str, Tensor]:
    """The training loss of every task, from the outputs of the heads."""
    pairs = [pairs_with_target(batch, task, outputs) for task in tasks]
    return {task.name: task.loss(widened(output), target) for task, (output, target) in zip(tasks, pairs, strict=True)}


def pairs_with_target(batch: Split, task: Task, outputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Outputs and targets of the examples that have a target of ``task``."""
    return batch.having(task.name, outputs[task.name]), batch.having(task.name, batch.targets[task.name])


def steps_per_epoch(split: Split, size: int) -> int:
    """How many batches show the largest set of examples once; smaller sets are shown more than once meanwhile."""
    return math.ceil(max(map(len, split.sets())) / size)


def orders(split: Split, size: int, seed: int, order: str = "data") -> list[Iterator[Tensor]]:
    """For every set of examples, an endless stream of the positions (B,) of the examples in each batch.

    Every epoch has its own order, and no example is dropped. The last batch of an epoch may be smaller. Streams with
    different names in ``order`` are independent of each other.
    """
    sets = split.sets()
    purposes = [order] if len(sets) == 1 else [f"{order}/{number}" for number in range(len(sets))]
    return [_order(index, size, seed_for(purpose, seed)) for index, purpose in zip(sets, purposes, strict=True)]


def _order(index: Tensor, size: int, seed: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    while len(index) <= size:  # one batch holds everything, and its order does not matter
        yield index
    while True:
        for chosen in torch.randperm(len(index), generator=generator).to(index.device).split(size):
            yield index[chosen]


def batches_of(
    split: Split,
    size: int,
    seed: int,
    order: str = "data",
    world: World = World(),  # noqa: B008
) -> Iterator[Split]:
    """Endless batches in the order of `orders`, or the part of each that belongs to this process."""
    if len(split) <= size and world.size == 1 and not split.present:
        return repeat(split)
    together = zip(*orders(split, size, seed, order), strict=True)
    return (split.take(torch.cat([world.part(index) for index in indices])) for indices in together)
