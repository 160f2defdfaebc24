"""Selection on validation."""

from __future__ import annotations

import math

import pytest

from benchmarks.protocols.expand import expand
from benchmarks.records.record import Cell, Curves, MetricFact, Outcome, Record, Status
from benchmarks.records.selection import chosen, selection_score
from tests.benchmarks.tiny_suite import protocol, registered

FACTS = {
    "a": [MetricFact(name="accuracy", best=1.0, higher_is_better=True)],
    "b": [MetricFact(name="loss", best=0.0, higher_is_better=False)],
}


def a_cell() -> Cell:
    with registered("tiny"):
        return expand(protocol())[-1]


CELL = a_cell()


def record(learning_rate: float, seed: int, error: float, status: Status = "done", **changes: object) -> Record:
    cell = CELL.model_copy(update={"learning_rate": learning_rate, "seed": seed, **changes})
    scores = {"a": {"accuracy": 1 - error}, "b": {"loss": error}}
    outcome = Outcome(step=1, validation=scores, test=scores) if status == "done" else None
    validation = {"a": {"accuracy": [0.0]}, "b": {"loss": [1.0]}}
    curves = Curves(step=[0], train_loss={}, validation=validation, weights={}, norms={}, cosines={}, snapshots={})
    return Record(
        id=cell.id,
        cell=cell,
        status=status,
        reason="",
        metrics=FACTS,
        best=outcome,
        last=outcome,
        curves=curves,
        cost=None,
        environment={},
        finished="",
    )


def test_the_score_is_the_mean_share_of_the_untrained_error_that_is_left() -> None:
    untrained = {"a": {"accuracy": 0.5}, "b": {"loss": 100.0}}
    score = selection_score({"a": {"accuracy": 0.9}, "b": {"loss": 10.0}}, untrained, FACTS)
    assert score == pytest.approx((0.1 / 0.5 + 10 / 100) / 2)
    assert selection_score(untrained, untrained, FACTS) == 1


def test_a_task_that_is_perfect_does_not_decide_alone() -> None:
    untrained = {"a": {"accuracy": 0.5}, "b": {"loss": 1.0}}
    one_perfect = selection_score({"a": {"accuracy": 1.0}, "b": {"loss": 0.9}}, untrained, FACTS)
    both_good = selection_score({"a": {"accuracy": 0.9}, "b": {"loss": 0.1}}, untrained, FACTS)
    assert both_good < one_perfect


def test_the_score_is_finite_where_the_untrained_model_was_perfect() -> None:
    perfect = {"a": {"accuracy": 1.0}, "b": {"loss": 0.0}}
    assert math.isfinite(selection_score({"a": {"accuracy": 0.9}, "b": {"loss": 1.0}}, perfect, FACTS))


def once(cell: Cell) -> bool:
    """One search for all seeds."""
    return True


def test_the_learning_rate_with_the_best_mean_score_is_the_best() -> None:
    records = [record(1e-3, 0, 0.5), record(1e-3, 1, 0.1), record(1e-2, 0, 0.2), record(1e-2, 1, 0.2)]
    assert {r.cell.learning_rate for r in chosen(records, once)} == {1e-2}


def test_where_settings_were_not_all_run_the_best_one_counts_with_all_its_seeds() -> None:
    records = [record(1e-3, 0, 0.5), record(1e-2, 0, 0.2), record(1e-2, 1, 0.9)]
    assert chosen(records, once) == records[1:]


def test_a_learning_rate_with_fewer_finished_seeds_loses() -> None:
    records = [record(1e-3, 0, 0.5), record(1e-3, 1, 0.5), record(1e-2, 0, 0.1), record(1e-2, 1, 0.1, "diverged")]
    assert {r.cell.learning_rate for r in chosen(records, once)} == {1e-3}


def test_failed_seeds_of_the_chosen_learning_rate_are_returned_too() -> None:
    records = [record(1e-3, 0, 0.5), record(1e-3, 1, 0.5, "failed")]
    assert chosen(records) == records


def test_a_row_without_any_finished_run_is_not_dropped() -> None:
    records = [record(1e-3, 0, 0.5, "diverged"), record(1e-2, 0, 0.5, "failed")]
    assert chosen(records) == records[:1]


def test_cells_that_differ_in_more_than_learning_rate_and_seed_are_chosen_apart() -> None:
    records = [record(1e-3, 0, 0.5), record(1e-2, 0, 0.1, place="last"), record(1e-2, 0, 0.1, row="other")]
    assert chosen(records) == records
