"""A suite with fewer training labels for some of its tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import torch
from torch import Tensor

from tasks.base import MultiTaskModel, Split, Splits, Suite, Task, check_tasks, seed_for


@dataclass(frozen=True)
class Starved(Suite):
    """``suite`` with a part of the training labels of some tasks: ``{"rating": 0.01}`` keeps one label in a hundred.

    The labelled examples of a starved task become a set of their own, so that the task has a whole batch in every step.
    All other tasks keep their examples. An example counts as labelled if any number in its target is a label. A larger
    fraction keeps all labels of a smaller one. Validation and test stay as they are. With a fraction of 1 the task has
    a set of its own as well, so that two fractions differ in the labels only.

    Raises:
        ValueError: an unknown task, or a fraction that is not above 0 and at most 1.
    """

    suite: Suite
    label_fraction: Mapping[str, float]

    separate = True

    def __post_init__(self) -> None:
        if not isinstance(self.label_fraction, Mapping):
            some = f"{{ {self.suite.tasks[0].name} = 0.1 }}"
            raise ValueError(f"label_fraction should name tasks, as in {some}, not be {self.label_fraction!r}")
        if not self.label_fraction:
            raise ValueError("label_fraction names no task; leave it out, or name one, as in { rating = 0.05 }")
        if not self.suite.generalises:
            raise ValueError(f"suite {self.suite.name!r} has no labels to take away; leave label_fraction out")
        check_tasks(self.suite, self.label_fraction)
        for task, fraction in self.label_fraction.items():
            if not isinstance(fraction, Real) or not 0 < fraction <= 1:
                raise ValueError(f"label_fraction of {task!r} must be above 0 and at most 1, not {fraction!r}")
        for attribute in ("name", "version", "digest", "summary"):
            # Attributes of a class, copied from the suite.
            object.__setattr__(self, attribute, getattr(self.suite, attribute))

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Those of the suite."""
        return self.suite.tasks

    @property
    def loss_scales(self) -> tuple[float, ...]:
        """Those of the suite."""
        return self.suite.loss_scales

    def load(self, data: Path | None = None) -> Splits:
        """The suite's data, with fewer training labels."""
        splits = self.suite.load(data)
        return splits._replace(train=starve(splits.train, self.label_fraction, self.tasks))

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """The suite's model."""
        return self.suite.build(seed, tasks)

    def read(self, user_input: str) -> dict[str, Tensor]:
        """The same as of the suite."""
        return self.suite.read(user_input)

    def answers(self, user_input: str, outputs: Mapping[str, Tensor]) -> dict[str, str]:
        """The same as of the suite."""
        return self.suite.answers(user_input, outputs)


def starve(split: Split, fractions: Mapping[str, float], of: Sequence[Task]) -> Split:
    """The examples of ``split`` for all other tasks, then for each starved task the examples whose label it keeps."""
    everywhere = torch.ones(len(split), dtype=torch.bool)
    tasks = [task.name for task in of]
    absent = {task.name: task.absent for task in of}
    present = {task: split.present.get(task, everywhere) for task in tasks}
    unstarved = torch.stack([mask for task, mask in present.items() if task not in fractions] or [~everywhere]).any(0)
    index = [torch.nonzero(unstarved).flatten()]
    masks_by_part = [present | dict.fromkeys(fractions, ~everywhere)]
    for task, fraction in fractions.items():
        labelled = torch.nonzero(present[task] & _labelled(split.targets[task], absent[task])).flatten()
        generator = torch.Generator().manual_seed(seed_for(f"label_fraction/{task}", 0))
        order = labelled[torch.randperm(len(labelled), generator=generator)]
        index.append(order[: math.ceil(fraction * len(order))])
        masks_by_part.append(dict.fromkeys(tasks, ~everywhere) | {task: everywhere})
    parts = zip(index, masks_by_part, strict=True)
    pieces = [{task: masks[task][rows] for task in tasks} for rows, masks in parts]
    taken = split.take(torch.cat(index))
    return Split(taken.inputs, taken.targets, {task: torch.cat([piece[task] for piece in pieces]) for task in tasks})


def _labelled(target: Tensor, absent: float | None) -> Tensor:
    """Which targets (N, ...) hold a label."""
    if absent is None:
        return torch.ones(len(target), dtype=torch.bool)
    return (target != absent).reshape(len(target), -1).any(1)
