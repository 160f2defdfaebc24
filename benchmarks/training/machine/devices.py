"""The device that a run uses, and the number of cores."""

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


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
