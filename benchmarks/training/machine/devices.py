"""The device that a run uses: its choice, and all that differs between the CPU and accelerators; the number of cores.

An accelerator is what `torch.accelerator` knows: a GPU of NVIDIA or AMD ("cuda"), of Apple ("mps") or of Intel ("xpu").
"""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager

import torch
from torch import Tensor

ACCELERATORS = ("cuda", "mps", "xpu")
CHOICES = "auto, cpu, cuda, mps or xpu"

RandomState = list[Tensor]  # of torch's global generators: of the CPU, and of the accelerator if one is in use


def choose(name: str) -> torch.device:
    """The device of this name, or for "auto" an accelerator if there is one; it gives the same numbers every time.

    Args:
        name: auto, cpu, cuda, mps or xpu.

    Raises:
        ValueError: another name, or an accelerator that is not there.
    """
    if name not in ("auto", "cpu", *ACCELERATORS):
        raise ValueError(f"there is no device {name!r}; expected {CHOICES}")
    present = accelerator()
    if name in ACCELERATORS and (present is None or present.type != name):
        instead = f"{present.type} or cpu" if present else "cpu"
        raise ValueError(
            f"torch finds no {name} device here; use --device {instead}, or install a build of torch for {name}"
        )
    device = torch.device("cpu") if name == "cpu" or present is None else present
    prepare(device)
    return device


def accelerator() -> torch.device | None:
    """The accelerator that torch finds on this machine."""
    return torch.accelerator.current_accelerator(check_available=True)


def on_accelerator(device: torch.device) -> bool:
    """Whether the host has to wait for numbers of a device."""
    return device.type != "cpu"


def prepare(device: torch.device) -> None:
    """Make this process use a device, deterministically."""
    if not on_accelerator(device):
        return
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS is not deterministic
    torch.use_deterministic_algorithms(True, warn_only=True)
    if device.index is not None:
        torch.accelerator.set_device_index(device.index)


def count(device: torch.device) -> int:
    """How many devices of this type there are."""
    return torch.accelerator.device_count() if on_accelerator(device) else 1


def name_of(device: torch.device) -> str:
    """The name of an accelerator's model; its type where torch knows no name, and empty where it is not there."""
    if not on_accelerator(device) or not torch.get_device_module(device).is_available():
        return ""
    name = getattr(torch.get_device_module(device), "get_device_name", None)
    return device.type if name is None else name(device)


def synchronize(device: torch.device) -> None:
    """Wait until a device has done all that it was asked to do; raises the error of one that can no longer be used."""
    if on_accelerator(device):
        torch.accelerator.synchronize(device)


def now(device: torch.device) -> float:
    """Seconds on a clock, read after a device has done all that it was asked to do."""
    synchronize(device)
    return time.perf_counter()


def free_memory(device: torch.device) -> None:
    """Give memory back that torch keeps for later tensors."""
    if on_accelerator(device):
        synchronize(device)
        torch.accelerator.empty_cache()


def counts_memory(device: torch.device) -> bool:
    """Whether torch counts the memory of tensors on a device."""
    return hasattr(torch.get_device_module(device), "max_memory_allocated")


def reset_peak_memory(device: torch.device) -> None:
    """Begin anew to look for the peak of the memory of tensors; for a device whose memory torch counts."""
    torch.accelerator.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> int:
    """The peak in bytes since `reset_peak_memory`."""
    return torch.accelerator.max_memory_allocated(device)


def noise_now(device: torch.device) -> RandomState:
    """The state of the global random generators."""
    ours = [torch.get_device_module(device).get_rng_state(device)] if on_accelerator(device) else []
    return [torch.get_rng_state(), *ours]


def set_noise(noise: RandomState, device: torch.device) -> None:
    """Put the global random generators into a state that `noise_now` returned."""
    torch.set_rng_state(noise[0])
    for state in noise[1:]:
        torch.get_device_module(device).set_rng_state(state, device)


def noise_kept(device: torch.device) -> AbstractContextManager[None]:
    """Run a block, and leave the global random generators as they were."""
    return torch.random.fork_rng([device] if on_accelerator(device) else [], device_type=device.type)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
