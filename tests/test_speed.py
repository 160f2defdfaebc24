"""How long solvers and steps take, with pytest-benchmark: for a look at one change, before and after.

In the tests each runs once. ``pytest tests/test_speed.py --benchmark-enable --benchmark-save=before`` keeps timings,
and ``--benchmark-compare`` prints others beside them. What is published comes from ``make micro``.
"""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from balancers import Balancer, names
from balancers.step.gradients import gramian_of
from benchmarks.studies.step_cost.models import build
from benchmarks.studies.step_cost.solvers import SOLVERS
from benchmarks.studies.step_cost.steps import balanced_step

METHODS = names()


@pytest.mark.parametrize("tasks", [2, 11, 40])
@pytest.mark.parametrize("solver", SOLVERS)
def test_solver(benchmark: BenchmarkFixture, solver: str, tasks: int) -> None:
    rows = torch.randn(tasks, 2 * tasks, generator=torch.Generator().manual_seed(tasks), dtype=torch.float64)
    assert benchmark(SOLVERS[solver], gramian_of(rows)) is not None


@pytest.mark.parametrize("method", METHODS)
def test_step(benchmark: BenchmarkFixture, method: str) -> None:
    problem = build("mlp", 3)
    benchmark(balanced_step(problem, Balancer(method, 3), "shared"))
    assert all(parameter.grad is not None for parameter in problem.parameters())
