"""The number of local workers of a run, and the device and the threads of each."""

from __future__ import annotations

import torch

from benchmarks.training.machine.devices import cores, count, on_accelerator


def default_workers(device: torch.device) -> int:
    """How many worker processes: one per accelerator, or one per core; 0, this process, on a single core."""
    if on_accelerator(device):
        return count(device)
    return cores() if cores() > 1 else 0


def default_threads(device: torch.device, workers: int) -> int | None:
    """Threads of each worker: an equal share of the cores; none, which leaves it to torch, for a single worker."""
    return max(1, cores() // workers) if workers > 1 and not on_accelerator(device) else None


def of_worker(device: str, worker: int) -> str:
    """The device of one of several local workers.

    They get the accelerators in turn; where there are fewer accelerators than workers, several workers share one.
    """
    asked = torch.device(device)
    return f"{asked.type}:{worker % count(asked)}" if on_accelerator(asked) and asked.index is None else device
