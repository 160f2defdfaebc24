"""Backward passes through what one loss alone depends on, down to where the graphs of several losses meet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge

from balancers.step.junctions import Junctions
from balancers.step.lean.total import GramianSum
from balancers.step.lean.unbatched import Rows


def to_junctions(losses: Sequence[Tensor], junctions: Junctions, total: GramianSum) -> dict[GradientEdge, Rows]:
    """The gradients (K, ...) that come from each loss's own part of the graph, at every junction.

    Parameters that one loss alone reaches are on the way: their gradients are added to ``total``.

    Example:
        >>> import torch
        >>> from balancers.step.junctions import find_junctions
        >>> from balancers.step.lean.own import to_junctions
        >>> from balancers.step.lean.total import GramianSum
        >>> point = torch.ones(2, requires_grad=True)
        >>> features = 2 * point
        >>> losses = [features.sum(), (3 * features).prod()]
        >>> junctions = find_junctions(losses)
        >>> [rows] = to_junctions(losses, junctions, GramianSum(junctions, [point], None)).values()
        >>> rows.tolist()
        [[1.0, 1.0], [18.0, 18.0]]
    """
    gradients: dict[GradientEdge, dict[int, Tensor]] = {}
    nested: dict[frozenset[GradientEdge], bool] = {}
    common = set(junctions.common)
    for task, (loss, entries) in enumerate(zip(losses, junctions.entries, strict=True)):
        nodes = [get_gradient_edge(p).node for p, tasks in total.tasks_of.items() if tasks == [task]]
        own = [GradientEdge(node, 0) for node in nodes if node not in common]
        if not entries and not own:
            continue
        key = frozenset(entries)
        if key not in nested:
            nested[key] = _one_below_another(entries)
        at_entries, at_own = (
            _direct_gradients(loss, entries, own, junctions) if nested[key] else _gradients(loss, entries, own)
        )
        for edge, gradient in zip(entries, at_entries, strict=True):
            if gradient is not None:
                gradients.setdefault(edge, {})[task] = _dense(gradient)
        for gradient in at_own:
            if gradient is not None:
                total.add_row(task, _dense(gradient))
    return {edge: _stacked(gradients.pop(edge), len(losses)) for edge in list(gradients)}


Pair = tuple[list[Tensor | None], list[Tensor | None]]  # gradients at junctions, and at parameters of one loss alone


def _gradients(loss: Tensor, entries: list[GradientEdge], own: list[GradientEdge]) -> Pair:
    parts = torch.autograd.grad(loss, [*entries, *own], retain_graph=True, allow_unused=True)
    return list(parts[: len(entries)]), list(parts[len(entries) :])


def _direct_gradients(loss: Tensor, entries: list[GradientEdge], own: list[GradientEdge], junctions: Junctions) -> Pair:
    """Gradients at junctions without what comes from the junctions above them, over the common part.

    The nodes just above the junctions give their gradients to a hook, which lets nothing pass.
    """
    direct: dict[tuple[Node, int], Tensor] = {}
    keys = [(edge.node, edge.output_nr) for edge in entries]

    def stop(node: Node, gradients: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        passed_on = list(gradients)
        for place, (child, gradient) in enumerate(zip(node.next_functions, gradients, strict=True)):
            if child in keys and gradient is not None:
                so_far = direct.get(child)  # pyright: ignore[reportArgumentType]
                direct[child] = gradient if so_far is None else so_far + gradient  # pyright: ignore
                passed_on[place] = None
        return tuple(passed_on)

    mask = junctions.reached_by[get_gradient_edge(loss).node]
    above = {node for node, _ in keys for node in junctions.users[node] if junctions.reached_by[node] == mask}
    handles = [node.register_hook(lambda gradients, _, node=node: stop(node, gradients)) for node in above]
    try:
        _, at_own = _gradients(loss, entries, own)
    finally:
        for handle in handles:
            handle.remove()
    return [direct.get(key) for key in keys], at_own


def _one_below_another(edges: Sequence[GradientEdge]) -> bool:
    """Whether a gradient flows from one of the edges to another."""
    targets = {edge.node for edge in edges}
    pending, visited = list(targets), set(targets)
    while len(targets) > 1 and pending:
        for child, _ in pending.pop().next_functions:
            if child in targets:
                return True
            if child is not None and child not in visited:
                visited.add(child)
                pending.append(child)
    return False


def _dense(gradient: Tensor) -> Tensor:
    return gradient.to_dense() if gradient.is_sparse else gradient


def _stacked(rows: dict[int, Tensor], tasks: int) -> Rows:
    """The rows of all tasks: zeros where one has none."""
    example = next(iter(rows.values()))
    zeros = example.new_zeros(()).expand_as(example)
    return torch.stack([rows.get(task, zeros) for task in range(tasks)])
