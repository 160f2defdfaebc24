"""The processes of one data-parallel run, as ``torchrun`` starts them; the first one writes records and prints."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from benchmarks.training.machine.devices import on_accelerator

T = TypeVar("T")

BACKENDS = {"cuda": "nccl", "xpu": "xccl"}  # libraries for messages between accelerators; other devices send by gloo


class World(NamedTuple):
    """The place of this process among all processes; a process that is alone has no group."""

    rank: int = 0
    size: int = 1
    group: dist.ProcessGroup | None = None

    @property
    def first(self) -> bool:
        """Whether this process writes records and shows progress."""
        return self.rank == 0

    def agree(self, value: T) -> T:
        """The first process's value."""
        if self.group is None:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self.group)
        return box[0]

    def gather(self, value: T) -> list[T]:
        """The values of all processes, in every one of them."""
        if self.group is None:
            return [value]
        values: list[T | None] = [None] * self.size
        dist.all_gather_object(values, value, group=self.group)
        return values  # pyright: ignore[reportReturnType]

    def out_of_step(self, error: Exception) -> bool:
        """Whether this error may have come up in this process alone.

        A ``ValueError`` is about numbers or settings, which all processes share. Any other error, such as a lack of
        memory, may be this one's alone; then this process must end, and all with it, as they would mix up messages.
        """
        return self.size > 1 and not isinstance(error, ValueError)

    def indivisible(self, batch: int, sets: Iterable[int]) -> str:
        """Why batches of ``batch`` examples, drawn from ``sets`` of so many, cannot be divided; empty if they can."""
        for size in (size for examples in sets for size in (min(batch, examples), examples % batch)):
            if size % self.size:
                return f"a batch of {size} examples cannot be divided among {self.size} processes"
        return ""

    def leave(self) -> None:
        """Wait for all processes, so that the end of one does not end another, and leave the group."""
        if self.group is not None:
            dist.barrier(group=self.group)
            dist.destroy_process_group()

    def part(self, index: Tensor) -> Tensor:
        """This process's part of the examples of a batch (B,), which can be divided."""
        return index.tensor_split(self.size)[self.rank]

    def own(self, purpose: str) -> str:
        """The purpose that a stream of random numbers is seeded for, where it must differ between processes."""
        return purpose if self.first else f"{purpose}/{self.rank}"


def join(device: torch.device) -> World:
    """The processes that ``torchrun`` has started, or this one alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return World()
    if not dist.is_initialized():
        if on_accelerator(device):
            torch.accelerator.set_device_index(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group(BACKENDS.get(device.type, "gloo"))
    return World(dist.get_rank(), dist.get_world_size(), dist.group.WORLD)
