"""The number of local workers of a run, and the device and the threads of each."""

from __future__ import annotations

import torch

from benchmarks.training.machine.devices import cores


def default_workers(device: torch.device) -> int:
    """How many worker processes: one per GPU, or one per core; 0, this process, on a single core."""
    if device.type == "cuda":
        return torch.cuda.device_count()
    return cores() if cores() > 1 else 0


def default_threads(device: torch.device, workers: int) -> int | None:
    """Threads of each worker: an equal share of the cores; none, which leaves it to torch, for a single worker."""
    return max(1, cores() // workers) if workers > 1 and device.type == "cpu" else None


def of_worker(device: str, worker: int) -> str:
    """The device of one of several local workers: GPUs in turn, each shared by several workers if there are fewer."""
    return f"cuda:{worker % torch.cuda.device_count()}" if device == "cuda" else device
