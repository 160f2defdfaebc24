"""The processes of one data-parallel run, as ``torchrun`` starts them: the first one writes and speaks for all."""

from __future__ import annotations

import os
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

T = TypeVar("T")


class World(NamedTuple):
    """This process among all; one alone has no group."""

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

    def part(self, index: Tensor) -> Tensor:
        """This process's part of the examples of a batch (B,).

        Raises:
            ValueError: the batch cannot be divided into parts of one size.
        """
        if len(index) % self.size:
            raise ValueError(
                f"a batch of {len(index)} examples cannot be divided among {self.size} processes; choose a batch size, "
                "and a number of training examples, that can"
            )
        return index.tensor_split(self.size)[self.rank]

    def own(self, purpose: str) -> str:
        """What a stream of random numbers is seeded for that must differ between processes."""
        return purpose if self.first else f"{purpose}/{self.rank}"


def join(device: torch.device) -> World:
    """The processes that ``torchrun`` has started, or this one alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return World()
    if not dist.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return World(dist.get_rank(), dist.get_world_size(), dist.group.WORLD)
