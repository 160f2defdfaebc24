"""The pieces of a training loop: batches, optimizer, when to evaluate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from benchmarks.records import MetricFact, Precision
from benchmarks.world import World
from tasks.base import Split, Task, seed_for

SGD_MOMENTUM = 0.9


def metric_facts(task: Task) -> list[MetricFact]:
    """What a record says about the metrics of a task."""
    return [MetricFact(name=m.name, best=m.best, higher_is_better=m.higher_is_better) for m in task.metrics]


def make_optimizer(name: str, model: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    """Adam, or SGD with momentum, over the trainable parameters; fused, which is fastest for small models."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if name == "adam":
        return torch.optim.Adam(parameters, learning_rate, fused=True)
    return torch.optim.SGD(parameters, learning_rate, momentum=SGD_MOMENTUM, fused=True)


def evaluation_points(total: int, count: int) -> set[int]:
    """The steps after which the model is evaluated: ``count`` evenly spaced ones, the last included."""
    return {round(total * i / count) for i in range(1, count + 1)} - {0}


def probe_of(split: Split, size: int) -> Split:
    """The batch that gradients are looked at for the curves: a fixed random one, for all methods, seeds and times."""
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed_for("probe", 0)))
    return split.take(order[:size].to(next(iter(split.inputs.values())).device))


def casting(precision: Precision, device: torch.device) -> torch.autocast:
    """The context of a forward pass of training, and with it of its backward pass.

    Parameters, their gradients, the optimizer, losses and evaluation are in single precision whatever it is.
    """
    # No cache: that of one pass would be wrong for replicas, whose parameters are seen through `torch.vmap`.
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=False)


def widened(output: Tensor) -> Tensor:
    """An output as losses are computed from it: in single precision at least."""
    return output.float() if output.dtype == torch.bfloat16 else output


def losses_of(tasks: Sequence[Task], outputs: Mapping[str, Tensor], batch: Split) -> dict[str, Tensor]:
    """The training loss of every task, from the outputs of the heads."""
    return {task.name: task.loss(widened(outputs[task.name]), batch.targets[task.name]) for task in tasks}


def orders(split: Split, size: int, seed: int, order: str = "data") -> Iterator[Tensor]:
    """Which examples are in a batch, endlessly; every epoch has its own order, and no example is dropped.

    The last batch of an epoch may be smaller. Another ``order`` is independent of this one.
    """
    generator = torch.Generator().manual_seed(seed_for(order, seed))
    device = next(iter(split.inputs.values())).device
    if len(split) <= size:  # one batch holds everything, and its order does not matter
        everything = torch.arange(len(split), device=device)
        while True:
            yield everything
    while True:
        yield from torch.randperm(len(split), generator=generator).to(device).split(size)


def batches_of(
    split: Split,
    size: int,
    seed: int,
    order: str = "data",
    world: World = World(),  # noqa: B008
) -> Iterator[Split]:
    """Endless batches of the examples that `orders` says, or this process's part of them."""
    whole = len(split) <= size and world.size == 1
    return (split if whole else split.take(world.part(index)) for index in orders(split, size, seed, order))
