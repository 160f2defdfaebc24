"""Which tasks are hurt, and how much."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.reporting.findings import transfer
from tests.benchmarks.reporting.findings import made


def records() -> list:
    one = [*made.baselines(), made.run("fixed", (4, -6)), made.run("good", (1, 2)), made.run("bad", (-1, -30))]
    two = [*made.baselines("two"), made.run("fixed", (-3, 0), suite="two"), made.run("good", (5, 5), suite="two")]
    return [*one, *two]


def test_the_map_holds_the_relative_difference_of_every_task_or_nan() -> None:
    found = transfer.matrix(made.study(records()).aggregates)
    assert found.tasks == ("one: a", "one: b", "two: a", "two: b")
    by_row = dict(zip(found.rows, found.relative, strict=True))
    np.testing.assert_allclose(by_row["fixed"], [4, -6, -3, 0], atol=1e-9)
    np.testing.assert_allclose(by_row["bad"], [-1, -30, np.nan, np.nan], atol=1e-9)


def test_a_row_says_how_many_tasks_it_hurts_and_which_most() -> None:
    found = transfer.block(made.study(records()))
    assert found is not None
    assert found.table is not None
    lines = {line[0]: line[1:] for line in found.table[1]}
    assert lines["fixed"] == ["2/4", "one: b", "−6.00", "1/2", "1/2"]
    assert lines["good"] == ["0/4", "–", "–", "0/2", "0/2"]
    assert lines["bad"] == ["2/2", "one: b", "−30.0", "2/2", "–"]
    assert found.sentences[:2] == ("Of 4 tasks, good hurts the fewest: 0.", "fixed hurts the most: 2.")


def test_tasks_that_all_or_no_complete_rows_hurt_are_named() -> None:
    study = made.study([*made.baselines(), made.run("fixed", (4, -6)), made.run("other", (1, -2))])
    found = transfer.block(study)
    assert found is not None
    assert found.sentences[1:] == ("Worse than single-task with every method: one: b.", "Hurt by no method: one: a.")


@pytest.mark.parametrize("rows", [["fixed"], ["fixed", "good"]])
def test_without_baselines_nothing_is_known(rows: list[str]) -> None:
    assert transfer.block(made.study([made.run(row, 1.0) for row in rows])) is None
