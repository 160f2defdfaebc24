"""Which cells can train together, and how many groups of them share the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from balancers import Need, Sizes, Weighting, create
from balancers.contract.evidence import WITHOUT_GRADIENTS
from balancers.wrappers.wrapper import Wrapper
from benchmarks.records.record import ROLES, Cell, Role

# Cells that agree in these can take their steps together: all fields that affect time or memory, but the method.
STEP = ROLES - {Role.LABEL, Role.METHOD, Role.POINT, Role.RATE, Role.REPETITION}
ACROSS_PLACES = WITHOUT_GRADIENTS | Need.GRAMIAN  # needs that replicas can measure at any place


def grouped(cells: Iterable[Cell], replicable: Callable[[Cell], bool], most: int, workers: int = 1) -> list[list[Cell]]:
    """Groups of at most ``most`` cells that can train together, in the order of their first cells.

    The cells of a group differ in seed, learning rate, method and hyperparameters alone, and their methods need the
    same of a step. If there are fewer groups than ``workers``, the largest are halved.
    """
    compatible: dict[Any, list[Cell]] = {}
    for number, cell in enumerate(cells):
        key = grouping_key(cell) if most > 1 and replicable(cell) and stackable(cell) else number
        compatible.setdefault(key, []).append(cell)
    groups = [
        together[start : start + most]
        for together in (sorted(cells, key=_neighbours) for cells in compatible.values())
        for start in range(0, len(together), most)
    ]
    while len(groups) < workers and (largest := max(groups, key=len, default=[])) and len(largest) > 1:
        position, middle = groups.index(largest), len(largest) // 2
        groups[position : position + 1] = [largest[:middle], largest[middle:]]
    return groups


def _neighbours(cell: Cell) -> tuple[str, str]:
    """A sort key that puts cells with the same method side by side, so that it finds their weights in one call."""
    return cell.row, repr(sorted(cell.hyperparameters.items()))


def grouping_key(cell: Cell) -> tuple[object, ...]:
    """A key that is equal for cells that can train together."""
    method = _method(cell)
    # A wrapped method may need less in some steps than in others; those wrapped alike do so in the same steps.
    return cell.facts(STEP), method.needs, cell.balancer if isinstance(method, Wrapper) else ""


def _method(cell: Cell) -> Weighting:
    return create(cell.balancer, **cell.hyperparameters)


def stackable(cell: Cell) -> bool:
    """Whether a cell's method can run on replicas.

    A method cannot if it stands between encoder and heads, if TorchJD keeps its memory, or if it looks at more than
    losses and a Gramian and its place is not the usual one, "shared".
    """
    method, tasks = _method(cell), len(cell.tasks)
    if method.needs & ~ACROSS_PLACES and (cell.place != "shared" or cell.heads == "weighted"):
        return False
    try:
        state = method.init(Sizes(tasks, batch=(2,)))
    except ValueError:
        return False
    return method.adapt(torch.zeros(1, 1), method.init(Sizes(tasks, width=1))) is None and state is not None
