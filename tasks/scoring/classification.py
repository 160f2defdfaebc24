"""Classification: the accuracy of logits over classes, and the answer for one example in words."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from tasks.contract import Metric, mean_metric


def accuracy(name: str = "accuracy") -> Metric:
    """Share of examples whose largest logit (N, C) is at the target (N,)."""
    return mean_metric(name, 1.0, lambda outputs, targets: outputs.argmax(-1) == targets, higher_is_better=True)


def likeliest(logits: Tensor, names: Sequence[str]) -> str:
    """The class with the largest of the logits (C,), with its probability according to the model."""
    probability, best = logits.detach().softmax(-1).max(-1)
    return f"{names[int(best)]} ({float(probability):.0%})"
