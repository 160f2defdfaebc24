"""Embedding tables whose gradients are measured as one row per lookup instead of one per entry of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Inexact
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from balancers.step.lean.junctions import Junctions, is_kept

LOOKUP = "EmbeddingBackward0"


class Lookups(NamedTuple):
    """A table and all edges of the graph over which gradients of its rows come in.

    Example:
        >>> import torch
        >>> from balancers.step.lean.junctions import find_junctions
        >>> from balancers.step.lean.lookups import find_lookups
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
        >>> from balancers.step.lean.junctions import find_junctions
        >>> from balancers.step.lean.lookups import find_lookups
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


def compact_rows(
    table: Tensor, gradients: Mapping[GradientEdge, Inexact[Tensor, "K *I W"]]
) -> Inexact[Tensor, "K N W"]:
    """The gradients of the N lookups, those of one row of the table summed: inner products are those at the table.

    The sum over the lookups of a row stands at one of them, and the others hold zeros: the number of different rows,
    which one would have to wait for, is not needed.

    Example:
        >>> import torch
        >>> from torch.autograd.graph import get_gradient_edge
        >>> from balancers.step.lean.lookups import compact_rows
        >>> words = torch.nn.Embedding(9, 2)
        >>> output = words(torch.tensor([3, 5, 3]))
        >>> rows = compact_rows(words.weight, {get_gradient_edge(output): torch.ones(1, 3, 2)})
        >>> sorted(rows.sum(-1).flatten().tolist())
        [0.0, 2.0, 4.0]
    """
    indices, parts = [], []
    for edge, gradient in gradients.items():
        node: Any = edge.node
        looked_up = node._saved_indices.reshape(-1).long()
        part = gradient.reshape(len(gradient), len(looked_up), -1)
        if node._saved_padding_idx < len(table):  # without padding, it is -1 as an unsigned number
            part = part.masked_fill((looked_up == node._saved_padding_idx)[:, None], 0)
        indices.append(looked_up)
        parts.append(part)
    rows, part = torch.cat(indices), torch.cat(parts, 1) if len(parts) > 1 else parts[0]
    place = torch.empty(len(table), dtype=torch.long, device=rows.device)
    place[rows] = torch.arange(len(rows), device=rows.device)  # of equal rows, any one
    return torch.zeros_like(part).index_add_(1, place[rows], part)
