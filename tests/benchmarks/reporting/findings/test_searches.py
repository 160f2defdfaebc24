"""Searches: their optimism is the gap that was put in, and best-of-n is what all subsets say."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from benchmarks.records.record import Record
from benchmarks.reporting import findings
from benchmarks.reporting.findings import optimism, trials
from benchmarks.reporting.findings.searches import searches
from benchmarks.reporting.findings.yardstick import Yardstick
from tests.benchmarks.reporting.findings import made

SUITES, SEEDS, TRIALS = ("one", "two"), 3, 4


def crossed(seed: int = 0) -> tuple[list[Record], np.ndarray, np.ndarray]:
    """Every trial with every seed, for two rows; validation and test (row, suite, seed, trial) in points."""
    rng = np.random.default_rng(seed)
    validation, test = rng.normal(0, 5, (2, 2, len(SUITES), SEEDS, TRIALS))
    records = [record for suite in SUITES for record in made.baselines(suite, SEEDS)]
    for (r, row), (s, suite), k, trial in product(
        enumerate(("fixed", "other")), enumerate(SUITES), range(SEEDS), range(TRIALS)
    ):
        place = r, s, k, trial
        points, seen = float(test[place]), float(validation[place])
        records.append(made.run(row, points, suite=suite, seed=k, trial=trial, validation=seen))
    return records, validation, test


def cells(block: object) -> dict[str, dict[str, str]]:
    head, lines = block.table  # pyright: ignore
    return {line[0]: dict(zip(head[1:], line[1:], strict=True)) for line in lines}


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def test_the_yardstick_gives_any_run_the_delta_that_aggregates_give_the_chosen_ones() -> None:
    records, _, _ = crossed()
    study = made.study(records)
    for suite in study.aggregates.suites:
        yardstick = Yardstick.of(study.of(suite.name))
        for record in study.of(suite.name):
            row = suite.row(record.cell.row)
            assert row is not None
            if row.deltas:
                assert yardstick.delta(record.cell.repetition, record.best) == row.deltas[record.cell.repetition]


def test_optimism_of_settings_is_the_gap_between_the_best_on_test_and_the_best_on_validation() -> None:
    records, validation, test = crossed()
    found = cells(optimism.block(made.study(records)))
    chosen = np.take_along_axis(test, validation.argmax(-1)[..., None], -1)[..., 0]
    gap = (test.max(-1) - chosen).mean((-1, -2))
    assert number(found["fixed"]["settings"]) == pytest.approx(gap[0], abs=6e-3)
    assert number(found["other"]["settings"]) == pytest.approx(gap[1], abs=6e-3)


def test_settings_that_are_best_on_both_splits_have_no_optimism() -> None:
    runs = [made.run("fixed", p, trial=t, validation=p) for t, p in enumerate((1.0, 4.0, 2.0))]
    assert optimism.of_settings(searches(made.study([*made.baselines(), *runs])))["one"]["fixed"] == [0]


def test_optimism_of_states_is_what_the_last_one_is_better_by() -> None:
    runs = [made.run("fixed", 1.0, seed=0, last=4.0), made.run("fixed", 1.0, seed=1, last=-1.0)]
    states, gained = optimism.of_states(made.study([*made.baselines(seeds=2), *runs]))
    np.testing.assert_allclose(states["one"]["fixed"], [3, 0], atol=1e-9)
    np.testing.assert_allclose(gained["one"]["fixed"], [-3, 2], atol=1e-9)


def test_settings_tried_with_few_seeds_are_one_search_over_the_seeds_that_all_have() -> None:
    tried = [made.run("fixed", p, trial=t, validation=p) for t, p in enumerate((1.0, 4.0, 2.0))]
    more = [made.run("fixed", 100.0, trial=1, seed=1, validation=4.0)]
    (search,) = searches(made.study([*made.baselines(seeds=2), *tried, *more], once=True))["one"]["fixed"]
    np.testing.assert_allclose(search.outcomes, [1, 4, 2], atol=1e-9)
    assert search.chosen == 1


def test_numbers_of_settings_that_validation_passed_over_show_in_optimism_and_trials_alone() -> None:
    records, _, _ = crossed()
    counted = {record.id for record in made.study(records).records}
    others = [r for r in records if r.id not in counted and r.cell.row != "single-task"]
    changed = [
        made.run("fixed" if r.cell.row == "fixed" else "other", 40.0, **_place(r)) if r in others else r
        for r in records
    ]
    before, after = ({b.anchor: b for b in findings.blocks(made.study(each))} for each in (records, changed))
    assert {anchor for anchor, block in after.items() if block != before[anchor]} == {"optimism", "trials"}


def _place(record: Record) -> dict:
    assert record.best is not None
    seen = (record.best.validation["a"]["accuracy"] - made.SINGLE) / made.POINT
    return {"suite": record.cell.suite, "seed": record.cell.seed, "trial": record.cell.trial, "validation": seen}


def test_best_of_n_is_the_mean_over_all_subsets_of_trials() -> None:
    records, validation, test = crossed()
    found = searches(made.study(records))
    for r, row in enumerate(("fixed", "other")):
        for m in range(1, TRIALS + 1):
            wanted = [
                test[r, s, k, max(subset, key=lambda t: validation[r, s, k, t])]
                for s, k in product(range(len(SUITES)), range(SEEDS))
                for subset in combinations(range(TRIALS), m)
            ]
            assert trials.best_of(found, row, TRIALS)[m - 1] == pytest.approx(np.mean(wanted))
        assert trials.defaults(found, row) == pytest.approx(test[r, ..., 0].mean())


def test_all_trials_give_what_the_leaderboard_says() -> None:
    records, _, _ = crossed()
    study = made.study(records)
    found = searches(study)
    for row in study.aggregates.overall:
        assert trials.best_of(found, row.row, TRIALS)[-1] == pytest.approx(row.delta_taskwise.mean)


def test_a_failed_trial_leaves_a_dash_where_it_may_be_chosen() -> None:
    points = (3.0, None, 5.0)
    runs = [made.run("fixed", p, trial=t, validation=p or 0) for t, p in enumerate(points)]
    found = cells(trials.block(made.study([*made.baselines(), *runs])))["fixed"]
    assert found == {
        "defaults": "+3.00",
        "1 trial": "–",
        "2 trials": "+4.33",  # 3 or 5 or 5
        "3 trials": "+5.00",
        "search gains": "+2.00",
    }


def test_a_row_that_lacks_a_suite_has_no_mean_over_suites() -> None:
    records, _, _ = crossed()
    study = made.study([r for r in records if (r.cell.row, r.cell.suite) != ("other", "two")])
    assert set(cells(trials.block(study))["other"].values()) == {"–"}
    assert cells(optimism.block(study))["other"] == {"settings": "–", "checkpoints": "–", "best − last": "–"}


def test_learning_rates_alone_are_settings_and_no_trials() -> None:
    runs = [made.run("fixed", p, validation=-p, learning_rate=lr) for p, lr in ((1.0, 0.1), (3.0, 0.2))]
    study = made.study([*made.baselines(), *runs])
    assert trials.block(study) is None
    assert cells(optimism.block(study))["fixed"]["settings"] == "+2.00"


def test_a_study_without_choices_says_so() -> None:
    found = optimism.block(made.study([*made.baselines(), made.run("fixed", 1.0)]))
    assert found is not None
    assert "cannot be optimistic" in found.sentences[0]


def test_a_suite_with_fewer_trials_counts_with_all_of_them() -> None:
    two = [made.run("fixed", p, trial=t, validation=p) for t, p in enumerate((1.0, 5.0))]
    three = [made.run("fixed", p, suite="two", trial=t, validation=p) for t, p in enumerate((2.0, 4.0, 9.0))]
    found = searches(made.study([*made.baselines(), *made.baselines("two"), *two, *three]))
    np.testing.assert_allclose(trials.best_of(found, "fixed", 3), [(3 + 5) / 2, (5 + (4 + 9 + 9) / 3) / 2, (5 + 9) / 2])


def test_a_row_with_fewer_trials_than_others_is_not_compared() -> None:
    runs = [made.run("fixed", 1.0, trial=t) for t in range(3)] + [made.run("other", 1.0, trial=t) for t in range(2)]
    found = cells(trials.block(made.study([*made.baselines(), *runs])))
    assert found["fixed"]["3 trials"] == "+1.00"
    assert {found["other"][f"{m} trials"] for m in (2, 3)} == {"–"}
