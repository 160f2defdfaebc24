"""How often the host waits for the device in a step, as PyTorch's profiler sees it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from benchmarks.studies.timing import Step
from benchmarks.training.machine.devices import synchronize

STEP = "step of a study"  # the name of the range in the profile
# Calls of the runtimes of NVIDIA and AMD that return when the device has caught up. A copy of numbers to the host, as
# by `Tensor.item`, is an asynchronous copy and then one of these.
WAITING = frozenset(
    f"{runtime}{call}"
    for runtime in ("cuda", "hip")
    for call in ("StreamSynchronize", "DeviceSynchronize", "EventSynchronize", "Memcpy", "MemcpyWithStream")
)
SEEN_ON = "cuda"  # PyTorch's name for both; the profiler shows no runtime calls of other devices


class Span(Protocol):
    """From when to when something lasted."""

    @property
    def start(self) -> float:
        """When it began."""
        ...

    @property
    def end(self) -> float:
        """When it ended."""
        ...


class Event(Protocol):
    """A name with the time that it took, as in a profile."""

    @property
    def name(self) -> str:
        """What was called."""
        ...

    @property
    def time_range(self) -> Span:
        """When it was."""
        ...


def waits_of(step: Step, device: torch.device) -> int | None:
    """How often the host waits in a step, the second time; none on a device for which the profiler does not see it."""
    if device.type != SEEN_ON:
        return None
    step()
    synchronize(device)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        with record_function(STEP):
            step()
        synchronize(device)
    events: list[FunctionEvent] = list(profiled.events() or [])
    return waits_within(events)


def waits_within(events: Iterable[Event]) -> int:
    """How many of the events within the step are calls that wait."""
    events = list(events)
    (span,) = [event.time_range for event in events if event.name == STEP][:1]
    return sum(
        event.name in WAITING and span.start <= event.time_range.start <= event.time_range.end <= span.end
        for event in events
    )
