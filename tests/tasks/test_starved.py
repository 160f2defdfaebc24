"""Few labels for some tasks, and examples of each task's own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from benchmarks.training.batches import batches_of, geometry_batch, losses_of, steps_per_epoch
from tasks import registry
from tasks.base import Split, Task
from tasks.starved import starve
from tests.benchmarks.tiny_suite import Tiny, registered

TASKS = ("height", "side")


@pytest.fixture(autouse=True)
def _tiny() -> Iterator[None]:
    with registered("tiny"):
        yield


def _square(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).square().mean()


def of(split: Split, task: str) -> set[float]:
    """The examples with a label of ``task``, by what stands in the target of the regression."""
    return set(split.having(task, split.targets["height"]).tolist())


def test_a_starved_task_has_a_share_of_its_labels_and_the_others_have_all() -> None:
    whole = Tiny().load().train
    few = starve(whole, {"side": 0.1}, Tiny().tasks)
    assert of(few, "height") == of(whole, "height")
    assert len(of(few, "side")) == 4, "a tenth of 32, rounded up"
    assert few.present["height"].sum() == 32
    assert not (few.present["height"] & few.present["side"]).any()


def test_the_labels_of_a_smaller_share_are_among_those_of_a_larger_one() -> None:
    whole = Tiny().load().train
    shares = [of(starve(whole, {"side": share}, Tiny().tasks), "side") for share in (0.05, 0.2, 0.5, 1.0)]
    assert all(small < large for small, large in pairwise(shares))
    assert shares[-1] == of(whole, "side")


def test_an_example_whose_target_says_that_it_has_none_is_no_label() -> None:
    targets = torch.full((100,), -100.0)
    targets[::5] = 1.0
    some = torch.full((100, 3), -100)
    some[::4, 1] = 2
    split = Split({"x": torch.arange(100)}, {"one": targets, "each": some, "all": torch.zeros(100)})
    tasks = [Task(name, _square, (), absent=absent) for name, absent in (("one", -100), ("each", -100), ("all", None))]
    few = starve(split, {"one": 0.5, "each": 0.2, "all": 0.1}, tasks)
    left = {task: few.having(task, few.inputs["x"]) for task in few.targets}
    assert {task: len(x) for task, x in left.items()} == {"one": 10, "each": 5, "all": 10}
    assert (left["one"] % 5 == 0).all()
    assert (left["each"] % 4 == 0).all()


def test_all_tasks_may_be_starved_each_with_its_own_set() -> None:
    few = starve(Tiny().load().train, {"side": 0.25, "height": 0.5}, Tiny().tasks)
    assert len(few) == 8 + 16
    assert sorted(map(len, few.sets())) == [8, 16]


def test_validation_and_test_keep_all_labels() -> None:
    starved = registry.create("tiny", label_fraction={"side": 0.1}).load()
    whole = Tiny().load()
    assert not starved.validation.present
    assert torch.equal(starved.test.targets["side"], whole.test.targets["side"])


@pytest.mark.parametrize(
    ("fractions", "expected"),
    [
        (0.1, r"should name tasks, as in { height = 0.1 }, not be 0.1"),
        (["side"], "should name tasks"),
        ({"side": "few"}, "at most 1, not 'few'"),
        ({"side": 0.0}, "above 0"),
        ({"side": 1.5}, "at most 1"),
        ({"sied": 0.5}, "has no task 'sied'"),
        ({}, "no task"),
    ],
)
def test_shares_that_make_no_sense_are_refused(fractions: object, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        registry.create("tiny", label_fraction=fractions)


def test_a_problem_without_labels_cannot_be_starved() -> None:
    with pytest.raises(ValueError, match="no labels to take away"):
        registry.create("plane", label_fraction={"first": 0.5})


def test_every_batch_has_as_many_of_each_set_and_the_largest_is_seen_once_an_epoch() -> None:
    split = starve(Tiny().load().train, {"side": 0.25}, Tiny().tasks)
    assert steps_per_epoch(split, 4) == 8
    batches = batches_of(split, 4, seed=0)
    epoch = [next(batches) for _ in range(8)]
    assert all(batch.present[task].sum() == 4 for batch in epoch for task in TASKS)
    assert len(set().union(*(of(batch, "height") for batch in epoch))) == 32
    assert len(set().union(*(of(batch, "side") for batch in epoch[:2]))) == 8, "the small set begins anew after two"
    again = batches_of(split, 4, seed=0)
    assert all(torch.equal(batch.inputs["x"], next(again).inputs["x"]) for batch in epoch)


def test_a_loss_sees_the_examples_of_its_task_alone() -> None:
    suite = registry.create("tiny", label_fraction={"side": 0.25})
    split = suite.load().train
    batch = geometry_batch(split, 6)
    model = suite.build(0, TASKS).eval()
    _, outputs = model(batch.inputs)
    losses = losses_of(suite.tasks, outputs, batch)
    have = batch.present["side"]
    assert have.sum() == 6
    expected = suite.tasks[1].loss(outputs["side"][have], batch.targets["side"][have])
    assert torch.equal(losses["side"], expected)


def test_a_task_alone_is_trained_on_its_own_examples() -> None:
    split = starve(Tiny().load().train, {"side": 0.25}, Tiny().tasks)
    alone = split.only(["side"])
    assert len(alone) == 8
    assert len(split.only(TASKS)) == len(split)
