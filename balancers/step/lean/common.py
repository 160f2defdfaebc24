"""The batched backward pass through the part of the graph that several losses have in common."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from balancers.step.junctions import Junctions
from balancers.step.lean.products import Product, find_products, slices_of
from balancers.step.lean.total import GramianSum
from balancers.step.lean.unbatchable import unbatchable
from balancers.step.lean.unbatched import Rows, hand_over
from balancers.step.lookups import Lookups, compaction_of, find_lookups

# The fallback is exact: it runs the operation for one task after the other.
SLOW = "There is a performance drop because we have not yet implemented the batching rule"


def through_common(junctions: Junctions, seeds: dict[GradientEdge, Rows], total: GramianSum) -> None:
    """Add what one batched backward pass brings from the junctions to the shared parameters.

    Example:
        >>> import torch
        >>> from balancers.step.lean.common import through_common
        >>> from balancers.step.junctions import find_junctions
        >>> from balancers.step.lean.total import GramianSum
        >>> point = torch.ones(2, requires_grad=True)
        >>> features = 2 * point
        >>> junctions = find_junctions([features[0], features[1]])
        >>> total = GramianSum(junctions, [point], None)
        >>> through_common(junctions, {junctions.entries[0][0]: torch.tensor([[1.0, 0.0], [0.0, 1.0]])}, total)
        >>> total.gramian.tolist()
        [[4.0, 0.0], [0.0, 4.0]]

    Args:
        junctions: of the losses.
        seeds: at every junction, the gradients (K, ...) of all losses.
        total: gets the inner products of the rows.

    Raises:
        ValueError: an operation cannot run for all tasks at once.
    """
    routes = _routes(junctions, total)
    edges = [edge for lookups in routes.lookups for edge in lookups.edges]
    inputs = [*map(get_gradient_edge, routes.whole), *edges]
    looked_up: dict[GradientEdge, Rows] = {}

    def backward(*stacks: Tensor) -> Tensor:
        gradients = _grad(list(seeds), inputs, list(stacks))
        for edge, gradient in zip(edges, gradients[len(routes.whole) :], strict=True):
            if gradient is not None:
                hand_over(gradient, lambda rows, edge=edge: looked_up.update({edge: rows}))
        return stacks[0].new_zeros(())  # vmap asks for a result

    def batched() -> None:
        with _hooks(routes, total), warnings.catch_warnings():
            warnings.filterwarnings("ignore", SLOW)
            torch.vmap(backward, randomness="same")(*seeds.values())

    try:
        batched()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        _grad(list(seeds), inputs, [rows[0] for rows in seeds.values()])  # raises what is wrong for one task, too
        raise unbatchable(error, batched, junctions.common, list(total.tasks_of)) from error
    for lookups in routes.lookups:
        rows = [looked_up.pop(edge, None) for edge in lookups.edges]
        if any(row is not None for row in rows):
            total.add(lookups.table, compaction_of(lookups).rows(rows))


def _grad(
    outputs: Sequence[GradientEdge], inputs: Sequence[GradientEdge], seeds: Sequence[Tensor]
) -> tuple[Tensor | None, ...]:
    return torch.autograd.grad(outputs, inputs, seeds, retain_graph=True, allow_unused=True)


class _Routes(NamedTuple):
    """How the gradients at each shared parameter that a loss reaches are measured."""

    whole: list[Tensor]  # as autograd gives them
    lookups: list[Lookups]
    products: list[Product]


def _routes(junctions: Junctions, total: GramianSum) -> _Routes:
    shared = [parameter for parameter, tasks in total.tasks_of.items() if tasks]
    lookups = find_lookups(junctions, shared) if total.mean is None else []
    products = find_products(junctions, shared)
    in_parts = {lookup.table for lookup in lookups} | {product.weight for product in products}
    return _Routes([parameter for parameter in shared if parameter not in in_parts], lookups, products)


@contextmanager
def _hooks(routes: _Routes, total: GramianSum) -> Iterator[None]:
    """Inside, rows are added to the sum as soon as they are complete, and do not stay."""

    def at_parameter(parameter: Tensor, gradient: Tensor) -> Tensor:
        return hand_over(gradient, lambda rows: total.add(parameter, rows))

    def at_product(product: Product, gradients: tuple[Tensor | None, ...]) -> None:
        def add(rows: Rows) -> None:
            for some in slices_of(product, rows):
                total.add(product.weight, some)

        if gradients[0] is not None:
            hand_over(gradients[0], add)

    handles = [parameter.register_hook(partial(at_parameter, parameter)) for parameter in routes.whole]
    handles += [product.node.register_prehook(partial(at_product, product)) for product in routes.products]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
