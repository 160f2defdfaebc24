"""Compute in epochs of the single-task baseline: what a multi-task step costs, and what equal compute is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.analysis.scores import forwards_per_step
from benchmarks.records.record import Record

ROUNDING = 1e-9  # epochs: what arithmetic adds to a whole number is no further epoch


def relative_cost(method: Sequence[Record], baseline: Sequence[Record], forward: float) -> float:
    """What a multi-task step of a method costs in steps of a single-task baseline.

    Both steps are measured in forward passes of their own runs, as costs are everywhere, because a machine's speed
    drifts. A multi-task forward pass computes the heads and losses of all tasks: it is not the baseline's.

    Args:
        method: the runs of the method on a suite.
        baseline: the single-task runs of one of its tasks.
        forward: what a multi-task forward pass takes in single-task ones; see `benchmarks.studies.finetuning.forwards`.
    """
    return forwards_per_step(method) * forward / forwards_per_step(baseline)


def further_epochs(cost: float, trained: float, more: int) -> int:
    r"""Epochs that the single-task model goes on for: :math:`\max(F, \lceil F + (c - 1) E \rceil)`.

    A multi-task training of E epochs and a fine-tuning of F cost :math:`c E + F`, of which the single-task model has
    had E.

    Args:
        cost: c, what a multi-task step costs in single-task steps.
        trained: E, the epochs of both trainings.
        more: F, the epochs of fine-tuning.

    Raises:
        ValueError: the cost is not known.
    """
    if not math.isfinite(cost):
        raise ValueError("the time of a step is not known, so that there is no equal compute; run the protocol again")
    return max(more, math.ceil(more + (cost - 1) * trained - ROUNDING))
