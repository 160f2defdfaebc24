"""The device that a run uses, and how many processes and threads share it."""

from __future__ import annotations

import os

import torch


def choose(name: str) -> torch.device:
    """The device called "cpu", "cuda" or "auto" (a GPU if there is one), set up to give the same numbers every time.

    Raises:
        ValueError: another name, or a GPU where there is none.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"there is no device {name!r}; expected auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("torch finds no GPU here; use --device cpu, or install a torch build with CUDA")
    device = torch.device("cpu" if name == "cpu" or not torch.cuda.is_available() else "cuda")
    prepare(device)
    return device


def prepare(device: torch.device) -> None:
    """Make this process use a device, deterministically."""
    if device.type != "cuda":
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS is not deterministic
    torch.use_deterministic_algorithms(True, warn_only=True)
    if device.index is not None:
        torch.cuda.set_device(device)


def require_alive(device: torch.device) -> None:
    """Raise the error of a GPU that this process can no longer use."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def of_worker(device: str, worker: int) -> str:
    """The device of one of several local workers: GPUs in turn, each shared by several workers if there are fewer."""
    return f"cuda:{worker % torch.cuda.device_count()}" if device == "cuda" else device


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers(device: torch.device) -> int:
    """How many worker processes: one per GPU, or one per core; 0, this process, on a single core."""
    if device.type == "cuda":
        return torch.cuda.device_count()
    return cores() if cores() > 1 else 0


def default_threads(device: torch.device, workers: int) -> int | None:
    """Threads of each worker: an equal share of the cores; none, which leaves it to torch, for a single worker."""
    return max(1, cores() // workers) if workers > 1 and device.type == "cpu" else None
