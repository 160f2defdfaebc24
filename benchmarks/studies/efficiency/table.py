"""The page of the efficiency study: what it shows in sentences, and its tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.analysis.statistics import geometric_mean
from benchmarks.reporting import formats
from benchmarks.reporting.markdown import legend, table
from benchmarks.studies.efficiency.results import EfficiencyResults, MethodEfficiency, SuiteEfficiency
from benchmarks.studies.page import Page, section
from benchmarks.studies.results import Origin

SIGNS = {
    "K": "number of tasks",
    "shared, heads": "parameters of the encoder, and of all heads, of the multi-task model",
    "K models": "parameters of K single-task models, one for each task",
    "parameters": "those of the multi-task model relative to K single-task models; frozen ones count",
    "training": "time of all steps of one run with equal weights, relative to the sum of K single-task runs; without "
    "evaluations. Plain steps of all models are timed in turns on one thread. The number of steps, and the cost of "
    "a method's step relative to equal weights, come from the records.",
    "inference": "median time of a forward pass for all tasks, relative to K forward passes, in turns on one thread: "
    "for one test example, and for a batch with the number of examples in brackets",
    "0.50×": "half of what K single-task models take together",
    "–": "not known; the reason stands below",
}
BEFORE_TRAINING = """\
Some suites compute a part of the model once before training, such as frozen layers of a pretrained encoder. This part
is in none of the numbers. A new example needs it as well: once for the multi-task model, and once for K single-task
models that share it. With it, the ratios of these suites would be nearer to 1."""


def as_markdown(results: EfficiencyResults, origin: Origin) -> str:
    """The sentences, the legend, the tables, and what is missing."""
    missing = [f"- {suite.suite}: {suite.reason}" for suite in results.suites if suite.reason]
    sections = [
        "\n".join(sentences(results)),
        legend(tuple(SIGNS.items())),
        BEFORE_TRAINING,
        table(*_suites(results.suites)),
        *section("Training time of every method", _methods(results)),
        *section("What is missing", "\n".join(missing)),
    ]
    return Page("Efficiency: one multi-task model against a model per task", sections, origin).as_markdown()


def sentences(results: EfficiencyResults) -> list[str]:
    """How much multi-task takes relative to single-task models: parameters, training, inference."""
    names = results.suites[0].ratios
    by = {name: _known([suite.ratios[name] for suite in results.suites]) for name in names}
    return [
        f"One multi-task model has {_told(by['parameters'], 'the parameters of K single-task models')}.",
        f"Its training with equal weights takes {_told(by['training'], 'the time of K trainings')}"
        f"{_dearest(results.methods)}.",
        f"A forward pass for all tasks takes {_told(by['inference_one'], 'the time of K for one example')}, and "
        f"{_told(by['inference_batch'], 'that for a batch')}.",
    ]


def _dearest(methods: Sequence[MethodEfficiency]) -> str:
    """The time of the most expensive method of all."""
    if not methods:
        return ""
    dearest = max(methods, key=lambda method: (method.ratio, method.row, method.suite))
    return f"; the most expensive method, {dearest.row} on {dearest.suite}, takes {dearest.ratio:.2f} times"


def _told(values: Sequence[float], what: str) -> str:
    """As in "0.24 to 0.58 times the parameters (5 suites, geometric mean 0.41)"."""
    if not values:
        return f"an unknown part of {what}"
    if len(values) == 1:
        return f"{values[0]:.2f} times {what} (1 suite)"
    mean = f"{len(values)} suites, geometric mean {geometric_mean(values):.2f}"
    return f"{min(values):.2f} to {max(values):.2f} times {what} ({mean})"


def _suites(suites: Sequence[SuiteEfficiency]) -> tuple[list[str], list[list[str]]]:
    head = ["suite", "K", "shared", "heads", "K models", "parameters", "training"]
    return [*head, "inference, 1", "inference, up to 64"], [_line(suite) for suite in suites]


def _line(suite: SuiteEfficiency) -> list[str]:
    counts = [suite.shared, suite.heads, suite.single]
    counted = [formats.NONE if count is None else f"{count:,}" for count in counts]
    size = f" ({suite.batch})" if suite.batch and math.isfinite(suite.inference_batch) else ""
    *others, many = map(formats.ratio, suite.ratios.values())
    return [suite.suite, str(suite.tasks), *counted, *others, many + size]


def _methods(results: EfficiencyResults) -> str:
    """The table of all methods; empty where no training can be compared."""
    ratios = {(method.suite, method.row): method.ratio for method in results.methods}
    suites = [suite.suite for suite in results.suites if any(suite.suite == name for name, _ in ratios)]
    if not suites:
        return ""
    rows = dict.fromkeys(method.row for method in results.methods)
    lines = [[row, *(formats.ratio(ratios.get((suite, row), math.nan)) for suite in suites)] for row in rows]
    return table(["method", *suites], lines)


def _known(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]
