"""Scores of the tasks on validation data, as users pass them: checked, in the order of the tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, SupportsFloat

import torch
from jaxtyping import Float, Int
from torch import Tensor

from balancers.naming.suggest import nearest
from balancers.step.errors import NonFiniteError

Scores = Tensor | Sequence[float | None] | Mapping[str, float]  # of the tasks, as users pass them


class ScoredTasks(NamedTuple):
    """The scores of some tasks, in float64, and the positions of these tasks among all.

    Example:
        >>> from balancers.step.scores import collect_scores
        >>> collect_scores([5.0, None, -3.0], ("a", "b", "c")).scored.tolist()
        [0, 2]
    """

    values: Float[Tensor, "P"]
    scored: Int[Tensor, "P"]


def collect_scores(scores: Scores, tasks: tuple[str, ...]) -> ScoredTasks:
    """The scores of the tasks that have one, checked.

    Example:
        >>> from balancers.step.scores import collect_scores
        >>> collect_scores({"b": -3.0}, ("a", "b"))
        ScoredTasks(values=tensor([-3.], dtype=torch.float64), scored=tensor([1]))

    Raises:
        NonFiniteError: a score is NaN or infinite.
        ValueError: names or numbers do not match the tasks, or there is no score.
    """
    if isinstance(scores, Mapping):
        for name in scores:
            if name not in tasks:
                raise ValueError(f"there is a score for {name!r}, which is no task here{nearest(name, tasks)}")
        entries = [scores.get(task) for task in tasks]
    else:
        entries = scores.tolist() if isinstance(scores, Tensor) else scores
        if not isinstance(entries, Sequence) or isinstance(entries, str):
            raise ValueError(f"expected {len(tasks)} scores, one per task, or a mapping by task name, got {scores!r}")
    if len(entries) != len(tasks):
        raise ValueError(f"expected {len(tasks)} scores, one per task, got {len(entries)}; None stands for no score")
    for task, entry in zip(tasks, entries, strict=True):
        if entry is not None and not isinstance(entry, SupportsFloat):
            raise ValueError(f"expected the score of task {task!r} to be a number, got {entry!r}")
    values = {position: float(entry) for position, entry in enumerate(entries) if entry is not None}
    if not values:
        raise ValueError("there is no score for any task: pass the score of at least one")
    for position, value in values.items():
        if not math.isfinite(value):
            raise NonFiniteError(f"the score of task {tasks[position]!r} is {value}; the state is as it was")
    return ScoredTasks(torch.tensor(list(values.values()), dtype=torch.float64), torch.tensor(list(values)))
