"""Large embedding tables in a step: their gradients are measured as one row per lookup, not one per entry."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.autograd.graph import GradientEdge

from balancers.step.junctions import find_junctions
from balancers.step.lookups import Compaction, compaction_of, find_lookups

LARGE = 1 << 20  # elements of a table; below, a walk through the graph costs more than it saves


class LookedUp:
    """The shared tables that are large and used for lookups alone, and how their gradients are asked for.

    Example:
        >>> import torch
        >>> from balancers.step.tables import LookedUp
        >>> words = torch.nn.Embedding(30_000, 64)
        >>> loss = words(torch.tensor([3, 5, 3])).sum()
        >>> tables = LookedUp([loss], [words.weight])
        >>> [tuple(stand_in.shape) for stand_in in tables.stand_ins([words.weight])]
        [(3, 64)]
    """

    def __init__(self, losses: Sequence[Tensor], shared: Sequence[Tensor]) -> None:
        self._compactions: dict[int, Compaction] = {}
        self._edges: dict[int, list[GradientEdge]] = {}
        if any(parameter.dim() == 2 and parameter.numel() >= LARGE for parameter in shared):
            positions = {parameter: i for i, parameter in enumerate(shared)}
            for lookups in find_lookups(find_junctions(losses), shared):
                if lookups.table.numel() >= LARGE:
                    i = positions[lookups.table]
                    self._compactions[i], self._edges[i] = compaction_of(lookups), lookups.edges

    def stand_ins(self, shared: Sequence[Tensor]) -> list[Tensor]:
        """The shared tensors; each table is replaced by a tensor with a row per lookup, which takes no memory."""
        return [self._stand_in(i, tensor) for i, tensor in enumerate(shared)]

    def _stand_in(self, i: int, tensor: Tensor) -> Tensor:
        if i not in self._compactions:
            return tensor
        return tensor.detach().new_zeros(()).expand(len(self._compactions[i].indices), tensor.shape[1])

    def inputs(self, shared: Sequence[Tensor]) -> tuple[Tensor | GradientEdge, ...]:
        """What to ask gradients of: the shared tensors that are no such tables, then all edges of the lookups."""
        others = [tensor for i, tensor in enumerate(shared) if i not in self._edges]
        return (*others, *(edge for edges in self._edges.values() for edge in edges))

    def row(self, gradients: Sequence[Tensor | None], count: int) -> list[Tensor | None]:
        """The gradients at the stand-ins of ``count`` shared tensors, from those of the inputs."""
        others = iter(gradients[: count - len(self._edges)])
        of_edges = iter(gradients[count - len(self._edges) :])
        looked_up = {i: [next(of_edges) for _ in edges] for i, edges in self._edges.items()}
        return [self._rows(i, looked_up[i]) if i in looked_up else next(others) for i in range(count)]

    def _rows(self, i: int, gradients: Sequence[Tensor | None]) -> Tensor | None:
        if all(gradient is None for gradient in gradients):
            return None
        return self._compactions[i].rows([None if part is None else part[None] for part in gradients])[0]

    def dense(self, update: Sequence[Tensor | None]) -> list[Tensor | None]:
        """The update at the shared tensors, from that at their stand-ins."""
        return [
            self._compactions[i].dense(part) if i in self._compactions and part is not None else part
            for i, part in enumerate(update)
        ]
