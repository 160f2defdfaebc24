"""The tables of the efficiency study, with what they show in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from benchmarks.analysis.statistics import geometric_mean
from benchmarks.reporting import formats
from benchmarks.reporting.markdown import table
from benchmarks.studies.efficiency.results import Found

READING = """\
Everything is relative to K single-task models, one for each task: 0.50× is half of what they take together.
*Parameters* are those of the models that the suites build, frozen ones included. What a suite computes once before
training, such as frozen layers of a pretrained encoder, is no part of them nor of any time: an answer to a new example
needs it as well, once for all tasks and once for K single-task models that share it, so that there the ratio is nearer
to 1 than it stands here. *Training* is the time of all steps of one run by the sum of the K single-task runs. Plain
steps of all models are timed in turns on one thread; how many there were, and how much dearer than one with equal
weights a method's step is, is read from the records. Evaluation is left out. *Inference* is the median time of a
forward pass for all tasks, by that of K forward passes, on one thread and in turns, for one test example and for a
batch of up to 64, as many as the heading or the cell says."""


def as_markdown(found: Sequence[Found], command: str, machine: Mapping[str, str]) -> str:
    """The sentences, how to read the tables, the tables, and what lacks."""
    facts = "; ".join(f"{key}: {value}" for key, value in sorted(machine.items()))
    lacking = [f"- {each.suite}: {each.reason}" for each in found if each.reason]
    paragraphs = [
        "# Efficiency: one multi-task model against a model per task",
        "\n".join(sentences(found)),
        READING,
        table(*_suites(found)),
        *_methods(found),
        *(["## What lacks", "\n".join(lacking)] if lacking else []),
        f"Command: `{command}`.\nMachine: {facts}",
    ]
    return "\n\n".join(paragraphs) + "\n"


def sentences(found: Sequence[Found]) -> list[str]:
    """How much multi-task takes of what single-task models take: parameters, training, inference."""
    by = {name: _known([each.ratios[name] for each in found]) for name in found[0].ratios}
    return [
        f"One multi-task model has {_told(by['parameters'], 'the parameters of K single-task models')}.",
        f"Its training with equal weights takes {_told(by['training'], 'the time of K trainings')}{_dearest(found)}.",
        f"A forward pass for all tasks takes {_told(by['inference_one'], 'the time of K for one example')}, and "
        f"{_told(by['inference_batch'], 'that for a batch')}.",
    ]


def _dearest(found: Sequence[Found]) -> str:
    """What the most expensive method of all takes."""
    every = [(took.ratio, row, each.suite) for each in found for row, took in each.training.items()]
    if not every:
        return ""
    ratio, row, suite = max(every)
    return f"; the most expensive method, {row} on {suite}, takes {ratio:.2f} times"


def _told(values: Sequence[float], what: str) -> str:
    """As in "0.24 to 0.58 times the parameters (5 suites, geometric mean 0.41)"."""
    if not values:
        return f"an unknown part of {what}"
    if len(values) == 1:
        return f"{values[0]:.2f} times {what} (1 suite)"
    mean = f"{len(values)} suites, geometric mean {geometric_mean(values):.2f}"
    return f"{min(values):.2f} to {max(values):.2f} times {what} ({mean})"


def _suites(found: Sequence[Found]) -> tuple[list[str], list[list[str]]]:
    head = [
        "suite",
        "K",
        "shared",
        "heads",
        "K models",
        "parameters",
        "training",
        "inference, 1",
        "inference, up to 64",
    ]
    return head, [_line(each) for each in found]


def _line(found: Found) -> list[str]:
    counted = [formats.NONE] * 3 if found.parameters is None else [f"{value:,}" for value in found.parameters]
    *others, many = map(formats.ratio, found.ratios.values())
    size = f" ({found.batch})" if found.batch and math.isfinite(found.many.ratio) else ""
    return [found.suite, str(found.tasks), *counted, *others, many + size]


def _methods(found: Sequence[Found]) -> list[str]:
    """The table of all methods; nothing where no training can be compared."""
    suites = [each for each in found if each.training]
    if not suites:
        return []
    rows = dict.fromkeys(row for each in suites for row in each.training)

    def cell(each: Found, row: str) -> str:
        return formats.ratio(each.training[row].ratio) if row in each.training else formats.NONE

    lines = [[row, *(cell(each, row) for each in suites)] for row in rows]
    return ["## Training time of every method", table(["row", *(each.suite for each in suites)], lines)]


def _known(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]
