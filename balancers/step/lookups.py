"""Embedding tables whose gradients are measured as one row per lookup instead of one per entry of the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Bool, Inexact, Int
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from balancers.step.junctions import Junctions, is_kept

LOOKUP = "EmbeddingBackward0"


class Lookups(NamedTuple):
    """A table and all edges of the graph over which gradients of its rows come in.

    Example:
        >>> import torch
        >>> from balancers.step.junctions import find_junctions
        >>> from balancers.step.lookups import find_lookups
        >>> words = torch.nn.Embedding(9, 2)
        >>> loss = words(torch.tensor([3, 3])).sum()
        >>> [lookups] = find_lookups(find_junctions([loss]), [words.weight])
        >>> [edge.node.name() for edge in lookups.edges]
        ['EmbeddingBackward0']
    """

    table: Tensor
    edges: list[GradientEdge]  # the gradient of each is (*indices, width)


def find_lookups(junctions: Junctions, shared: Sequence[Tensor]) -> list[Lookups]:
    """The shared tables that are used for lookups alone, all of them in the common part, fewer than they have rows.

    Example:
        >>> import torch
        >>> from balancers.step.junctions import find_junctions
        >>> from balancers.step.lookups import find_lookups
        >>> words = torch.nn.Embedding(9, 2)
        >>> tied = words(torch.tensor([3, 3])) @ words.weight.mT
        >>> find_lookups(find_junctions([tied.sum()]), [words.weight])  # also the matrix of a product
        []
    """
    lookups = {node for node in junctions.common if node.name() == LOOKUP}
    if not lookups:
        return []
    tables = [p for p in shared if not p._backward_hooks]
    users = {table: junctions.users.get(get_gradient_edge(table).node, []) for table in tables}
    return [
        Lookups(table, [GradientEdge(node, 0) for node in nodes])
        for table, nodes in users.items()
        if nodes
        and lookups.issuperset(nodes)
        and all(is_kept(node, "indices") for node in nodes)
        and _saves_memory(table, nodes)
    ]


def _saves_memory(table: Tensor, nodes: Sequence[Any]) -> bool:
    """Whether there are fewer lookups than rows, and each counts once however often its row is looked up."""
    by_frequency = any(node._saved_scale_grad_by_freq for node in nodes)
    return not by_frequency and sum(node._saved_indices.numel() for node in nodes) < len(table)


class Compaction(NamedTuple):
    """How the gradients of all lookups become rows whose inner products are those of the table's gradients.

    The sum over the lookups of one row of the table stands at one of them, and the others hold zeros: the number of
    different rows, which one would have to wait for, is not needed.

    Example:
        >>> import torch
        >>> from torch.autograd.graph import get_gradient_edge
        >>> from balancers.step.lookups import Lookups, compaction_of
        >>> words = torch.nn.Embedding(9, 2)
        >>> edge = get_gradient_edge(words(torch.tensor([3, 5, 3])))
        >>> compaction = compaction_of(Lookups(words.weight, [edge]))
        >>> rows = compaction.rows([torch.ones(1, 3, 2)])
        >>> sorted(rows.sum(-1).flatten().tolist())
        [0.0, 2.0, 4.0]
        >>> compaction.dense(rows[0])[3].tolist()
        [2.0, 2.0]
    """

    table: Tensor
    indices: Int[Tensor, "N"]  # the row of the table that each lookup takes
    place: Int[Tensor, "N"]  # the lookup at which the sum of all lookups of that row stands
    shapes: list[torch.Size]  # of the indices at each edge
    padding: list[Bool[Tensor, "..."] | None]  # for each edge, the lookups that have no gradient

    def rows(self, gradients: Sequence[Inexact[Tensor, "K ... W"] | None]) -> Inexact[Tensor, "K N W"]:
        """The rows, from the gradients at every edge of the lookups; none where no loss depends on an edge."""
        tasks = next(len(gradient) for gradient in gradients if gradient is not None)
        parts = []
        for gradient, shape, padding in zip(gradients, self.shapes, self.padding, strict=True):
            part = self.table.new_zeros(tasks, *shape, self.table.shape[1]) if gradient is None else gradient
            part = part if padding is None else part.masked_fill(padding[..., None], 0)
            parts.append(part.reshape(tasks, -1, self.table.shape[1]))
        stacked = torch.cat(parts, 1) if len(parts) > 1 else parts[0]
        wide = torch.promote_types(stacked.dtype, torch.float32)  # a frequent row is the sum of many lookups
        return torch.zeros_like(stacked, dtype=wide).index_add_(1, self.place, stacked.to(wide)).to(stacked.dtype)

    def dense(self, rows: Inexact[Tensor, "N W"]) -> Inexact[Tensor, "V W"]:
        """The gradient of the table that such rows stand for."""
        return torch.zeros_like(self.table, dtype=rows.dtype).index_add_(0, self.indices, rows)


def compaction_of(lookups: Lookups) -> Compaction:
    """The compaction of a table's lookups; the graph must not have been freed.

    Example:
        >>> import torch
        >>> from torch.autograd.graph import get_gradient_edge
        >>> from balancers.step.lookups import Lookups, compaction_of
        >>> words = torch.nn.Embedding(9, 2)
        >>> compaction_of(Lookups(words.weight, [get_gradient_edge(words(torch.tensor([3, 5])))])).indices.tolist()
        [3, 5]
    """
    table, nodes = lookups.table, [cast(Any, edge.node) for edge in lookups.edges]
    looked_up = [node._saved_indices.long() for node in nodes]
    # Without padding, it is -1 as an unsigned number.
    padding = [
        indices == node._saved_padding_idx if node._saved_padding_idx < len(table) else None
        for node, indices in zip(nodes, looked_up, strict=True)
    ]
    indices = torch.cat([each.reshape(-1) for each in looked_up])
    place = torch.empty(len(table), dtype=torch.long, device=indices.device)
    place[indices] = torch.arange(len(indices), device=indices.device)  # of equal rows, any one
    return Compaction(table.detach(), indices, place[indices], [each.shape for each in looked_up], padding)
