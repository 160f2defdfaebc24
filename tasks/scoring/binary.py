"""Binary classification: losses and metrics of one logit per example."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from tasks.contract import Metric


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean binary cross-entropy of logits (N,) with truth values (N,)."""
    return binary_cross_entropy_with_logits(outputs, targets.to(outputs.dtype))


def logistic_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of logits (N,) over the targets (N,) that are 0 or 1; 0 if there are none."""
    labelled = (targets >= 0).to(outputs)
    losses = binary_cross_entropy_with_logits(outputs, targets.clamp(min=0), reduction="none")
    return (losses * labelled).sum() / labelled.sum().clamp(min=1)


def f1(name: str = "f1") -> Metric:
    """Harmonic mean of precision and recall of "yes"; 0 if no "yes" is right."""
    return Metric(name, 1.0, True, counts, lambda n: 2 * n[3] / (2 * n[3] + n[1] + n[2]).clamp(min=1))


def binary_accuracy(name: str = "accuracy") -> Metric:
    """Share of right answers."""
    return Metric(name, 1.0, True, counts, lambda n: (n[0] + n[3]) / n.sum())


def balanced_accuracy(name: str = "balanced_accuracy") -> Metric:
    """Mean of the shares of right answers where "no" is right and where "yes" is: one half for any constant answer."""

    def value(n: Tensor) -> Tensor:
        right, all_ = torch.stack([n[0], n[3]]), torch.stack([n[0] + n[1], n[2] + n[3]])
        return (right / all_)[all_ > 0].mean()

    return Metric(name, 1.0, True, counts, value)


def counts(outputs: Tensor, targets: Tensor) -> Tensor:
    """How many are rightly "no", wrongly "yes", wrongly "no", rightly "yes"; shape (4,). A logit above 0 is a "yes"."""
    return torch.bincount(2 * targets.long() + (outputs > 0).long(), minlength=4).double()
