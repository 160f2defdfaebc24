"""The Gramian of task gradients from one batched backward pass that holds the rows of one parameter at a time.

Every loss first sends its gradient through its own part of the graph, down to the edges where the graphs of several
losses meet. These gradients, stacked, then go through the common part together: as soon as the rows at one parameter
are complete, their inner products are added to the Gramian, and the rows are dropped.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from balancers.step.gradients import gramian_of, real_view
from balancers.step.junctions import Junctions, find_junctions
from balancers.step.lookups import Lookups, compact_rows, find_lookups
from balancers.step.products import Product, find_products, slices_of
from balancers.step.unbatchable import unbatchable
from balancers.step.unbatched import Rows, hand_over

SLOW = "There is a performance drop because we have not yet implemented the batching rule"


class LeanGramian(NamedTuple):
    """A Gramian whose rows were never held all at once.

    Example:
        >>> import torch
        >>> from balancers.step.lean import LeanGramian
        >>> LeanGramian(torch.eye(2).double(), [True, True]).gramian.shape
        torch.Size([2, 2])
    """

    gramian: Float[Tensor, "K K"]  # float64, on the device of the first shared parameter
    reached: list[bool]  # whether the loss of a task depends on any of the shared parameters


def lean_gramian(
    losses: Sequence[Tensor], shared: Sequence[Tensor], mean: Callable[[Tensor], Tensor] | None = None
) -> LeanGramian:
    """Inner products of the task gradients at the shared parameters, without holding K rows of all of them.

    It is the Gramian of `TaskGradients` up to the rounding of the gradients. No ``.grad`` is touched, and the graph is
    kept. One backward pass per loss goes through the part of the graph that this loss alone depends on, and one batched
    pass through the common part. An operation without a batching rule in PyTorch is run task by task, which is exact but
    slower. An embedding that is used for lookups alone costs as many rows as were looked up, not the whole table.

    Example:
        >>> import torch
        >>> from balancers.step.lean import lean_gramian
        >>> point = torch.ones(2, requires_grad=True)
        >>> features = 2 * point
        >>> losses = [features[0], -3 * features[0] + 4 * features[1]]  # gradients (2, 0) and (-6, 8)
        >>> measured = lean_gramian(losses, [point])
        >>> measured.gramian.tolist(), measured.reached
        ([[4.0, -12.0], [-12.0, 100.0]], [True, True])

    Args:
        losses: K scalars.
        shared: parameters, none twice; one that no loss depends on adds nothing.
        mean: applied to the rows (K, *shape) of each parameter before their inner products are formed, for example
            a mean over processes. The parameters come in the order of the backward pass.

    Raises:
        ValueError: an operation of the common part cannot run for all tasks at once; or the losses come from separate
            forward passes, whose rows would have to be held all at once; or PyTorch is older than 2.5.
    """
    if torch.__version__ < "2.5":
        raise ValueError(f"memory='lean' needs PyTorch 2.5 or newer, not {torch.__version__}: use memory='full'")
    junctions = find_junctions(losses)
    _require_common_path(junctions, shared)
    total = _Sum(junctions, shared, mean)
    seeds = _to_junctions(losses, junctions, total)
    if seeds and any(total.tasks_of.values()):
        _through_common(junctions, seeds, total)
    reached = {task for tasks in total.tasks_of.values() for task in tasks}
    return LeanGramian(total.gramian, [task in reached for task in range(len(losses))])


class _Sum:
    """A Gramian to which the inner products of the rows at one parameter are added after those at another."""

    def __init__(
        self, junctions: Junctions, shared: Sequence[Tensor], mean: Callable[[Tensor], Tensor] | None
    ) -> None:
        tasks = len(junctions.entries)
        self.gramian = torch.zeros(tasks, tasks, dtype=torch.float64, device=shared[0].device)
        self.tasks_of = {parameter: junctions.tasks_of(parameter) for parameter in shared}
        self.mean = mean

    def add(self, parameter: Tensor, rows: Rows) -> None:
        """Add the rows (K, ...) at a parameter; those of tasks that do not reach it are zero, whatever they hold."""
        rows = real_view(rows if self.mean is None else self.mean(rows))
        products = gramian_of(_flat(rows)).to(self.gramian.device)
        if len(self.tasks_of[parameter]) < len(products):
            reaching = torch.zeros(len(products), dtype=torch.bool)
            reaching[self.tasks_of[parameter]] = True
            both = (reaching[:, None] & reaching).to(products.device)
            products = torch.where(both, products, 0.0)
        self.gramian += products

    def add_row(self, task: int, row: Tensor) -> None:
        """Add the gradient of the one task that reaches a parameter."""
        row = real_view(row if self.mean is None else self.mean(row))
        self.gramian[task, task] += gramian_of(row.reshape(1, row.numel()))[0, 0].to(self.gramian.device)


def _flat(rows: Rows) -> Float[Tensor, "K D"]:
    """The rows as vectors whose elements stand in the order in which they lie in memory, which saves a copy."""
    axes = sorted(range(1, rows.dim()), key=rows.stride, reverse=True)
    return rows.permute(0, *axes).reshape(len(rows), rows[0].numel())


def _require_common_path(junctions: Junctions, shared: Sequence[Tensor]) -> None:
    """Raise ``ValueError`` if most parameters, and more than one, are reached by each loss on a way of its own."""
    ends = {edge.node for entries in junctions.entries for edge in entries}
    sizes = {p: p.numel() for p in shared}
    apart = sum(size for parameter, size in sizes.items() if get_gradient_edge(parameter).node in ends)
    if apart > max(*sizes.values(), sum(sizes.values()) / 2):
        raise ValueError(
            f"memory='lean' saves nothing here: the losses reach {apart} of the {sum(sizes.values())} shared elements "
            "by separate forward passes, so that the gradients of all tasks would be held at once: compute all losses "
            "from one forward pass through the shared parameters, or use memory='full'"
        )


def _to_junctions(losses: Sequence[Tensor], junctions: Junctions, total: _Sum) -> dict[GradientEdge, Rows]:
    """One backward pass per loss through its own part of the graph: the gradients (K, ...) at the junctions."""
    gradients: dict[GradientEdge, dict[int, Tensor]] = {}
    common = set(junctions.common)
    for task, (loss, entries) in enumerate(zip(losses, junctions.entries, strict=True)):
        nodes = [get_gradient_edge(p).node for p, tasks in total.tasks_of.items() if tasks == [task]]
        targets = [*entries, *(GradientEdge(node, 0) for node in nodes if node not in common)]
        if targets:
            parts = torch.autograd.grad(loss, targets, retain_graph=True, allow_unused=True)
            for number, (edge, part) in enumerate(zip(targets, parts, strict=True)):
                if part is not None and number < len(entries):
                    gradients.setdefault(edge, {})[task] = part.to_dense()
                elif part is not None:
                    total.add_row(task, part.to_dense())
    return {edge: _stacked(gradients.pop(edge), len(losses)) for edge in list(gradients)}


def _stacked(rows: dict[int, Tensor], tasks: int) -> Rows:
    """The rows of all tasks: zeros where one has none."""
    example = next(iter(rows.values()))
    zeros = example.new_zeros(()).expand_as(example)
    return torch.stack([rows.get(task, zeros) for task in range(tasks)])


def _through_common(junctions: Junctions, seeds: dict[GradientEdge, Rows], total: _Sum) -> None:
    """One batched backward pass from the junctions to the shared parameters."""
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
        torch.vmap(backward, randomness="same")(*seeds.values())

    with _hooks(routes, total), warnings.catch_warnings():
        warnings.filterwarnings("ignore", SLOW)
        try:
            batched()
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            _grad(list(seeds), inputs, [rows[0] for rows in seeds.values()])  # whatever fails for one task alone
            raise unbatchable(error, batched, junctions.common, list(total.tasks_of)) from error
    for table, outputs in routes.lookups:
        rows = {edge: looked_up.pop(edge) for edge in outputs if edge in looked_up}
        if rows:
            total.add(table, compact_rows(table, rows))


def _grad(
    outputs: Sequence[GradientEdge], inputs: Sequence[GradientEdge], seeds: Sequence[Tensor]
) -> tuple[Tensor | None, ...]:
    return torch.autograd.grad(outputs, inputs, seeds, retain_graph=True, allow_unused=True)


class _Routes(NamedTuple):
    """How the gradients at each shared parameter that a loss reaches are measured."""

    whole: list[Tensor]  # as autograd gives them
    lookups: list[Lookups]
    products: list[Product]


def _routes(junctions: Junctions, total: _Sum) -> _Routes:
    shared = [parameter for parameter, tasks in total.tasks_of.items() if tasks]
    lookups = find_lookups(junctions, shared) if total.mean is None else []
    products = find_products(junctions, shared)
    in_parts = {lookup.table for lookup in lookups} | {product.weight for product in products}
    return _Routes([parameter for parameter in shared if parameter not in in_parts], lookups, products)


@contextmanager
def _hooks(routes: _Routes, total: _Sum) -> Iterator[None]:
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
