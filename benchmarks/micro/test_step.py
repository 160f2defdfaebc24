"""One balanced step: every method, on three models, with several numbers of tasks, at every place of measurement."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from balancers import Balancer, Need, names
from balancers.registry import get
from benchmarks.micro.models import MODELS, Problem, build

TASKS = (2, 3, 11)
PLACES = ("shared", "last", "features")
SECONDS = 0.4  # for a case, unless that is more or fewer steps than
ROUNDS = (5, 100)


def places(method: str) -> tuple[str, ...]:
    """Where it makes a difference to measure."""
    return ("shared",) if get(method).needs == Need.LOSSES else PLACES


def plain_step(problem: Problem) -> Callable[[], None]:
    """``losses.sum().backward()``, the step that every ratio refers to."""

    def step() -> None:
        _, losses = problem.losses()
        torch.stack(losses).sum().backward()

    return step


def balanced_step(problem: Problem, method: str, place: str) -> Callable[[], None]:
    """The same step with a balancer in it."""
    balancer = Balancer(method, len(problem.heads))
    shared, last = list(problem.encoder.parameters()), list(problem.last.parameters())

    def step() -> None:
        features, losses = problem.losses()
        at: dict[str, Tensor | list] = {"last": {"at": last}, "features": {"features": features}}.get(place, {})
        balancer.backward(losses, shared, **at)  # pyright: ignore[reportArgumentType]

    return step


def measured(benchmark: BenchmarkFixture, problem: Problem, step: Callable[[], None]) -> float:
    """Time a step; its median as a ratio to that of plain steps in alternation, because a machine's speed drifts.

    Gradients are cleared outside of the timing, as every training loop does.
    """
    parameters = [*problem.encoder.parameters(), *problem.heads.parameters()]
    plain, plain_seconds = plain_step(problem), []

    def clear() -> None:
        for parameter in parameters:
            parameter.grad = None

    def between() -> None:
        clear()
        started = time.perf_counter()
        plain()
        plain_seconds.append(time.perf_counter() - started)
        clear()

    step()
    clear()
    started = time.perf_counter()
    step()
    rounds = round(SECONDS / (time.perf_counter() - started))
    benchmark.pedantic(step, setup=between, rounds=min(max(rounds, ROUNDS[0]), ROUNDS[1]), warmup_rounds=1)
    if benchmark.stats is None:  # benchmarks are disabled, and the case only shows that it runs
        return 1.0
    return benchmark.stats.stats.median / median(plain_seconds)


@pytest.mark.parametrize("tasks", TASKS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("method", "place"), [(name, place) for name in names() for place in places(name)])
def test_balanced_step(benchmark: BenchmarkFixture, method: str, place: str, model: str, tasks: int) -> None:
    """A method on a model."""
    problem = build(model, tasks)
    ratio = measured(benchmark, problem, balanced_step(problem, method, place))
    benchmark.extra_info.update(model=model, tasks=tasks, method=method, place=place, ratio=ratio)
