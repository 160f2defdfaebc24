"""Which axes of a state count tasks, the elements of a flat gradient, or the width of the representation."""

from __future__ import annotations

import typing
from functools import cache


def task_axes(state_type: type[tuple]) -> dict[str, tuple[int, ...]]:
    """For every field of a state, its axes that count tasks, from the end: those called ``K`` in its annotation.

    Example:
        >>> from balancers import Sizes, create
        >>> from balancers.step.state_axes import task_axes
        >>> task_axes(type(create("gradvac").init(Sizes(3))))  # one number for every pair of tasks
        {'targets': (-2, -1)}
    """
    return _axes(state_type, "K")


def element_axes(state_type: type[tuple]) -> dict[str, tuple[int, ...]]:
    """For every field of a state, its axes that have the length of a flat gradient: those called ``D``.

    Example:
        >>> from balancers import Sizes, create
        >>> from balancers.step.state_axes import element_axes
        >>> element_axes(type(create("moco").init(Sizes(3))))
        {'averages': (-1,), 'parts': (), 'steps': ()}
    """
    return _axes(state_type, "D")


def width_axes(state_type: type[tuple]) -> dict[str, tuple[int, ...]]:
    """For every field of a state, its axes as long as the shared representation is wide: those called ``M``.

    Example:
        >>> from balancers import Sizes, create
        >>> from balancers.step.state_axes import width_axes
        >>> width_axes(type(create("rotograd").init(Sizes(3))))["rotations"]
        (-2, -1)
    """
    return _axes(state_type, "M")


@cache
def _axes(state_type: type[tuple], letter: str) -> dict[str, tuple[int, ...]]:
    axes = {}
    for field, annotation in typing.get_type_hints(state_type).items():
        shape = getattr(annotation, "dim_str", None)
        if shape is None:
            raise ValueError(
                f'{state_type.__name__}.{field}: annotate its shape, as in Float[Tensor, "*B K"], K being the tasks'
            )
        dims = shape.split()
        axes[field] = tuple(i - len(dims) for i, dim in enumerate(dims) if dim == letter)
    return axes
