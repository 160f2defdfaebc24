"""Scores on validation data: how users pass them, and what is refused."""

import pytest
import torch

from balancers import Balancer, NonFiniteError


def scores_of(balancer: Balancer) -> list[float]:
    return balancer.state_dict()["state_scores"].tolist()


@pytest.mark.parametrize("scores", [{"b": 2.0, "a": -1.0}, [-1.0, 2.0], (-1.0, 2.0), torch.tensor([-1.0, 2.0])])
def test_scores_come_by_name_or_by_position(scores: object) -> None:
    balancer = Balancer("pivrg", ["a", "b"])
    balancer.after_validation(scores)  # pyright: ignore[reportArgumentType]
    assert scores_of(balancer) == [-1.0, 2.0]


@pytest.mark.parametrize("later", [{"a": 3.0}, [3.0, None]])
def test_a_task_without_a_new_score_keeps_the_earlier_one(later: object) -> None:
    balancer = Balancer("pivrg", ["a", "b"])
    balancer.after_validation([-1.0, 2.0])
    balancer.after_validation(later)  # pyright: ignore[reportArgumentType]
    assert scores_of(balancer) == [3.0, 2.0]


def test_scores_reach_the_method_inside_wrappers() -> None:
    balancer = Balancer("every:4:smoothed:0.5:pivrg", ["a", "b"])
    balancer.after_validation([-1.0, 2.0])
    assert balancer.state_dict()["state_inner_inner_scores"].tolist() == [-1.0, 2.0]


def test_methods_that_need_no_scores_ignore_them() -> None:
    balancer = Balancer("gradnorm", ["a", "b"])
    before = {name: value.clone() for name, value in balancer.state_dict().items()}
    balancer.after_validation([-1.0, 2.0])
    assert all(torch.equal(value, before[name]) for name, value in balancer.state_dict().items())


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"a": 1.0, "c": 2.0}, "there is a score for 'c', which is no task here"),
        ([1.0], "expected 2 scores, one per task, got 1"),
        ({}, "there is no score for any task"),
        ([None, None], "there is no score for any task"),
    ],
)
def test_names_and_numbers_that_do_not_match_are_errors(scores: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Balancer("pivrg", ["a", "b"]).after_validation(scores)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_scores_that_are_not_finite_are_errors_and_change_nothing(bad: float) -> None:
    balancer = Balancer("pivrg", ["a", "b"])
    balancer.after_validation([-1.0, 2.0])
    with pytest.raises(NonFiniteError, match="the score of task 'b' is"):
        balancer.after_validation({"a": 5.0, "b": bad})
    assert scores_of(balancer) == [-1.0, 2.0]
