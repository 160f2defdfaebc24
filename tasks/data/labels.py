"""Labels in targets: the numbers that mean "no label", the order of labels of spans, and the padding of sequences."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

ABSENT = -100  # in a target of numbers or sequences: no label, or none is asked for
UNLABELLED = -1  # in a map of classes: the pixel has no class
OUTSIDE = 0  # the label of a word that is part of nothing


def bio_labels(kinds: Sequence[str]) -> tuple[str, ...]:
    """``O``, then ``B-`` and ``I-`` of every kind: the order that `span_scores` expects."""
    return ("O", *(f"{place}-{kind}" for kind in kinds for place in "BI"))


def to_the_front(labels: Tensor) -> Tensor:
    """Labels (N, L) in the same order, with every `ABSENT` moved behind them."""
    return labels.gather(1, (labels == ABSENT).long().argsort(dim=1, stable=True))
