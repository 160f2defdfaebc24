"""The steps of some methods on a device, beside a plain step and TorchJD's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from balancers import Balancer
from benchmarks.studies.gpu.waits import waits_of
from benchmarks.studies.step_cost.models import Problem, build
from benchmarks.studies.step_cost.peers import PEERS, VARIANTS, peer_step
from benchmarks.studies.step_cost.steps import balanced_step, bound_step, plain_step
from benchmarks.studies.timing import Effort, Step, alternate
from benchmarks.training.machine.devices import now

METHODS = ("uncertainty", "pcgrad", "mgda", "cagrad", "imtl-g", "nash-mtl", "aligned-mtl", "upgrad")
MODELS = ("two-layer", "bert-12")
PLAIN, BOUND = "plain", "bound"
WAYS = ("default", "sequential")  # of TorchJD's variants


class DeviceStep(NamedTuple):
    """The step of a method at all shared parameters: seconds, and waits for the device; none where nobody sees them."""

    model: str
    tasks: int
    method: str
    plain: float
    bound: float  # the forward pass and K backward passes
    ours: float
    torchjd: float  # the faster of two ways; NaN where it fails
    waits: int | None
    torchjd_waits: int | None  # in that way


def device_steps(
    model: str, tasks: int, methods: Sequence[str], device: torch.device, seconds: float
) -> Iterator[DeviceStep]:
    """Time every method's step in turn with all others.

    Args:
        model: one of `benchmarks.studies.step_cost.models.MODELS`.
        tasks: how many.
        methods: methods that TorchJD has too.
        device: where.
        seconds: about how long to time all of them together.
    """
    problem = build(model, tasks).to(device)
    ours = {method: balanced_step(problem, Balancer(method, tasks), "shared") for method in methods}
    theirs = {(method, way): step for method in methods for way, step in _peers(problem, method).items()}
    steps = {PLAIN: plain_step(problem), BOUND: bound_step(problem)} | ours
    steps |= {f"{method}, {way}": step for (method, way), step in theirs.items()}

    def clear() -> None:
        for parameter in problem.parameters():
            parameter.grad = None

    took = alternate(steps, clear, Effort(seconds, most=50), lambda: now(device))
    for method in methods:
        ways = [way for way in WAYS if (method, way) in theirs and f"{method}, {way}" in took]
        fastest = min(ways, key=lambda way: took[f"{method}, {way}"], default=None)
        yield DeviceStep(
            model,
            tasks,
            method,
            took[PLAIN],
            took[BOUND],
            took[method],
            math.nan if fastest is None else took[f"{method}, {fastest}"],
            waits_of(ours[method], device),
            None if fastest is None else waits_of(theirs[method, fastest], device),
        )


def _peers(problem: Problem, method: str) -> dict[str, Step]:
    """TorchJD's steps of a method, those that it can do, by way."""
    device, steps = problem.inputs.device, {}
    for way in WAYS:
        step = peer_step(problem, PEERS[method](len(problem.heads)).to(device), "shared", VARIANTS[way])
        if step is not None and _works(step):
            steps[way] = step
    return steps


def _works(step: Step) -> bool:
    try:
        step()
    except (RuntimeError, TypeError, ValueError):  # some of its methods take tensors of the CPU alone
        return False
    return True
