"""Answers in words, from the outputs of one example."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def likeliest(logits: Tensor, names: Sequence[str]) -> str:
    """The class with the largest of the logits (C,), with its probability according to the model."""
    chance, best = logits.detach().softmax(-1).max(-1)
    return f"{names[int(best)]} ({float(chance):.0%})"
