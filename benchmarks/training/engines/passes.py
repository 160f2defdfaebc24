"""Extra forward passes beside the pass of a step, for methods that need them; training goes on as if without them.

A method that looks at several batches, or at one batch twice, trains on the same batches, with the same dropout noise
and the same batch-norm statistics as every other method.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.func import functional_call

from benchmarks.records.record import Precision
from benchmarks.training.batches import batches_of, casting, losses_of
from benchmarks.training.machine.data_parallel import World
from benchmarks.training.machine.devices import RandomState, noise_now, set_noise
from tasks.base import MultiTaskModel, Split, Task, seeded

OTHERS = ("data/second", "data/third")  # names of the orders of the two other batches; see `orders`


@contextmanager
def noise_from(noise: RandomState, device: torch.device) -> Iterator[None]:
    """Run a block with the random numbers that follow ``noise``, then restore the state of the generators."""
    before = noise_now(device)
    set_noise(noise, device)
    try:
        yield
    finally:
        set_noise(before, device)


class Passes:
    """Losses of a model in passes on copies of its buffers."""

    def __init__(
        self,
        model: MultiTaskModel,
        tasks: Sequence[Task],
        device: torch.device,
        precision: Precision = "float32",
    ) -> None:
        self._model = model
        self._tasks = tasks
        self._device = device
        self._precision: Precision = precision
        self._streams: list[Iterator[Split]] = []
        self._noise: RandomState = []

    def draw_from(self, split: Split, size: int, seed: int, world: World = World()) -> None:  # noqa: B008
        """Draw the other batches from ``split``, in orders and with dropout noise of their own."""
        self._streams = [batches_of(split, size, seed, order, world) for order in OTHERS]
        with seeded(world.own("noise/others"), seed):
            self._noise = noise_now(self._device)

    def others(self) -> list[dict[str, Tensor]]:
        """The losses of two more, independent batches."""
        with noise_from(self._noise, self._device):
            losses = [self._losses(next(stream)) for stream in self._streams]
            self._noise = noise_now(self._device)
        return losses

    @torch.no_grad()
    def again(self, batch: Split, noise: RandomState) -> dict[str, Tensor]:
        """The losses of ``batch`` once more, with the dropout noise of the pass that began at ``noise``."""
        with noise_from(noise, self._device):
            return self._losses(batch)

    def _losses(self, batch: Split) -> dict[str, Tensor]:
        # Copies, because buffers put back in place could spoil a graph that still waits for its backward pass.
        buffers = {name: buffer.clone() for name, buffer in self._model.named_buffers()}
        with casting(self._precision, self._device):
            _, outputs = functional_call(self._model, buffers, (batch.inputs,))
        return losses_of(self._tasks, outputs, batch)
