"""Spaces of hyperparameters: every point gives a value that the method takes."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from balancers import Balancer, Choice, Interval, Simplex, create, get, names

SEARCHED = [(name, key) for name in names() for key in get(name).space]


def test_an_interval_is_even_in_its_unit_and_keeps_its_ends() -> None:
    assert [Interval(1.0, 3.0).at([u]) for u in (0.0, 0.5, 1.0)] == [1, 2, 3]
    assert [Interval(1e-4, 1.0, log=True).at([u]) for u in (0.0, 0.5, 1.0)] == pytest.approx([1e-4, 1e-2, 1])
    assert Interval(0.0, 1.0).at([1 / 3]) == 0.333, "short numbers, which can be read"


@pytest.mark.parametrize(("low", "high", "log"), [(1.0, 1.0, False), (2.0, 1.0, False), (0.0, 1.0, True)])
def test_an_interval_that_is_none_is_refused(low: float, high: float, log: bool) -> None:
    with pytest.raises(ValueError, match="low < high"):
        Interval(low, high, log)


def test_choices_have_equal_shares() -> None:
    options = Choice(("a", "b", "c"))
    values = [options.at([u / 300]) for u in range(300)]
    assert [values.count(option) for option in "abc"] == [100, 100, 100]
    assert options.at([1.0]) == "c"


def test_the_simplex_holds_weights_that_sum_to_the_number_of_tasks() -> None:
    assert Simplex().at([0.25]) == [0.5, 1.5]
    assert Simplex().coordinates(4) == 3
    assert sum(Simplex().at([0.9, 0.1, 0.4])) == pytest.approx(4, rel=1e-2)


def test_scales_of_losses_are_divided_out() -> None:
    first, second = Simplex((1.0, 1e4)).at([0.5])
    assert first == pytest.approx(1e4 * second, rel=1e-2)
    assert first + second == pytest.approx(2, rel=1e-2)


@pytest.mark.parametrize(("name", "key"), SEARCHED)
def test_every_point_of_a_space_is_a_value_that_the_method_takes(name: str, key: str) -> None:
    space, tasks = get(name).space[key], 3
    for point in itertools.product((0.0, 0.3, 1.0), repeat=space.coordinates(tasks)):
        value: Any = space.at(point)
        balancer = Balancer(name, tasks, **{key: value})
        assert getattr(balancer.weighting, key) == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize("name", ["every:4:cagrad", "smoothed:0.9:cagrad"])
def test_a_wrapped_method_is_searched_like_the_method(name: str) -> None:
    assert create(name).space == create("cagrad").space


def test_how_often_all_is_needed() -> None:
    assert [create(name).interval for name in ("mgda", "every:4:mgda", "smoothed:0.9:every:3:mgda")] == [1, 4, 3]
