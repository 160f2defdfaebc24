"""Labels at some places of a sequence: cross-entropy, perplexity and accuracy over the places that have one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tasks.contract import Metric
from tasks.data.labels import ABSENT


def cross_entropy_where_labelled(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of logits (N, T, C) over the places with a label in ``targets`` (N, T); 0 if there is none."""
    return _surprise(outputs, targets) / (targets != ABSENT).sum().clamp(min=1)


def perplexity(name: str = "perplexity") -> Metric:
    """Exponential of the mean cross-entropy of logits (N, T, C) over the places with a label in targets (N, T)."""

    def collect(outputs: Tensor, targets: Tensor) -> Tensor:
        return torch.stack([_surprise(outputs.double(), targets), (targets != ABSENT).sum().double()])

    return Metric(name, 1.0, False, collect, lambda total: (total[0] / total[1]).exp())


def accuracy_where_labelled(name: str = "accuracy") -> Metric:
    """Share of the labels in targets (N, T) that have the largest logit (N, T, C); 0 if there is none."""

    def collect(outputs: Tensor, targets: Tensor) -> Tensor:
        right = (outputs.argmax(-1) == targets).sum()  # never where there is no label: no class is called ABSENT
        return torch.stack([right, (targets != ABSENT).sum()]).double()

    return Metric(name, 1.0, True, collect, lambda total: total[0] / total[1].clamp(min=1))


def _surprise(outputs: Tensor, targets: Tensor) -> Tensor:
    return cross_entropy(outputs.flatten(0, 1), targets.flatten(), ignore_index=ABSENT, reduction="sum")
