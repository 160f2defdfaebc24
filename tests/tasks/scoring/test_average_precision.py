"""Average precision, beside that of pycocotools on random boxes, and by hand."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tasks.scoring.average_precision import average_precision, matches, overlap, precision_of
from tasks.scoring.detection import Detections

SIDE = 64


def drawn(seed: int, images: int, coarse: bool) -> tuple[Detections, torch.Tensor]:
    """Objects, and boxes of which many are near one, with their class or another; coarse: with many ties."""
    generator = torch.Generator().manual_seed(seed)
    corner = torch.randint(0, 40, (images, 5, 2), generator=generator).float()
    size = torch.randint(6, 24, (images, 5, 2), generator=generator).float()
    classes = torch.randint(0, 3, (images, 5, 1), generator=generator).float()
    targets = torch.cat([corner, corner + size, classes], -1)
    targets[torch.rand(images, 5, generator=generator) < 0.3] = -100
    targets[0] = -100  # an image without objects
    source = torch.randint(0, 5, (images, 12), generator=generator)
    boxes = targets.gather(1, source[..., None].expand(-1, -1, 5))[..., :4]
    noise = torch.randn(images, 12, 4, generator=generator) * 1.5
    boxes = boxes + (noise.round() if coarse else noise)
    boxes = torch.where(boxes[..., :1] < -50, torch.tensor([1.0, 1.0, 9.0, 9.0]), boxes)
    boxes[..., 2:] = torch.maximum(boxes[..., 2:], boxes[..., :2] + 1)
    labels = targets.gather(1, source[..., None].expand(-1, -1, 5))[..., 4].clamp(min=0)
    other = torch.randint(0, 3, (images, 12), generator=generator).float()
    labels = torch.where(torch.rand(images, 12, generator=generator) < 0.7, labels, other)
    scores = torch.rand(images, 12, generator=generator)
    scores = (scores * 5).floor() / 5 if coarse else scores
    order = scores.argsort(dim=1, descending=True, stable=True)
    at = order[..., None].expand(-1, -1, 4)
    return Detections(boxes.gather(1, at), scores.gather(1, order), labels.gather(1, order).long()), targets


def of_coco(detections: Detections, targets: torch.Tensor, folder: Path) -> tuple[float, float]:
    """AP and AP50 of pycocotools."""

    def rows(boxes: torch.Tensor) -> list[list[float]]:
        return torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1).tolist()

    truth, answers = [], []
    for image in range(len(targets)):
        objects = targets[image, targets[image, :, 4] >= 0]
        for box, label in zip(rows(objects[:, :4]), objects[:, 4].tolist(), strict=True):
            facts = {"image_id": image, "category_id": int(label), "bbox": box}
            truth.append({**facts, "id": len(truth) + 1, "area": box[2] * box[3], "iscrowd": 0})
        kept = detections.scores[image] > 0
        for box, label, score in zip(
            rows(detections.boxes[image][kept]),
            detections.classes[image][kept].tolist(),
            detections.scores[image][kept],
            strict=True,
        ):
            answers.append({"image_id": image, "category_id": int(label), "bbox": box, "score": score.item()})
    dataset = {
        "images": [{"id": image, "width": SIDE, "height": SIDE} for image in range(len(targets))],
        "annotations": truth,
        "categories": [{"id": label, "name": str(label)} for label in range(4)],  # the last is nowhere
        "info": {},
    }
    (folder / "truth.json").write_text(json.dumps(dataset))
    (folder / "said.json").write_text(json.dumps(answers))
    with contextlib.redirect_stdout(io.StringIO()):
        data = COCO(str(folder / "truth.json"))
        evaluation = COCOeval(data, data.loadRes(str(folder / "said.json")), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0]), float(evaluation.stats[1])


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_it_is_that_of_pycocotools(seed: int, coarse: bool, tmp_path: Path) -> None:
    detections, targets = drawn(seed, 25, coarse)
    ap, ap50 = of_coco(detections, targets, tmp_path)
    assert 0.05 < ap < ap50 < 0.95
    assert float(precision_of(matches(detections, targets))) == pytest.approx(ap, abs=1e-9)
    assert float(precision_of(matches(detections, targets, (0.5,)))) == pytest.approx(ap50, abs=1e-9)


@pytest.mark.parametrize("size", [1, 4, 25])
def test_it_is_the_same_however_the_images_are_put_into_batches(size: int) -> None:
    detections, targets = drawn(3, 25, coarse=True)
    packed = torch.cat([detections.boxes, detections.scores[..., None], detections.classes[..., None].float()], -1)
    metric = average_precision("ap", lambda out: Detections(out[..., :4], out[..., 4], out[..., 5].long()))
    parts = [metric.collect(*part) for part in zip(packed.split(size), targets.split(size), strict=True)]
    assert metric.of(parts) == pytest.approx(float(precision_of(matches(detections, targets))), abs=1e-12)


def one_image(boxes: list[list[float]], scores: list[float], labels: list[int]) -> Detections:
    return Detections(torch.tensor([boxes]), torch.tensor([scores]), torch.tensor([labels]))


def test_the_objects_themselves_are_perfect_and_an_object_is_found_once() -> None:
    targets = torch.tensor([[[0.0, 0, 10, 10, 1], [20, 20, 30, 40, 2], [-100] * 5]])
    boxes = targets[0, :2, :4].tolist()
    assert float(precision_of(matches(one_image(boxes, [0.9, 0.8], [1, 2]), targets))) == 1
    twice = matches(one_image([boxes[0], boxes[0]], [0.9, 0.8], [1, 1]), targets)
    assert twice[:2, 2:].sum(1).tolist() == [10, 0]
    assert twice[2:, :2].tolist() == [[-1, 1], [-1, 2]]


def test_boxes_of_another_class_or_of_no_object_find_nothing() -> None:
    targets = torch.tensor([[[0.0, 0, 10, 10, 1], [-100] * 5]])
    wrong = matches(one_image([[0, 0, 10, 10], [-100] * 4], [0.9, 0.8], [2, 1]), targets)
    assert wrong[:2, 2:].sum() == 0
    assert float(precision_of(wrong)) == 0


def test_without_boxes_or_without_objects_it_is_zero() -> None:
    targets = torch.tensor([[[0.0, 0, 10, 10, 1]]])
    silent = one_image([[0, 0, 10, 10]], [0.0], [1])
    assert float(precision_of(matches(silent, targets))) == 0
    assert float(precision_of(matches(silent, torch.full_like(targets, -100)))) == 0


def test_overlaps_by_hand() -> None:
    one = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 0, 0]]])
    other = torch.tensor([[[5.0, 0, 15, 10], [0, 0, 10, 20], [10, 10, 20, 20]]])
    torch.testing.assert_close(overlap(one, other)[0], torch.tensor([[1 / 3, 0.5, 0], [0, 0, 0]], dtype=torch.float64))
