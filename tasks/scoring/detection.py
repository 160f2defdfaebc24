"""Detection of objects as points: the loss of a detector's outputs for each cell, and the boxes that they stand for."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, max_pool2d

CELL = 4  # pixels; side of the cells that a detector answers for
SPREAD = 1.0  # cells; width of the bell around an object's middle in which a wrong class costs less
FOCUS, TOLERANCE = 2, 4  # the exponents of Zhou et al.: of what is still wrong, and of the distance from the bell
USUAL = 5.0  # cells; width and height of a box whose size outputs are 0
LIMIT = 4.0  # largest absolute value of a size output, in powers of e
MOST = 20  # boxes in an image
FAINTEST = 0.01  # smallest score of a box
BOXES = 2.0  # weight of their loss beside that of the classes


class Detections(NamedTuple):
    """Boxes of N images, at most K each, in the order of falling scores; a score of 0 says that there is no box."""

    boxes: Tensor  # (N, K, 4): left, top, right, bottom in pixels
    scores: Tensor  # (N, K), 0 to 1
    classes: Tensor  # (N, K)


def detection_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """The loss of a detector: a focal loss of the classes, and twice the mean of 1 - GIoU of the boxes.

    Every object has one cell, in which its middle is. There its class counts as right, everywhere else as wrong, less
    so near to the middle: with p the probability of a class in a cell and Y a bell of one cell around the middle, the
    loss is -(1-p)² log p in the object's cell and -(1-Y)⁴ p² log(1-p) elsewhere, summed over cells and classes and
    divided by the number of objects. Boxes are trained in all cells whose middle is at most one cell away from the
    middle of an object, across and down: twice the mean of 1 - GIoU over these cells.

    Args:
        outputs: (N, H, W, C + 4), for each cell the logits of C classes, and the box: the place of its middle from that
            of the cell, and the logarithms of width and height, as in `boxes_of`.
        targets: (N, M, 5): left, top, right, bottom in pixels, and class; negative where there is no object.

    Reference: Zhou, Wang and Krähenbühl, Objects as Points, 2019, equation 1; for boxes Rezatofighi et al., Generalized
    Intersection over Union, CVPR 2019.
    """
    logits, box_outputs = outputs[..., :-4], outputs[..., -4:]
    is_object = targets[..., 4] >= 0
    away = _away(targets, outputs.shape[1:3])  # (N, H, W, M, 2)
    number = is_object.sum().clamp(min=1)
    classes = targets[..., 4, None] == torch.arange(logits.shape[-1], device=logits.device)  # (N, M, C)
    bells = torch.exp(-away.square().sum(-1) / (2 * SPREAD**2))
    bell = (bells[..., None] * classes[:, None, None]).amax(-2)  # (N, H, W, C)
    own = ((away >= -0.5) & (away < 0.5)).all(-1)
    right = (own[..., None] & classes[:, None, None]).any(-2)
    chance = logits.sigmoid()
    hit = (1 - chance) ** FOCUS * logsigmoid(logits)
    miss = (1 - bell) ** TOLERANCE * chance**FOCUS * logsigmoid(-logits)
    wrong = -torch.where(right, hit, miss).sum() / number
    return wrong + BOXES * _box_loss(boxes_of(box_outputs), targets, away, is_object)


def boxes_of(box_outputs: Tensor) -> Tensor:
    """Boxes (N, H, W, 4) in pixels: left, top, right, bottom; from the box outputs of every cell (N, H, W, 4)."""
    middle = _middles(box_outputs.shape[1:3], box_outputs) + box_outputs[..., :2] * CELL
    half = box_outputs[..., 2:].clamp(-LIMIT, LIMIT).exp() * (USUAL * CELL / 2)
    return torch.cat([middle - half, middle + half], -1)


def detections_of(outputs: Tensor, most: int = MOST, faintest: float = FAINTEST) -> Detections:
    """The boxes at the peaks of each class: where no cell of the eight around has a higher score of that class.

    Args:
        outputs: (N, H, W, C + 4), as for `detection_loss`.
        most: boxes in an image, those with the highest scores.
        faintest: score that a box must have.
    """
    scores = outputs[..., :-4].sigmoid().permute(0, 3, 1, 2)
    peaks = (scores == max_pool2d(scores, 3, 1, 1)) & (scores >= faintest)
    peak_scores = torch.where(peaks, scores, 0.0).flatten(1)
    best, place = peak_scores.topk(min(most, peak_scores.shape[1]), dim=1)
    cells = scores.shape[2] * scores.shape[3]
    boxes = boxes_of(outputs[..., -4:]).flatten(1, 2)
    at = (place % cells)[..., None].expand(-1, -1, 4)
    return Detections(boxes.gather(1, at), best, place // cells)


def _box_loss(boxes: Tensor, targets: Tensor, away: Tensor, is_object: Tensor) -> Tensor:
    """Mean of 1 - GIoU over the cells near an object, of the nearest one; 0 where there are no objects."""
    distance = torch.where(is_object[:, None, None], away.abs().amax(-1), torch.inf)
    nearest = distance.argmin(-1, keepdim=True)  # (N, H, W, 1)
    near = (distance.gather(-1, nearest) <= 1).squeeze(-1)
    corners = targets[:, None, None, :, :4].expand(*distance.shape, 4)
    true_boxes = corners.gather(-2, nearest[..., None].expand(*nearest.shape, 4)).squeeze(-2)
    return (_lack(boxes, true_boxes) * near).sum() / near.sum().clamp(min=1)


def _lack(boxes: Tensor, true_boxes: Tensor) -> Tensor:
    """1 - GIoU of boxes (..., 4): 0 for equal ones, up to 2 for those far from each other."""
    low, high = torch.minimum(boxes, true_boxes), torch.maximum(boxes, true_boxes)
    common = (low[..., 2:] - high[..., :2]).clamp(min=0).prod(-1)
    hull = (high[..., 2:] - low[..., :2]).prod(-1).clamp(min=1e-6)
    union = sum((box[..., 2:] - box[..., :2]).prod(-1) for box in (boxes, true_boxes)) - common
    return 1 - common / union.clamp(min=1e-6) + (hull - union) / hull


def _away(targets: Tensor, grid: torch.Size) -> Tensor:
    """How far the middles of objects (N, M, 5) are from those of cells, in cells: across and down, (N, H, W, M, 2)."""
    middle = (targets[..., :2] + targets[..., 2:4]) / 2
    return (middle[:, None, None] - _middles(grid, targets)[:, :, None]) / CELL


def _middles(grid: torch.Size, like: Tensor) -> Tensor:
    """The middles of cells in pixels: across and down, (H, W, 2)."""
    rows, columns = ((torch.arange(n, device=like.device, dtype=like.dtype) + 0.5) * CELL for n in grid)
    return torch.stack(torch.broadcast_tensors(columns, rows[:, None]), -1)
