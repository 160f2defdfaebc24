"""The page of the study of an accelerator."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.reporting.formats import NONE
from benchmarks.reporting.markdown import legend, table
from benchmarks.studies.gpu.results import GpuResults
from benchmarks.studies.gpu.runs import SuiteRuns
from benchmarks.studies.gpu.steps import DeviceStep
from benchmarks.studies.page import Page, section
from benchmarks.studies.results import Origin
from benchmarks.studies.throughput.rates import Rate
from benchmarks.studies.throughput.table import RATES, rate_rows

UNSEEN = "not seen"
STEPS = ("model", "K", "method", "plain, ms", "bound", "ours", "TorchJD", "waits", "TorchJD's waits")
RUNS = ("suite", "runs", "done", "seconds", "step, ms")
SIGNS = {
    "plain": "milliseconds of `losses.sum().backward()` with its forward pass",
    "bound": "of the forward pass and a backward pass per task, divided by the plain step",
    "ours, TorchJD": "of the balanced step, divided by the plain step; TorchJD row by row or with `vmap`, whichever is "
    "faster",
    "waits": "how often the host waits for the device in a step, by PyTorch's profiler",
    UNSEEN: "the profiler shows no such calls of this device",
    NONE: "TorchJD cannot do this step on this device",
}


def as_markdown(results: GpuResults, origin: Origin) -> str:
    """Everything in tables."""
    sections = [*_steps(results.steps), *_rates(results.rates), *_protocol(results.runs)]
    skipped = {missing.what: missing.reason for missing in results.missing}
    return Page("Steps and runs on an accelerator", sections, origin, skipped).as_markdown()


def _steps(steps: Sequence[DeviceStep]) -> list[str]:
    text = (
        "Gradients are measured at all shared parameters. `two-layer` is a network of two layers, `bert-12` a text "
        "encoder of twelve narrow ones. Times are medians; in a round all steps of a model take turns."
    )
    return section("Steps", text, legend(tuple(SIGNS.items())), table(STEPS, [_step(s) for s in steps], left=(0, 2)))


def _rates(rates: Sequence[Rate]) -> list[str]:
    if not rates:
        return []
    text = (
        "A run is one training with its evaluations; the rate follows from the times of some of its steps and "
        "evaluations. With replicas, so many runs train in one loop."
    )
    return section("Runs per hour", text, table(RATES, rate_rows(rates), left=range(3)))


def _protocol(runs: Sequence[SuiteRuns]) -> list[str]:
    if not runs:
        return []
    text = (
        "Seconds are those of all runs of a suite together. A run that takes longer than its share of the time is "
        "timed out, and does not count as done. A step is that of one run alone."
    )
    return section("A whole protocol", text, table(RUNS, [_runs(each) for each in runs]))


def _step(step: DeviceStep) -> Sequence[str]:
    ratios = [_ratio(seconds / step.plain) for seconds in (step.bound, step.ours, step.torchjd)]
    theirs = NONE if math.isnan(step.torchjd) else _waits(step.torchjd_waits)
    return [step.model, str(step.tasks), step.method, f"{1e3 * step.plain:.3g}", *ratios, _waits(step.waits), theirs]


def _ratio(value: float) -> str:
    return NONE if math.isnan(value) else f"{value:.2f}"


def _waits(count: int | None) -> str:
    return UNSEEN if count is None else str(count)


def _runs(runs: SuiteRuns) -> Sequence[str]:
    step = NONE if math.isnan(runs.step) else f"{runs.step:.3g}"
    return [runs.suite, str(runs.runs), str(runs.done), f"{runs.seconds:.0f}", step]
