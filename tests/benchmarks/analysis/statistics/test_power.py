"""Power and detectable differences against tables, and against each other."""

import math

import pytest
from scipy import integrate, stats

from benchmarks.analysis.statistics import power_of, smallest_detectable


@pytest.mark.parametrize(
    ("effect", "n", "power"), [(0.5, 34, 0.808), (0.8, 15, 0.821), (1.0, 10, 0.803), (0.2, 199, 0.803)]
)
def test_power_is_that_of_the_tables(effect: float, n: int, power: float) -> None:
    assert power_of(effect, 1, n) == pytest.approx(power, abs=0.002)  # as G*Power gives it


@pytest.mark.parametrize(
    ("difference", "n", "level"), [(0.3, 5, 0.95), (1.0, 5, 0.9), (3.0, 3, 0.99), (0.1, 150, 0.99)]
)
def test_power_is_the_integral_over_the_sample_deviation(difference: float, n: int, level: float) -> None:
    critical = stats.t.ppf((1 + level) / 2, n - 1)

    def density(spread: float) -> float:
        tails = stats.norm.sf(critical * spread - difference * math.sqrt(n))
        tails += stats.norm.cdf(-critical * spread - difference * math.sqrt(n))
        return float(tails * 2 * spread * (n - 1) * stats.chi2.pdf((n - 1) * spread**2, n - 1))

    expected = integrate.quad(density, 0, 6, limit=200)[0]
    assert power_of(difference, 1, n, level) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 100, 1000])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_a_detectable_difference_is_detected_with_its_power(n: int, level: float) -> None:
    for power in (0.5, 0.8, 0.99):
        assert power_of(smallest_detectable(3.0, n, power, level), 3.0, n, level) == pytest.approx(power)


def test_detectable_differences_are_those_of_the_docstring() -> None:
    assert smallest_detectable(1, 5) == pytest.approx(1.68, abs=0.005)
    assert smallest_detectable(1, 10) == pytest.approx(1.00, abs=0.005)
    assert smallest_detectable(2.5, 5) == pytest.approx(2.5 * smallest_detectable(1, 5))


def test_power_rises_from_the_size_of_the_test_to_one() -> None:
    found = [power_of(difference, 1, 5) for difference in (0, 1e-6, 0.5, 1, 2, 4, 8, 1e3, 1e6)]
    assert found[0] == pytest.approx(0.05)
    assert found == sorted(found)
    assert found[-1] == 1
    assert power_of(-1, 1, 5) == power_of(1, 1, 5)


def test_without_spread_every_difference_is_found() -> None:
    assert power_of(1e-9, 0, 5) == 1
    assert power_of(0, 0, 5) == pytest.approx(0.05)
    assert smallest_detectable(0, 5) == 0


def test_one_seed_or_no_number_has_no_power_to_speak_of() -> None:
    for found in (power_of(1, 1, 1), power_of(math.nan, 1, 5), power_of(1, math.nan, 5)):
        assert math.isnan(found)
    assert math.isnan(smallest_detectable(1, 1))
    assert math.isnan(smallest_detectable(math.nan, 5))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        power_of(1, -1, 5)
    with pytest.raises(ValueError, match="negative"):
        smallest_detectable(-1, 5)
    for power in (0.01, 1.0):
        with pytest.raises(ValueError, match="between"):
            smallest_detectable(1, 5, power)
