"""Searches that ended at the edge of what they tried."""

from __future__ import annotations

from typing import Any

from benchmarks import edges, select
from benchmarks.records import Record
from tests.benchmarks.test_select import record

RATES = (1e-4, 1e-3, 1e-2)


def tried(errors: tuple[float, ...], **changes: Any) -> list[Record]:
    settings = enumerate(zip(RATES, errors, strict=True))
    return [record(rate, 0, error, trial=trial, **changes) for trial, (rate, error) in settings]


def test_a_learning_rate_at_an_end_is_told() -> None:
    inside, outside = tried((0.5, 0.1, 0.4)), tried((0.5, 0.3, 0.1), row="other")
    records = [*inside, *outside]
    found = edges.at_the_edge(select.chosen(records), records)
    assert found == {("tiny", "other"): {"learning rate": 1}}
    assert edges.texts(select.chosen(records), records, "tiny") == [
        "other: at the edge of what was tried: learning rate in 1 of 1 runs"
    ]
    assert edges.texts(select.chosen(records), records, "elsewhere") == []


def test_so_is_a_hyperparameter() -> None:
    cells: dict[str, Any] = {"balancer": "cagrad", "row": "cagrad"}
    records = [
        record(1e-3, 0, error, trial=trial, hyperparameters={"c": c, "rescale": 0}, **cells)
        for trial, (c, error) in enumerate([(0.1, 0.2), (0.4, 0.3), (0.9, 0.4)])
    ]
    assert edges.at_the_edge(select.chosen(records), records) == {("tiny", "cagrad"): {"c": 1}}


def test_of_two_values_none_is_at_an_edge() -> None:
    records = tried((0.5, 0.1, 0.4))[:2]
    assert edges.at_the_edge(select.chosen(records), records) == {}
