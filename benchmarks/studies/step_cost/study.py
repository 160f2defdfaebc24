"""Measure steps and solvers, and write tables and page."""

from __future__ import annotations

import warnings
from itertools import product
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console

from balancers import names
from benchmarks.studies.progress import StudyProgress
from benchmarks.studies.results import Origin, command_for
from benchmarks.studies.step_cost import operators, solvers, table
from benchmarks.studies.step_cost.checks import checks
from benchmarks.studies.step_cost.measure import PLANS, Case, cases
from benchmarks.studies.step_cost.operators import OperatorCount
from benchmarks.studies.step_cost.results import StepCostResults
from benchmarks.studies.timing import one_thread
from benchmarks.training.machine.environment import describe

PAGE = "micro.md"


class StepCostOptions(NamedTuple):
    """The options of the command ``step-cost``.

    Attributes:
        models: those on which steps are timed.
        tasks: the numbers of tasks.
        methods: those whose steps are timed; all by default.
        solver_tasks: the numbers of tasks for solvers alone.
        operator_tasks: the numbers of tasks for which operators are counted.
        effort: how long to measure, in the usual time; with 0, as few rounds as possible.
    """

    models: tuple[str, ...] = tuple(PLANS)
    tasks: tuple[int, ...] = (2, 3, 11, 40)
    methods: tuple[str, ...] = ()
    solver_tasks: tuple[int, ...] = solvers.TASKS
    operator_tasks: tuple[int, ...] = operators.TASKS
    effort: float = 1.0


def run(options: StepCostOptions, folder: Path, console: Console) -> Path:
    """Measure everything on one CPU thread, write it to a folder, and return the path of the page.

    With more threads, other work of the machine could cost a time slice per operation.

    Raises:
        ValueError: a model or a method is unknown, or the folder cannot be written.
    """
    unknown = [model for model in options.models if model not in PLANS]
    if unknown:
        raise ValueError(f"there is no model {unknown[0]!r}; expected some of {', '.join(PLANS)}")
    with one_thread(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="torchjd")
        results = _measure(options, console)
        origin = Origin(command_for("step-cost", options), describe(torch.device("cpu")))
    results.save(folder)
    origin.save(folder)
    return report(folder)


def report(folder: Path) -> Path:
    """Write the page from the tables in a folder, and return its path.

    Raises:
        ValueError: the folder has no such tables.
    """
    text = table.as_markdown(StepCostResults.load(folder), Origin.load(folder))
    (folder / PAGE).write_text(text, encoding="utf-8")
    return folder / PAGE


def _measure(options: StepCostOptions, console: Console) -> StepCostResults:
    pairs = [(model, tasks) for model in options.models for tasks in options.tasks]
    measured: list[Case] = []
    counted: list[OperatorCount] = []
    with StudyProgress("measurements", len(pairs) + 3, console) as progress:
        for model, tasks in pairs:
            measured += cases(model, tasks, options.methods or names(), options.effort)
            progress.advance(f"{model}, {tasks} tasks")
        solved = list(solvers.solves(options.solver_tasks, options.effort))
        progress.advance("solvers")
        checked = list(checks(measured, options.effort))
        progress.advance("steps in full")
        for model, tasks in product(operators.MODELS, options.operator_tasks):
            counted += operators.operator_counts(model, tasks, options.methods or names())
        progress.advance("operators")
    return StepCostResults(measured, solved, checked, counted)
