"""The interquartile mean, shares of runs above thresholds, noise and power."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmarks.records.record import Record
from benchmarks.reporting.findings import sensitivity, typical
from tests.benchmarks.reporting.findings import made

SEEDS = 8


def records(points: np.ndarray, row: str = "other") -> list[Record]:
    """Equal weights at 0 and a row at ``points`` (suite, seed); NaN is a run that failed."""
    found = []
    for k, values in enumerate(points):
        found += made.baselines(f"s{k}", len(values))
        for seed, value in enumerate(values.tolist()):
            found.append(made.run("fixed", 0.0, suite=f"s{k}", seed=seed))
            found.append(made.run(row, None if np.isnan(value) else value, suite=f"s{k}", seed=seed))
    return found


def line(block: object) -> list[str]:
    assert block is not None
    return block.table[1][0]  # pyright: ignore


def test_the_interquartile_mean_is_the_mean_without_the_outer_quarters() -> None:
    points = np.random.default_rng(0).normal(1, 4, (2, SEEDS))
    cells = line(typical.block(made.study(records(points))))
    assert float(cells[1].partition(" ")[0].replace("−", "-")) == pytest.approx(
        stats.trim_mean(points.ravel(), 0.25), abs=5e-3
    )
    assert "[" in cells[1]


def test_shares_count_runs_at_or_above_the_thresholds_every_suite_alike() -> None:
    points = np.array([[-20.0, -4.5, 0.5, 3.5], [6.0, 6.0, 6.0, 6.0]])
    cells = line(typical.block(made.study(records(points))))
    assert cells[2:] == ["88", "88", "75", "75", "62", "50", "8/8"]  # ≥ −10, −5, −2, 0, 2, 5


def test_a_failed_run_reaches_no_threshold() -> None:
    points = np.array([[6.0, 6.0, np.nan, 6.0]])
    cells = line(typical.block(made.study(records(points))))
    assert cells[1:] == ["+6.00", *["75"] * 6, "3/4"]


def test_the_reference_is_tuned_weights_where_there_are_some() -> None:
    points = np.array([[2.0] * 5])
    tuned = [made.run("tuned", 3.0, suite="s0", seed=seed) for seed in range(5)]
    found = typical.block(made.study([*records(points), *tuned], tuned="tuned"))
    assert found is not None
    assert found.table is not None
    assert {cells[0]: cells[1].partition(" ")[0] for cells in found.table[1]} == {"fixed": "−3.00", "other": "−1.00"}


def test_copies_of_equal_weights_differ_by_what_was_put_in() -> None:
    copies = [made.run("again", p, suite="s0", seed=1000 + s) for s, p in enumerate((1.0, 2.0, 3.0))]
    study = made.study([*records(np.ones((1, 3))), *copies], copy="again")
    copy = sensitivity.copies_of_equal_weights(study)["s0"]
    assert copy.differences == pytest.approx({0: 1, 1: 2, 2: 3})
    found = sensitivity.block(study)
    assert found is not None
    assert found.table is not None
    assert found.table[1][0][1:3] == ["+2.00", "1.00"]
    assert "up to 2.00 points (s0)" in found.sentences[0]


def test_without_a_second_copy_it_says_that_noise_was_not_measured() -> None:
    found = sensitivity.block(made.study(records(np.ones((1, 3)))))
    assert found is not None
    assert "not measured" in found.sentences[0]


def power(differences: np.ndarray) -> float:
    """The share of simulated designs (simulation, seed) in which a t-test finds the difference."""
    return float((np.asarray(stats.ttest_1samp(differences, 0, axis=1))[1] < 0.05).mean())


def test_the_difference_that_a_suite_finds_is_found_in_four_of_five_simulations() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(0, 3, (1, 5))
    points *= 3 / points.std(ddof=1)
    smallest = sensitivity.on_suite(made.study(records(points)).gains(), "s0")
    assert power(rng.normal(smallest, 3, (20_000, 5))) == pytest.approx(0.8, abs=0.012)


def test_the_mean_over_suites_finds_smaller_differences_as_a_simulation_says() -> None:
    rng = np.random.default_rng(2)
    points = rng.normal(0, 3, (4, 5))
    points *= 3 / points.std(ddof=1, axis=1, keepdims=True)
    gains = made.study(records(points)).gains()
    smallest = sensitivity.over_suites(gains)
    assert smallest < sensitivity.on_suite(gains, "s0") / 2
    drawn = rng.normal(smallest, 3, (20_000, 4, 5))
    error = np.sqrt(drawn.var(axis=2, ddof=1).sum(1) / 5) / 4
    found = 2 * stats.t.sf(np.abs(drawn.mean((1, 2)) / error), 16) < 0.05  # equal spreads: 4 (5 - 1) degrees
    assert found.mean() == pytest.approx(0.8, abs=0.012)


def test_few_seeds_find_nothing_over_all_suites() -> None:
    points = np.array([[1.0, 2.0], [2.0, 4.0]])
    found = sensitivity.block(made.study(records(points)))
    assert found is not None
    assert "no suite has 5 seeds" in found.sentences[-1]
