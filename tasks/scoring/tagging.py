"""Metrics of tasks with a label for every word of a sentence: F1, precision and recall of labels and of spans.

Outputs are logits (N, W, C), targets (N, W) with `ABSENT` where there is no word, or where a word is not asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from tasks.contract import Metric
from tasks.data.labels import ABSENT, OUTSIDE


def label_scores() -> tuple[Metric, ...]:
    """F1, precision and recall of all labels but `OUTSIDE`: a word counts if it has the right one."""

    def collect(outputs: Tensor, targets: Tensor) -> Tensor:
        predicted = outputs.argmax(-1).where(targets != ABSENT, OUTSIDE)
        correct = (predicted == targets) & (predicted != OUTSIDE)
        return torch.stack([correct.sum(), (predicted != OUTSIDE).sum(), (targets > OUTSIDE).sum()]).double()

    return _scores(collect)


def span_scores() -> tuple[Metric, ...]:
    """F1, precision and recall of spans in `bio_labels`: one counts if its first word, last word and kind are right.

    As in CoNLL-2003, a span begins at every B, and at an I that does not continue a span of its kind.
    """

    def collect(outputs: Tensor, targets: Tensor) -> Tensor:
        predicted = _spans(outputs.argmax(-1).where(targets != ABSENT, OUTSIDE))
        true = _spans(targets.clamp(min=OUTSIDE))
        correct = (predicted == true) & (true >= 0)
        return torch.stack([correct.sum(), (predicted >= 0).sum(), (true >= 0).sum()]).double()

    return _scores(collect)


def spans(labels: Sequence[int]) -> list[tuple[int, int, int]]:
    """First word, last word and kind (its place in what `bio_labels` was given) of every span of one sentence."""
    codes = _spans(torch.tensor([labels], dtype=torch.long))[0].tolist()
    return [(first, code % len(labels), code // len(labels)) for first, code in enumerate(codes) if code >= 0]


def _spans(labels: Tensor) -> Tensor:
    """At the first word of every span a number that tells its last word and its kind, elsewhere -1; (N, W)."""
    kind = (labels - 1).div(2, rounding_mode="floor")  # -1 outside
    previous = torch.cat([kind.new_full((len(kind), 1), -1), kind[:, :-1]], 1)
    begins = (kind >= 0) & ((labels % 2 == 1) | (kind != previous))
    goes_on = torch.cat([((kind >= 0) & ~begins)[:, 1:], begins.new_zeros(len(kind), 1)], 1)
    words = labels.shape[1]
    last = torch.arange(words, device=labels.device).where(~goes_on, words)  # a last word after every first one
    last = last.flip(1).cummin(1).values.flip(1)
    return (kind * words + last).where(begins, -1)


def _scores(collect: Callable[[Tensor, Tensor], Tensor]) -> tuple[Metric, ...]:
    """The three metrics from the counts of correct, predicted and true labels or spans."""
    values: dict[str, Callable[[Tensor], Tensor]] = {
        "f1": lambda counts: 2 * counts[0] / (counts[1] + counts[2]).clamp(min=1),
        "precision": lambda counts: counts[0] / counts[1].clamp(min=1),
        "recall": lambda counts: counts[0] / counts[2].clamp(min=1),
    }
    return tuple(Metric(name, 1.0, True, collect, value) for name, value in values.items())
