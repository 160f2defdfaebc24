"""The arguments of users, checked: task names, lower bounds, and the losses of the tasks that are present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from balancers.naming.suggest import nearest

Losses = Tensor | Sequence[Tensor | None] | Mapping[str, Tensor]  # of all tasks, as users pass them


class Step(NamedTuple):
    """The losses of the tasks that are present, and their positions among all tasks.

    Example:
        >>> import torch
        >>> from balancers.step.inputs import collect
        >>> losses = torch.ones(2, requires_grad=True).unbind()
        >>> collect([losses[0], None, losses[1]], ("a", "b", "c"), None).present.tolist()
        [0, 2]
    """

    losses: list[Tensor]  # scalars with a graph
    present: Int[Tensor, "P"]  # in main memory


def task_names(tasks: int | Sequence[str]) -> tuple[str, ...]:
    """Names of the tasks: those given, or "0", "1", ... for a number.

    Example:
        >>> from balancers.step.inputs import task_names
        >>> task_names(2), task_names(["depth", "normals"])
        (('0', '1'), ('depth', 'normals'))

    Raises:
        ValueError: there is no task, or two have one name.
    """
    if isinstance(tasks, str):
        raise ValueError(f"tasks is the string {tasks!r}: pass a list of names, or how many tasks there are")
    names = tuple(str(i) for i in range(tasks)) if isinstance(tasks, int) else tuple(tasks)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"expected at least one task and no name twice, got {list(names)}")
    return names


def per_task(what: str, values: Sequence[float] | Mapping[str, float], tasks: tuple[str, ...]) -> tuple[float, ...]:
    """One value per task in the order of the tasks, from a sequence or a mapping by name.

    Example:
        >>> from balancers.step.inputs import per_task
        >>> per_task("weights", {"b": 2.0, "a": 1.0}, ("a", "b"))
        (1.0, 2.0)

    Raises:
        ValueError: there are not exactly as many values as tasks, or other names.
    """
    if isinstance(values, Mapping):
        if set(values) != set(tasks):
            raise ValueError(f"{what}: expected one value for each of {list(tasks)}, got {sorted(values)}")
        return tuple(values[task] for task in tasks)
    if not isinstance(values, Sequence):
        raise ValueError(f"{what}: expected one value per task, or a mapping by task name, got {values!r}")
    if len(values) != len(tasks):
        raise ValueError(f"{what}: expected {len(tasks)} values, one per task, got {len(values)}")
    return tuple(values)


def position_of(what: str, task: str | int, tasks: tuple[str, ...]) -> int:
    """The position of a task among all, from its name or from the position itself.

    Example:
        >>> from balancers.step.inputs import position_of
        >>> position_of("primary", "b", ("a", "b"))
        1

    Raises:
        ValueError: there is no task of that name.
    """
    if not isinstance(task, str):
        return task
    if task not in tasks:
        raise ValueError(f"{what}: there is no task {task!r}{nearest(task, tasks)}")
    return tasks.index(task)


def lower_bounds_of(bounds: Sequence[float] | Mapping[str, float] | None, tasks: tuple[str, ...]) -> tuple[float, ...]:
    """The lower bounds of all losses, 0 for those that a mapping does not name.

    Example:
        >>> from balancers.step.inputs import lower_bounds_of
        >>> lower_bounds_of({"b": -1.0}, ("a", "b"))
        (0.0, -1.0)

    Raises:
        ValueError: there are not exactly as many as tasks, or a name is no task's.
    """
    if bounds is None or isinstance(bounds, Mapping):
        for name in bounds or {}:
            if name not in tasks:
                raise ValueError(f"lower_bounds: there is no task {name!r}{nearest(name, tasks)}")
        bounds = dict.fromkeys(tasks, 0.0) | dict(bounds or {})
    return per_task("lower_bounds", bounds, tasks)


def collect(
    losses: Losses, tasks: tuple[str, ...], present: Tensor | Sequence[bool] | None, *, graph: bool = True
) -> Step:
    """The losses of the present tasks, checked; ``graph`` says whether they must have one.

    Example:
        >>> import torch
        >>> from balancers.step.inputs import collect
        >>> loss = torch.ones((), requires_grad=True)
        >>> collect({"b": loss}, ("a", "b"), present=None).present.tolist()  # task a is absent
        [1]

    Raises:
        ValueError: names or numbers do not match the tasks, no task is present, or a loss is no scalar with a graph.
    """
    entries = _by_name(losses, tasks) if isinstance(losses, Mapping) else _by_position(losses, len(tasks))
    if present is not None:
        flags = [bool(flag) for flag in (present.tolist() if isinstance(present, Tensor) else present)]
        if len(flags) != len(tasks):
            raise ValueError(f"present has {len(flags)} entries for {len(tasks)} tasks")
        if isinstance(losses, Tensor) and not all(flags):
            raise ValueError(
                "losses in one tensor share a graph, in which an absent task could still disturb the others: "
                "pass them as a list or a mapping"
            )
        entries = [entry if flag else None for entry, flag in zip(entries, flags, strict=True)]
    positions = [i for i, entry in enumerate(entries) if entry is not None]
    if not positions:
        raise ValueError("no task is present in this batch: skip the step")
    chosen = [_checked(entry, tasks[i], graph) for i, entry in enumerate(entries) if entry is not None]
    return Step(chosen, _tensor_of(tuple(positions)))


@lru_cache
def _tensor_of(positions: tuple[int, ...]) -> Int[Tensor, "P"]:
    return torch.tensor(positions, device="cpu")


def _by_name(losses: Mapping[str, Tensor], tasks: tuple[str, ...]) -> list[Tensor | None]:
    for name in losses:
        if name not in tasks:
            raise ValueError(f"there is a loss for {name!r}, which is no task of this balancer{nearest(name, tasks)}")
    return [losses.get(task) for task in tasks]


def _by_position(losses: Tensor | Sequence[Tensor | None], count: int) -> list[Tensor | None]:
    if isinstance(losses, Tensor) and losses.dim() != 1:
        raise ValueError(f"expected losses of shape ({count},), one scalar per task, got {tuple(losses.shape)}")
    if len(losses) != count:
        raise ValueError(f"expected {count} losses, one per task, got {len(losses)}; an absent task's entry is None")
    if isinstance(losses, Tensor):
        return list(losses.unbind())
    return list(losses)


def _checked(loss: Tensor, task: str, graph: bool) -> Tensor:
    if not isinstance(loss, Tensor):
        raise ValueError(f"the loss of task {task!r} is a {type(loss).__name__}: pass the tensor, not its value")
    if loss.numel() != 1:
        raise ValueError(f"the loss of task {task!r} has shape {tuple(loss.shape)}: reduce it to a scalar first")
    if graph and not loss.requires_grad:
        raise ValueError(f"the loss of task {task!r} has no graph: was it detached, or computed under no_grad?")
    return loss.reshape(()) if loss.dim() else loss
