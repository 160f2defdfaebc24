"""How far orders agree, and what mean ranks can show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.records.record import Record
from benchmarks.reporting.findings import ranking, ranks
from tests.benchmarks.reporting.findings import made

ROWS = ("fixed", "x", "y", "z")
UP, DOWN = (1.0, 2.0, 3.0, 4.0), (4.0, 3.0, 2.0, 1.0)


def runs(suite: str, points: tuple[float, ...], seed: int = 0, **cell: Any) -> list[Record]:
    return [made.run(row, p, suite=suite, seed=seed, **cell) for row, p in zip(ROWS, points, strict=True)]


def lines(block: object) -> dict[str, list[str]]:
    assert block is not None
    return {line[0]: line[1:] for line in block.table[1]}  # pyright: ignore


def test_seeds_suites_and_aggregates_that_agree_and_that_do_not() -> None:
    one = [*made.baselines("one", 2), *runs("one", UP), *runs("one", (1.5, 2.5, 3.5, 4.5), seed=1)]
    two = [*made.baselines("two", 2), *runs("two", DOWN), *runs("two", (11, 12, 13, 14), seed=1)]
    found = lines(ranking.block(made.study([*one, *two])))
    assert found[ranking.SEEDS] == ["1.00", "−1.00", "0.00"]
    assert found["Δ taskwise and error ratio"] == ["1.00"] * 3
    assert ranking.OPTIMISERS not in found


def test_suites_are_compared_by_mean_delta() -> None:
    one = [*made.baselines("one"), *runs("one", UP)]
    two = [*made.baselines("two"), *runs("two", DOWN)]
    three = [*made.baselines("three"), *runs("three", UP)]
    found = lines(ranking.block(made.study([*one, *two, *three])))
    assert found[ranking.SUITES] == ["0.00", "−1.00", "0.00", "−0.33"]


def test_two_optimisers_on_one_suite_are_compared_with_each_other_and_are_no_two_suites() -> None:
    adam = [*made.baselines("one"), *runs("one", UP)]
    sgd = [*made.baselines("one", optimizer="sgd"), *runs("one", DOWN, optimizer="sgd")]
    found = lines(ranking.block(made.study([*adam, *sgd])))
    assert found[ranking.OPTIMISERS] == ["−1.00"] * 3
    assert ranking.SUITES not in found


def test_a_second_copy_of_equal_weights_is_left_out() -> None:
    records = [*made.baselines("one", 2), *runs("one", UP), *runs("one", UP, seed=1)]
    copies = [made.run("again", p, seed=1000 + s) for s, p in enumerate((9.0, -9.0))]
    assert lines(ranking.block(made.study([*records, *copies], copy="again")))[ranking.SEEDS] == ["1.00", "1.00"]


def test_mean_ranks_are_means_of_ranks_by_delta() -> None:
    orders = [UP, UP, DOWN]
    records = [r for k, points in enumerate(orders) for r in (*made.baselines(f"s{k}"), *runs(f"s{k}", points))]
    found = lines(ranks.block(made.study(records)))
    wanted = np.mean([np.argsort(np.argsort(-np.array(points))) + 1 for points in orders], axis=0)
    assert {row: float(line[0]) for row, line in found.items()} == pytest.approx(
        dict(zip(ROWS, wanted, strict=True)), abs=5e-3
    )


def test_a_design_without_power_is_called_that() -> None:
    two = [r for k in range(2) for r in (*made.baselines(f"s{k}"), *runs(f"s{k}", UP))]
    many = [r for k in range(12) for r in (*made.baselines(f"s{k}"), *runs(f"s{k}", UP))]
    weak, strong = ranks.block(made.study(two)), ranks.block(made.study(many))
    assert weak is not None
    assert strong is not None
    assert "ranks cannot show a significant difference" in weak.sentences[-1]
    assert strong.sentences[-1].endswith("x and fixed are significantly behind z.")
    assert "differ significantly" in strong.sentences[0]


def test_one_suite_has_no_mean_ranks() -> None:
    assert ranks.block(made.study([*made.baselines(), *runs("one", UP)])) is None
