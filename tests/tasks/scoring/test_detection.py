"""Objects as points: the loss beside one that goes through cells one by one, and the boxes at the peaks."""

from __future__ import annotations

import math

import pytest
import torch

from tasks.scoring.detection import BOXES, CELL, USUAL, boxes_of, detection_loss, detections_of

ABSENT = [-100.0] * 5


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.randint(0, 20, (3, 4, 2), generator=generator).float()
    size = torch.randint(3, 12, (3, 4, 2), generator=generator).float()
    labels = torch.randint(0, 3, (3, 4, 1), generator=generator).float()
    targets = torch.cat([corner, corner + size, labels], -1)
    targets[0, 2:] = targets[1] = -100
    return torch.randn(3, 8, 6, 7, generator=generator, dtype=torch.float64), targets.double()


def giou(one: list[float], other: list[float]) -> float:
    def area(box: list[float]) -> float:
        return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)

    pairs = list(zip(one, other, strict=True))
    common = area([max(p) for p in pairs[:2]] + [min(p) for p in pairs[2:]])
    hull = area([min(p) for p in pairs[:2]] + [max(p) for p in pairs[2:]])
    union = area(one) + area(other) - common
    return common / union - (hull - union) / hull


def cell_by_cell(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """The loss as its docstring says it."""
    wrong, lacks, number = 0.0, [], 0
    for image in range(len(outputs)):
        objects = [o for o in targets[image].tolist() if o[4] >= 0]
        number += len(objects)
        for row in range(outputs.shape[1]):
            for column in range(outputs.shape[2]):
                middle = ((column + 0.5) * CELL, (row + 0.5) * CELL)
                away = [
                    (((o[0] + o[2]) / 2 - middle[0]) / CELL, ((o[1] + o[3]) / 2 - middle[1]) / CELL) for o in objects
                ]
                for label in range(outputs.shape[3] - 4):
                    mine = [a for a, o in zip(away, objects, strict=True) if o[4] == label]
                    p = 1 / (1 + math.exp(-float(outputs[image, row, column, label])))
                    if any(-0.5 <= a < 0.5 and -0.5 <= b < 0.5 for a, b in mine):
                        wrong -= (1 - p) ** 2 * math.log(p)
                    else:
                        bell = max((math.exp(-(a * a + b * b) / 2) for a, b in mine), default=0)
                        wrong -= (1 - bell) ** 4 * p**2 * math.log(1 - p)
                distances = [max(abs(a), abs(b)) for a, b in away]
                if distances and min(distances) <= 1:
                    across, down, wide, high = outputs[image, row, column, -4:].tolist()
                    x, y = middle[0] + across * CELL, middle[1] + down * CELL
                    w, h = math.exp(wide) * USUAL * CELL / 2, math.exp(high) * USUAL * CELL / 2
                    nearest = objects[distances.index(min(distances))]
                    lacks.append(1 - giou([x - w, y - h, x + w, y + h], nearest[:4]))
    return wrong / number + BOXES * sum(lacks) / len(lacks)


@pytest.mark.parametrize("seed", range(4))
def test_the_loss_is_what_its_description_says(seed: int) -> None:
    outputs, targets = drawn(seed)
    assert float(detection_loss(outputs, targets)) == pytest.approx(cell_by_cell(outputs, targets), rel=1e-9)


def test_without_objects_the_loss_is_finite_and_pulls_all_scores_down() -> None:
    outputs = torch.zeros(2, 8, 8, 7, requires_grad=True)
    (gradient,) = torch.autograd.grad(detection_loss(outputs, torch.full((2, 4, 5), -100.0)), outputs)
    assert (gradient[..., :3] > 0).all()
    assert (gradient[..., 3:] == 0).all()


def test_every_object_has_one_cell_that_is_right_however_small_it_is_or_wherever_it_lies() -> None:
    for corner in range(24):
        targets = torch.tensor([[[corner, 3.0, corner + 2, 5.0, 1]]])
        outputs = torch.zeros(1, 8, 8, 7, requires_grad=True)
        (gradient,) = torch.autograd.grad(detection_loss(outputs, targets), outputs)
        assert int((gradient[..., 1] < 0).sum()) == 1
        assert (gradient[..., [0, 2]] > 0).all()


def test_gradients_of_outputs_far_off_are_finite() -> None:
    _, targets = drawn(0)
    outputs = (torch.randn(3, 8, 6, 7, dtype=torch.float64) * 1e3).requires_grad_()
    loss = detection_loss(outputs, targets)
    (gradient,) = torch.autograd.grad(loss, outputs)
    assert loss.isfinite()
    assert gradient.isfinite().all()


def said_of(objects: list[list[float]], height: int, width: int) -> torch.Tensor:
    """Outputs that say exactly these objects, of three classes, with scores above one half."""
    outputs = torch.full((1, height, width, 7), -9.0)
    outputs[..., 3:] = 0
    for rank, (left, top, right, bottom, label) in enumerate(objects):
        x, y = (left + right) / 2, (top + bottom) / 2
        row, column = int(y // CELL), int(x // CELL)
        cell = outputs[0, row, column]
        cell[int(label)] = 5.0 - rank
        cell[3:] = torch.tensor(
            [
                x / CELL - column - 0.5,
                y / CELL - row - 0.5,
                math.log((right - left) / CELL / USUAL),
                math.log((bottom - top) / CELL / USUAL),
            ]
        )
    return outputs


def test_what_is_said_exactly_is_read_exactly_and_costs_little() -> None:
    objects = [[3.0, 5, 17, 30, 2], [20, 0, 23, 9, 0], [18, 15, 39, 24, 2]]
    outputs = said_of(objects, 8, 10)
    detections = detections_of(outputs)
    kept = detections.scores[0] > 0.1
    torch.testing.assert_close(detections.boxes[0][kept], torch.tensor(objects)[:, :4])
    assert detections.classes[0][kept].tolist() == [2, 0, 2]
    assert (detections.scores[0].diff() <= 0).all()
    shifted = torch.tensor([[[*box[:2], box[2] + 4, box[3] + 4, box[4]] for box in objects]])
    assert detection_loss(outputs, torch.tensor([objects])) < detection_loss(outputs, shifted)


def test_a_peak_hides_its_neighbours_of_the_same_class_alone() -> None:
    outputs = torch.full((1, 8, 8, 7), -9.0)
    outputs[0, 3, 3, 1], outputs[0, 3, 4, 1], outputs[0, 4, 4, 2] = 3.0, 2.0, 1.0
    detections = detections_of(outputs)
    assert detections.classes[0][detections.scores[0] > 0.1].tolist() == [1, 2]
    assert detections_of(outputs, most=1).boxes.shape == (1, 1, 4)
    assert (detections_of(outputs, faintest=0.99).scores == 0).all()


def test_boxes_have_a_usual_size_around_their_cell_where_nothing_is_said() -> None:
    boxes = boxes_of(torch.zeros(1, 2, 3, 4))
    assert boxes[0, 0, 0].tolist() == [-8, -8, 12, 12]
    assert boxes[0, 1, 2].tolist() == [0, -4, 20, 16]
