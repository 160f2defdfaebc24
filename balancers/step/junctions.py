"""Where the graphs of several losses meet, and which of the losses reach each node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge


class Junctions(NamedTuple):
    """The edges at which the graphs of several losses meet, and the tasks that reach each node.

    Example:
        >>> import torch
        >>> from balancers.step.junctions import find_junctions
        >>> point = torch.ones(2, requires_grad=True)
        >>> features = 2 * point
        >>> junctions = find_junctions([features.sum(), features.prod()])
        >>> [[edge.node.name() for edge in edges] for edges in junctions.entries]
        [['MulBackward0'], ['MulBackward0']]
        >>> junctions.tasks_of(point)
        [0, 1]
    """

    entries: list[list[GradientEdge]]  # task -> edges over which its own part of the graph ends at a common one
    reached_by: dict[Node, int]  # node -> the tasks that reach it: bit i stands for task i
    users: dict[Node, list[Node]]  # node -> nodes from which a gradient flows to it, once for each use
    common: list[Node]  # nodes of several losses, each before those that its gradient flows to

    def tasks_of(self, leaf: Tensor) -> list[int]:
        """The tasks whose losses depend on the leaf."""
        mask = self.reached_by.get(get_gradient_edge(leaf).node, 0)
        return [task for task in range(len(self.entries)) if mask >> task & 1]


def find_junctions(losses: Sequence[Tensor]) -> Junctions:
    """Walk the graphs of all losses once; a single loss meets itself, so that all of its graph is common.

    Example:
        >>> import torch
        >>> from balancers.step.junctions import find_junctions
        >>> point = torch.ones(2, requires_grad=True)
        >>> len(find_junctions([point.sum()]).common)  # the sum and the leaf
        2
    """
    roots = [get_gradient_edge(loss) if loss.requires_grad else None for loss in losses]
    order = _users_first([root.node for root in roots if root is not None])
    masks = dict.fromkeys(order, 0)
    users: dict[Node, list[Node]] = {node: [] for node in order}
    for task, root in enumerate(roots):
        if root is not None:
            masks[root.node] |= 1 << task
    for node in order:
        mask = masks[node]
        for child, _ in node.next_functions:
            if child is not None:
                masks[child] |= mask
                users[child].append(node)
    alone = {1 << task: task for task in range(len(losses))} if len(losses) > 1 else {}
    entries: list[dict[tuple[Node, int], None]] = [{} for _ in losses]
    for task, root in enumerate(roots):
        if root is not None and masks[root.node] not in alone:
            entries[task][root.node, root.output_nr] = None
    for node in order:
        task = alone.get(masks[node])
        if task is not None:
            for child, output in node.next_functions:
                if child is not None and masks[child] not in alone:
                    entries[task][child, output] = None
    edges = [[GradientEdge(node, output) for node, output in own] for own in entries]
    return Junctions(edges, masks, users, [node for node in order if masks[node] not in alone])


def is_kept(node: Node, name: str) -> bool:
    """Whether a node keeps a saved tensor itself: what hooks packed, as checkpoints do, can be unpacked once a pass.

    Example:
        >>> import torch
        >>> from balancers.step.junctions import is_kept
        >>> point = torch.ones(2, requires_grad=True)
        >>> with torch.autograd.graph.save_on_cpu():
        ...     packed = point.exp()
        >>> is_kept(point.exp().grad_fn, "result"), is_kept(packed.grad_fn, "result")
        (True, False)
    """
    saved = getattr(node, f"_raw_saved_{name}")
    return getattr(saved, "unpack_hook", "unknown to older versions of PyTorch") is None


def _users_first(roots: Sequence[Node]) -> list[Node]:
    """All nodes below the roots, each before the nodes that its gradient flows to."""
    order: list[Node] = []
    visited: set[Node] = set()
    pending = [(root, False) for root in roots]
    while pending:
        node, below_done = pending.pop()
        if below_done:
            order.append(node)
        elif node not in visited:
            visited.add(node)
            pending.append((node, True))
            pending.extend((child, False) for child, _ in node.next_functions if child is not None)
    return order[::-1]
