"""Measure steps, rates and a protocol on an accelerator, and write tables and page."""

from __future__ import annotations

import warnings
from itertools import product
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console

from benchmarks.protocols.files import find, read
from benchmarks.studies.gpu import table
from benchmarks.studies.gpu.results import GpuResults
from benchmarks.studies.gpu.runs import Deadline, Missing, device_rates, protocol_runs
from benchmarks.studies.gpu.steps import METHODS, MODELS, device_steps
from benchmarks.studies.progress import StudyProgress
from benchmarks.studies.results import Origin, command_for
from benchmarks.studies.step_cost.models import MODELS as KNOWN_MODELS
from benchmarks.studies.step_cost.peers import PEERS
from benchmarks.studies.throughput.options import cells_of
from benchmarks.training.machine import devices
from benchmarks.training.machine.environment import describe

PAGE = "gpu.md"


class GpuOptions(NamedTuple):
    """The options of the command ``gpu``.

    Attributes:
        device: auto, cpu, cuda, mps or xpu; auto asks for an accelerator.
        protocol: name or path of the protocol that is run, whose runs have rates.
        models: those whose steps are timed.
        tasks: their numbers of tasks.
        methods: those whose steps are timed.
        suites: those whose rates are measured.
        rate_methods: the methods of these rates.
        replicas: how many runs train in one loop; 1 is an ordinary run.
        seconds: about how long to time all steps of a model with a number of tasks.
        minutes: after which no other rate is measured, and runs of the protocol are timed out.
    """

    device: str = "auto"
    protocol: str = "quick"
    models: tuple[str, ...] = MODELS
    tasks: tuple[int, ...] = (3, 10)
    methods: tuple[str, ...] = METHODS
    suites: tuple[str, ...] = ("plane", "gradnorm-regression-2", "multimnist")
    rate_methods: tuple[str, ...] = ("fixed", "pcgrad")
    replicas: tuple[int, ...] = (1, 16, 64)
    seconds: float = 10.0
    minutes: float = 7.0

    def require_known(self) -> None:
        """Check that everything can be measured.

        Raises:
            ValueError: a protocol, suite, model or method is unknown, a list is empty, or rates lack the single run.
        """
        for name in ("models", "tasks", "methods", "suites", "rate_methods", "replicas"):
            if not getattr(self, name):
                raise ValueError(f"--{name.replace('_', '-')} is empty: name at least one")
        for names, known, what in ((self.models, KNOWN_MODELS, "model"), (self.methods, PEERS, "method of TorchJD's")):
            unknown = [name for name in names if name not in known]
            if unknown:
                raise ValueError(f"there is no {what} {unknown[0]!r}; expected some of {', '.join(known)}")
        if 1 not in self.replicas:
            raise ValueError("--replicas lacks 1, the ordinary run that all rates are compared with: add it")
        for suite, method in product(self.suites, self.rate_methods):
            cells_of(self.protocol, suite, method, 1)


def run(options: GpuOptions, folder: Path, console: Console) -> Path:
    """Measure everything, write it to a folder, and return the path of the page.

    Raises:
        ValueError: there is no accelerator and the device is not the CPU, or an option asks for something unknown.
    """
    if options.device == "auto" and devices.accelerator() is None:
        raise ValueError("torch finds no accelerator here; run this where there is one, or try it with --device cpu")
    options.require_known()
    device = devices.choose(options.device)
    count = len(options.models) * len(options.tasks) + len(options.suites) * len(options.rate_methods) + 1
    with warnings.catch_warnings(), StudyProgress("measurements", count, console) as progress:
        warnings.filterwarnings("ignore", module="torchjd")
        warnings.filterwarnings("ignore", module="cvxpy")
        results = _measure(options, device, folder, progress)
    results.save(folder)
    public = options._replace(protocol=Path(options.protocol).name)
    Origin(command_for("gpu", public), describe(device)).save(folder)
    return report(folder)


def report(folder: Path) -> Path:
    """Write the page from the tables in a folder, and return its path.

    Raises:
        ValueError: the folder has no such tables.
    """
    text = table.as_markdown(GpuResults.load(folder), Origin.load(folder))
    (folder / PAGE).write_text(text, encoding="utf-8")
    return folder / PAGE


def _measure(options: GpuOptions, device: torch.device, folder: Path, progress: StudyProgress) -> GpuResults:
    deadline = Deadline(60 * options.minutes)
    steps, rates = [], []
    for model, tasks in product(options.models, options.tasks):
        steps += device_steps(model, tasks, options.methods, device, options.seconds)
        progress.advance(f"steps of {model}, {tasks} tasks")
    for suite, method in product(options.suites, options.rate_methods):
        what = f"rates of {method} on {suite}"
        if deadline.left:
            rates += device_rates(options.protocol, suite, method, sorted(options.replicas), device)
        else:
            rates.append(Missing(what, "no time was left"))
        progress.advance(what)
    name = read(find(options.protocol)).name
    runs, missing = protocol_runs(options.protocol, device, folder / name, deadline.left)
    progress.advance(f"the protocol {name}")
    missing = [*(rate for rate in rates if isinstance(rate, Missing)), *missing]
    return GpuResults(steps, [rate for rate in rates if not isinstance(rate, Missing)], runs, missing)
