"""How long solvers, steps and reading results take, with pytest-benchmark: one change, before and after.

In the tests each runs once. ``pytest tests/test_speed.py --benchmark-enable --benchmark-save=before`` keeps timings,
and ``--benchmark-compare`` prints others beside them. What is published comes from ``make micro``.
"""

from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from balancers import Balancer, names
from balancers.step.products import gramian_of
from benchmarks.analysis.results import read_results
from benchmarks.records.store import Store
from benchmarks.studies.step_cost.models import build
from benchmarks.studies.step_cost.solvers import SOLVERS
from benchmarks.studies.step_cost.steps import balanced_step
from tests.benchmarks import synthetic

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


@pytest.mark.parametrize("seeds", [5, 20])  # four times the records should take four times as long
def test_reading_results(benchmark: BenchmarkFixture, seeds: int, tmp_path: Path) -> None:
    store = Store(tmp_path)
    for record in synthetic.records(["multimnist"], failures=False):
        if record.cell.seed == 0:
            for seed in range(seeds):
                cell = record.cell.model_copy(update={"seed": seed})
                store.write(record.model_copy(update={"cell": cell, "id": cell.id}))
    assert len(benchmark(read_results, tmp_path).records) == seeds * (2 + len(synthetic.ROWS))
