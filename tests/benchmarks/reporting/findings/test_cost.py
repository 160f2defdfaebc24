"""What steps cost and when targets are reached, on records with known answers."""

from __future__ import annotations

import pytest

from benchmarks.records.record import Curves, Record, Solver
from benchmarks.reporting.findings import cost, target
from tests.benchmarks import synthetic
from tests.benchmarks.reporting.findings import made


def with_cost(record: Record, **changes: float) -> Record:
    assert record.cost is not None
    return record.model_copy(update={"cost": record.cost.model_copy(update=changes)})


@pytest.mark.parametrize(
    ("balancer", "place", "passes"),
    [("fixed", "shared", 1), ("pcgrad", "shared", 5 / 3), ("pcgrad", "features", 1), ("famo", "shared", 4 / 3)],
)
def test_passes_of_two_tasks(balancer: str, place: str, passes: float) -> None:
    run = made.run("row", 1.0, balancer=balancer, place=place)
    assert cost.by_passes([run]) == pytest.approx(passes)


def test_a_method_that_is_not_known_here_has_no_passes() -> None:
    found = cost.block(made.study([*made.baselines(), made.run("fixed", 1.0), made.run("mine", 1.0)]))
    assert found is not None
    assert found.table is not None
    by_row = {line[0]: dict(zip(found.table[0], line, strict=True)) for line in found.table[1]}
    assert by_row["fixed"]["by passes"] == "1.00×"
    assert by_row["mine"]["by passes"] == "–"


def test_own_mathematics_and_memory_are_relative() -> None:
    fixed = with_cost(made.run("fixed", 1.0), peak_memory=100)
    other = with_cost(made.run("other", 1.0, balancer="pcgrad"), peak_memory=150, step=0.02, weighting=0.005)
    study = made.study([*made.baselines(), fixed, other])
    assert cost.own_share([other]) == pytest.approx(0.25)
    assert cost.memory(study, "one", "other") == pytest.approx(1.5)


def test_ways_out_are_counted_over_all_runs() -> None:
    solvers = [Solver(residual=1e-9, fallbacks=3, steps=100), Solver(residual=1e-7, fallbacks=0, steps=50)]
    runs = [
        made.run("fixed", 1.0, suite=f"s{k}", balancer="mgda").model_copy(update={"solver": found})
        for k, found in enumerate(solvers)
    ]
    assert cost.solver(runs) == Solver(residual=1e-7, fallbacks=3, steps=150)
    found = cost.block(made.study([*made.baselines("s0"), *made.baselines("s1"), *runs]))
    assert found is not None
    assert found.table is not None
    assert found.table[1][0][-2:] == ["3/150", "1.00e-07"]
    assert found.sentences[-1] == "Steps without a solution: fixed in 3 of 150 steps."


def run(row: str, a: list[float], b: list[float], seed: int = 0) -> Record:
    """A run with validation accuracies of both tasks at steps 0, 10, 20, ..."""
    curves = Curves(
        step=list(range(0, 10 * len(a), 10)),
        train_loss={},
        validation={"a": {"accuracy": a}, "b": {"accuracy": b}},
        weights={},
        norms={},
        cosines={},
        snapshots={},
    )
    cell = synthetic.cell("one", row, made.TASKS, seed)
    return synthetic.record(
        cell, {key: [synthetic.ACCURACY] for key in made.TASKS}, made.scalars((a[-1], b[-1])), curves=curves
    )


EQUAL = run("fixed", [0.1, 0.4, 0.5, 0.6, 0.7], [0.1, 0.8, 0.6, 0.6, 0.5])


def test_the_target_is_where_equal_weights_end_and_counts_the_first_step_as_good() -> None:
    faster = run("fast", [0.1, 0.7, 0.2, 0.2, 0.2], [0.1, 0.2, 0.5, 0.9, 0.9])
    assert target.shares(faster, EQUAL) == [0.25, 0.5]
    assert target.shares(EQUAL, EQUAL) == [1.0, 0.25]


def test_targets_that_are_not_reached_are_counted() -> None:
    slow = run("slow", [0.1, 0.2, 0.3, 0.4, 0.5], [0.1, 0.2, 0.2, 0.5, 0.5])
    records = [*made.baselines(), EQUAL, slow]
    found = target.block(made.study(records))
    assert found is not None
    assert found.table is not None
    assert {line[0]: line[1:] for line in found.table[1]} == {
        "fixed": ["0.62", "0.62"],
        "slow": ["0.75 (1/2)", "0.75 (1/2)"],
    }
    assert "in 1 of 2 cases" in found.sentences[0]


def test_a_task_at_which_equal_weights_learn_nothing_is_no_target() -> None:
    equal = run("fixed", [0.1, 0.5], [0.4, 0.4])
    assert target.shares(run("fast", [0.1, 0.6], [0.5, 0.6]), equal) == [1.0]


def test_less_is_better_where_the_metric_says_so() -> None:
    equal, fast = (
        r.model_copy(update={"metrics": {key: [synthetic.LOSS] for key in made.TASKS}}) for r in (EQUAL, EQUAL)
    )
    losses = {task: {"loss": [3.0, 2.0, 1.0]} for task in made.TASKS}
    equal = equal.model_copy(
        update={"curves": equal.curves.model_copy(update={"step": [0, 5, 10], "validation": losses})}
    )
    falls = {task: {"loss": [3.0, 0.5, 0.4]} for task in made.TASKS}
    fast = fast.model_copy(update={"curves": fast.curves.model_copy(update={"step": [0, 5, 10], "validation": falls})})
    assert target.shares(fast, equal) == [0.5, 0.5]
