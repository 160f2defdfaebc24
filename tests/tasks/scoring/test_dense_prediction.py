"""Dense prediction: losses and metrics of segmentation, depth and normals against other implementations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, jaccard_score
from torch.nn.functional import normalize

from tasks.base import Task
from tasks.scoring.dense_prediction import depth, normals, segmentation

N, C, H, W = 6, 5, 9, 11


def values(task: Task, outputs: torch.Tensor, targets: torch.Tensor, size: int) -> dict[str, float]:
    pieces = list(zip(outputs.split(size), targets.split(size), strict=True))
    return {metric.name: metric.of([metric.collect(*piece) for piece in pieces]) for metric in task.metrics}


def random_maps() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.rand(shape, generator=generator)  # noqa: E731
    labels = torch.randint(-1, C - 1, (N, H, W), generator=generator).to(torch.int8)  # the last class never occurs
    distances = draw(N, H, W) * 5 * (draw(N, H, W) > 0.2)
    directions = normalize(draw(N, 3, H, W) - 0.5, dim=1) * (draw(N, 1, H, W) > 0.2)
    near = normalize(directions + 0.6 * (draw(N, 3, H, W) - 0.5), dim=1)
    return {
        "segmentation": (draw(N, C, H, W), labels),
        "depth": (draw(N, H, W) * 5, distances),
        "normals": (near, directions),
    }


@pytest.mark.parametrize("size", [1, 4, N])
def test_segmentation_metrics_are_those_of_scikit_learn(size: int) -> None:
    outputs, labels = random_maps()["segmentation"]
    valid = labels >= 0
    truth, answers = labels[valid].numpy(), outputs.argmax(1)[valid].numpy()
    metrics = values(segmentation(C), outputs, labels, size)
    assert metrics["mean_iou"] == pytest.approx(jaccard_score(truth, answers, average="macro"))
    assert metrics["pixel_accuracy"] == pytest.approx(accuracy_score(truth, answers))


@pytest.mark.parametrize("size", [1, 4, N])
def test_depth_metrics_are_means_over_measured_pixels(size: int) -> None:
    outputs, targets = random_maps()["depth"]
    valid = (targets != 0).numpy()
    errors = np.abs(outputs.numpy() - targets.numpy())[valid]
    metrics = values(depth(), outputs, targets, size)
    assert metrics["absolute_error"] == pytest.approx(errors.mean(), rel=1e-5)
    assert metrics["relative_error"] == pytest.approx((errors / targets.numpy()[valid]).mean(), rel=1e-5)
    assert float(depth().loss(outputs, targets)) == pytest.approx(errors.mean(), rel=1e-5)


@pytest.mark.parametrize("size", [1, 4, N])
def test_normal_metrics_are_statistics_of_the_angles(size: int) -> None:
    outputs, targets = random_maps()["normals"]
    valid = (targets != 0).any(1).numpy()
    cosines = np.einsum("nchw,nchw->nhw", outputs.double().numpy(), targets.double().numpy())[valid]
    degrees = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    metrics = values(normals(), outputs, targets, size)
    assert metrics["mean_angle"] == pytest.approx(degrees.mean(), abs=1e-3)
    assert metrics["median_angle"] == pytest.approx(np.median(degrees), abs=0.02)
    for angle in (11.25, 22.5, 30):
        assert metrics[f"within_{angle:g}"] == pytest.approx((degrees < angle).mean(), abs=1e-6)
    assert float(normals().loss(outputs, targets)) == pytest.approx(1 - cosines.mean(), rel=1e-4)


def test_perfect_outputs_reach_the_best_values() -> None:
    maps = random_maps()
    labels, targets = maps["segmentation"][1], maps["normals"][1]
    logits = torch.nn.functional.one_hot(labels.long().clamp(min=0), C).movedim(-1, 1).float()
    perfect = ((segmentation(C), logits, labels), (depth(), *(maps["depth"][1],) * 2), (normals(), targets, targets))
    for task, outputs, truth in perfect:
        for metric in task.metrics:
            tolerance = 0.05 if "angle" in metric.name else 1e-6  # the arc cosine of nearly 1, in single precision
            assert metric.of([metric.collect(outputs, truth)]) == pytest.approx(metric.best, abs=tolerance)


@pytest.mark.parametrize("task", [segmentation(C), depth(), normals()], ids=lambda task: task.name)
def test_where_nothing_is_known_losses_are_zero_with_zero_gradients(task: Task) -> None:
    outputs, targets = random_maps()[task.name]
    outputs.requires_grad_()
    nothing = torch.full_like(targets, -1) if task.name == "segmentation" else torch.zeros_like(targets)
    loss = task.loss(outputs, nothing)
    (gradient,) = torch.autograd.grad(loss, outputs)
    assert loss.item() == 0
    assert not gradient.any()
    assert all(np.isfinite(value) for value in values(task, outputs.detach(), nothing, N).values())


@pytest.mark.parametrize("task", [segmentation(C), depth(), normals()], ids=lambda task: task.name)
def test_losses_are_means_over_known_pixels(task: Task) -> None:
    outputs, targets = random_maps()[task.name]
    whole = task.loss(outputs, targets)
    hidden = targets.clone()
    hidden[0] = -1 if task.name == "segmentation" else 0
    torch.testing.assert_close(task.loss(outputs, hidden), task.loss(outputs[1:], targets[1:]))
    assert not torch.isclose(whole, task.loss(outputs, hidden))
