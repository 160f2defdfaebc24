"""Searches that ended at an end of what they tried."""

from __future__ import annotations

from typing import Any

from benchmarks.analysis import edges
from benchmarks.records import selection
from benchmarks.records.record import Record
from benchmarks.reporting import search_edges
from tests.benchmarks.records.test_selection import record

RATES = (1e-4, 1e-3, 1e-2)


def tried(errors: tuple[float, ...], seed: int = 0, **changes: Any) -> list[Record]:
    settings = enumerate(zip(RATES, errors, strict=True))
    return [record(rate, seed, error, trial=trial, **changes) for trial, (rate, error) in settings]


def five(best: tuple[int, ...], **changes: Any) -> list[Record]:
    """Five seeds that search for themselves, and the place of the rate that each chooses."""
    runs = (tried(tuple(0.1 if i == b else 0.5 for i in range(3)), seed, **changes) for seed, b in enumerate(best))
    return [each for of_seed in runs for each in of_seed]


def test_a_learning_rate_that_most_searches_end_at_is_told() -> None:
    records = [*five((1, 1, 0, 2, 1)), *five((2, 2, 2, 2, 1), row="other")]
    found = selection.searches(records)
    assert search_edges.texts(found, "tiny") == [
        "other: learning rate at the upper edge of its range in 4 of 5 searches"
    ]
    assert search_edges.texts(found, "elsewhere") == []


def test_as_many_as_chance_gives_are_not() -> None:
    assert edges.edges(selection.searches(five((2, 2, 1, 0, 1)))) == []
    assert edges.edges(selection.searches(tried((0.5, 0.3, 0.1)))) == [], "one in three"


def test_a_search_over_many_settings_is_enough_by_itself() -> None:
    many = [record(10.0**-power, 0, power / 100, trial=power) for power in range(1, 13)]
    assert edges.edges(selection.searches(many)) == [edges.Edge("learning rate", "upper", 1, 1)]


def test_a_methods_own_number_is_called_its_own() -> None:
    cells: dict[str, Any] = {"balancer": "gradnorm", "row": "gradnorm"}
    records = [
        record(1e-3, seed, error, trial=trial, hyperparameters={"learning_rate": rate, "order": 0}, **cells)
        for trial, (rate, error) in enumerate([(0.1, 0.2), (0.4, 0.3), (0.9, 0.4)])
        for seed in range(4)
    ]
    assert edges.edges(selection.searches(records)) == [edges.Edge("its own learning_rate", "lower", 4, 4)]


def test_of_two_values_none_is_at_an_end() -> None:
    assert edges.edges(selection.searches([r for r in five((0, 0, 0, 0, 0)) if r.cell.trial < 2])) == []
