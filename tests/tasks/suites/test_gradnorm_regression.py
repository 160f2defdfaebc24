"""GradNorm's regression toy: scales, splits, losses and metrics."""

from __future__ import annotations

import pytest
import torch

from tasks import registry
from tasks.suites.gradnorm_regression import TEN_SCALES, GradNormRegression


def test_two_and_ten_tasks_go_by_their_own_names() -> None:
    two, ten = registry.create("gradnorm-regression-2"), registry.create("gradnorm-regression-10")
    assert (two.name, len(two.tasks)) == ("gradnorm-regression-2", 2)
    assert (ten.name, len(ten.tasks)) == ("gradnorm-regression-10", 10)


def test_ten_scales_go_from_one_to_a_hundred_at_equal_ratios() -> None:
    ratios = torch.tensor(TEN_SCALES[1:]) / torch.tensor(TEN_SCALES[:-1])
    assert TEN_SCALES[0] == 1
    assert TEN_SCALES[-1] == pytest.approx(100)
    torch.testing.assert_close(ratios, ratios[0].expand(9))


def test_splits_are_fixed_disjoint_and_of_the_stated_sizes() -> None:
    suite = GradNormRegression(examples=100)
    splits, again = suite.load(), suite.load()
    assert [len(split) for split in splits] == [100, 20, 20]
    rows = torch.cat([split.inputs["inputs"] for split in splits])
    assert len(rows.unique(dim=0)) == 140
    assert torch.equal(splits.test.targets["task_2"], again.test.targets["task_2"])


def test_targets_fill_their_scale_without_being_bare_signs() -> None:
    targets = GradNormRegression(examples=500).load().train.targets
    for name, scale in (("task_1", 1.0), ("task_2", 100.0)):
        size = targets[name].abs() / scale
        assert targets[name].shape == (500, 100)
        assert size.max() <= 1
        assert float((size < 0.5).double().mean()) == pytest.approx(0.119, abs=0.01)  # P(|z| < artanh(0.5) / √13.5)
    same_sign = (targets["task_1"] * targets["task_2"] > 0).double().mean()
    assert float(same_sign) == pytest.approx(0.765, abs=0.02)  # 1 - arccos(ρ) / π at the correlation ρ = 10 / 13.5


def test_the_loss_keeps_the_scale_and_the_metric_removes_it() -> None:
    _, task = GradNormRegression().tasks
    outputs, targets = torch.zeros(3, 100), torch.full((3, 100), 50.0)
    assert float(task.loss(outputs, targets)) == pytest.approx(2500)
    assert float(task.primary.value(task.primary.collect(outputs, targets))) == pytest.approx(0.25)


def test_the_last_shared_layer_is_the_fourth() -> None:
    model = GradNormRegression().build(0, ["task_1"])
    weight, bias = model.last_shared_parameters()
    assert weight is model.shared_parameters()[-2]
    assert (weight.shape, bias.shape) == ((100, 100), (100,))


def test_too_few_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 5"):
        registry.create("gradnorm-regression-2", examples=4)
