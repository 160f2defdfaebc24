"""Compute of a training step, counted in passes through the encoder: the same on every machine."""

from __future__ import annotations

from balancers.contract.weighting import Need, Weighting

FORWARD, BACKWARD = 1, 2  # a backward pass computes gradients of parameters and of what they act on
BATCHES = 3  # of a step that looks at two batches beside its own


def relative_compute(method: Weighting, place: str, tasks: int) -> float:
    """Compute of a step relative to a step of equal weights, which takes a forward and a backward pass.

    A method that measures gradients at all shared parameters takes a backward pass per task. Passes that end at the
    last shared layer or at the representation are short and count as nothing, as do heads and the computation
    of weights.
    """
    plain = FORWARD + BACKWARD
    whole = FORWARD + (tasks * BACKWARD if place == "shared" else BACKWARD)
    if Need.CROSS_GRAMIAN in method.needs:
        full = BATCHES * whole
    elif method.needs & (Need.GRAMIAN | Need.GRADIENTS):
        full = whole
    else:
        full = plain
    if Need.LOSSES_AFTER in method.needs:
        full += FORWARD
    return (full + (method.interval - 1) * plain) / method.interval / plain
