"""Operations whose backward passes cannot run for all tasks at once: which one it was, and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor
from torch.autograd.graph import Node, get_gradient_edge


def unbatchable(
    error: Exception, again: Callable[[], object], nodes: Sequence[Node], shared: Sequence[Tensor]
) -> ValueError:
    """The error that names the operation at which a batched backward pass through ``nodes`` stopped.

    Example:
        >>> import torch
        >>> from balancers.step.lean.unbatchable import unbatchable
        >>> point = torch.ones(2, requires_grad=True)
        >>> loss = point.exp().sum()
        >>> nodes = [loss.grad_fn, loss.grad_fn.next_functions[0][0]]
        >>> again = lambda: torch.autograd.grad(loss, point, retain_graph=True)
        >>> unbatchable(RuntimeError("no rule"), again, nodes, [point])
        ValueError("memory='lean' runs the backward passes of all tasks as one, and ExpBackward0 does not allow it ...

    Args:
        error: raised by the pass.
        again: runs the pass once more.
        nodes: of the graph that the pass goes through.
        shared: the parameters that it goes to.
    """
    started: list[Node] = []
    handles = [node.register_prehook(lambda _, node=node: started.append(node)) for node in nodes]
    try:
        again()
    except Exception as repeated:
        error = repeated
    finally:
        for handle in handles:
            handle.remove()
    where = _nearest(started[-1], shared) if started else ""
    operation = started[-1].name() if started else "an operation"
    return ValueError(
        f"memory='lean' runs the backward passes of all tasks as one, and {operation} does not allow it{where}: "
        f"use memory='full', or write this operation so that torch.vmap can batch it ({_first_line(error)})"
    )


def _nearest(start: Node, shared: Sequence[Tensor]) -> str:
    """Which shared parameter is next on the way of a gradient from a node."""
    numbers = {get_gradient_edge(parameter).node: number for number, parameter in enumerate(shared, 1)}
    pending, visited = [start], {start}
    for node in pending:
        if node in numbers:
            number = numbers[node]
            shape = tuple(shared[number - 1].shape)
            return f" (the next parameter after it is number {number} of the {len(shared)} shared ones, shape {shape})"
        below = [child for child, _ in node.next_functions if child is not None and child not in visited]
        visited.update(below)
        pending.extend(below)
    return ""


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
