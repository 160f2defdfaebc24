"""What the outputs of one example say in words."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def likeliest(logits: Tensor, names: Sequence[str]) -> str:
    """The class with the largest of the logits (C,), and how likely the model takes it to be."""
    chance, best = logits.detach().softmax(-1).max(-1)
    return f"{names[int(best)]} ({float(chance):.0%})"
