"""Differences seed by seed."""

import math

import numpy as np
import pytest

from benchmarks.analysis.statistics import estimate, paired, t_test
from tests.benchmarks.analysis.statistics.simulation import share


def test_differences_are_of_the_seeds_that_both_have() -> None:
    found = paired({0: 1.0, 1: 2.0, 2: 5.0}, {1: 1.5, 2: 1.0, 7: 0.0})
    assert found.differences == {1: 0.5, 2: 4.0}
    assert found.estimate == estimate([0.5, 4.0])
    assert math.isnan(found.p_value)


def test_the_other_way_round_is_the_negative() -> None:
    rng = np.random.default_rng(0)
    a, b = (dict(enumerate(rng.standard_normal(6).tolist())) for _ in range(2))
    there, back = paired(a, b), paired(b, a)
    assert back.estimate.mean == pytest.approx(-there.estimate.mean)
    assert (back.estimate.low, back.estimate.high) == pytest.approx((-there.estimate.high, -there.estimate.low))
    assert back.p_value == pytest.approx(there.p_value)
    assert there.p_value == pytest.approx(t_test(there.differences.values()))


def test_what_the_seed_does_to_both_cancels() -> None:
    rng = np.random.default_rng(1)
    luck, gains = 100 * rng.standard_normal(5), rng.standard_normal(5)
    found = paired(dict(enumerate(luck + gains)), dict(enumerate(luck)))
    assert found.estimate.mean == pytest.approx(gains.mean())
    assert found.p_value == pytest.approx(t_test(gains))


def test_the_interval_leaves_out_0_about_when_the_test_rejects() -> None:
    values = 1 + np.random.default_rng(2).standard_normal((500, 5))
    found = [paired(dict(enumerate(row)), dict.fromkeys(range(5), 0.0)) for row in values]
    surely = [one.estimate.low > 0 or one.estimate.high < 0 for one in found]
    assert np.mean([sure == (one.p_value < 0.05) for sure, one in zip(surely, found, strict=True)]) > 0.9
    assert np.mean(surely) == share(0.41, 500)


def test_without_a_common_seed_there_is_nothing_to_compare() -> None:
    found = paired({0: 1.0}, {1: 1.0})
    assert found.differences == {}
    assert math.isnan(found.estimate.mean)
    assert math.isnan(found.p_value)


def test_a_run_without_a_number_is_not_dropped() -> None:
    found = paired(dict.fromkeys(range(6), 1.0) | {3: math.nan}, dict.fromkeys(range(6), 0.5))
    assert math.isnan(found.estimate.mean)
    assert math.isnan(found.p_value)
