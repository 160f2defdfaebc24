"""Weights of linear layers whose gradients are formed some columns at a time, from the layer's input and output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Inexact
from torch import Tensor
from torch.autograd.graph import Node, get_gradient_edge

from balancers.step.junctions import Junctions, is_kept

RIGHT = {"AddmmBackward0": 2, "MmBackward0": 1}  # place of the right factor among the inputs
LEFT = {"AddmmBackward0": "mat1", "MmBackward0": "self"}  # names of the left factor among the saved tensors
VIEWS = ("TBackward0", "ToCopyBackward0")  # between a weight and its product: transposed, cast by autocast
SLICE = 1 << 22  # elements of the rows of all tasks that are formed at a time


class Product(NamedTuple):
    """A weight and the one product of matrices that it is used in.

    Example:
        >>> import torch
        >>> from balancers.step.junctions import find_junctions
        >>> from balancers.step.lean.products import find_products
        >>> layer = torch.nn.Linear(3, 2)
        >>> inputs = torch.ones(5, 3, requires_grad=True)
        >>> [product] = find_products(find_junctions([layer(inputs).sum()]), [layer.weight, layer.bias])
        >>> product.weight is layer.weight, product.node.name()
        (True, 'AddmmBackward0')
    """

    weight: Tensor
    node: Node


def find_products(junctions: Junctions, shared: Sequence[Tensor]) -> list[Product]:
    """The shared weights that are the right factor of one product in the common part, and are used for nothing else.

    A product below which no other parameter lies is left out: a backward pass ends before it.

    Example:
        >>> import torch
        >>> from balancers.step.junctions import find_junctions
        >>> from balancers.step.lean.products import find_products
        >>> layer = torch.nn.Linear(2, 2)
        >>> find_products(find_junctions([layer(layer(torch.ones(1, 2))).sum()]), [layer.weight])  # used twice
        []
    """
    weights = {get_gradient_edge(p).node: p for p in shared if not p._backward_hooks}
    leads = {get_gradient_edge(p).node for p in shared}
    products = []
    for node in reversed(junctions.common):
        children = node.next_functions
        if any(child in leads for child, _ in children):
            leads.add(node)
        factor = RIGHT.get(node.name())
        if factor is None:
            continue
        leaf = _behind_views(children[factor][0], junctions)
        passed_on = any(child in leads for number, (child, _) in enumerate(children) if number != factor)
        if leaf in weights and passed_on and _is_plain(node, weights[leaf]):
            products.append(Product(weights[leaf], node))
    return products


def _is_plain(node: Any, weight: Tensor) -> bool:
    """Whether it is a product of dense matrices, times one, and complex only if the weight is."""
    name = LEFT[node.name()]
    if getattr(node, "_saved_alpha", 1) != 1 or not is_kept(node, name):
        return False
    left: Tensor = getattr(node, f"_saved_{name}")
    return left.layout == torch.strided and left.is_complex() == weight.is_complex()


def _behind_views(node: Node | None, junctions: Junctions) -> Node | None:
    """The node below transpositions and casts, each of which has one user; None where one has several."""
    while node is not None and len(junctions.users[node]) == 1:
        if node.name() not in VIEWS:
            return node
        node = node.next_functions[0][0]
    return None


def slices_of(product: Product, gradients: Inexact[Tensor, "K N O"]) -> Iterator[Inexact[Tensor, "K S I"]]:
    """The gradients of the weight, from those of the product's outputs: those of some outputs at a time.

    Example:
        >>> import torch
        >>> from balancers.step.lean.products import Product, slices_of
        >>> layer = torch.nn.Linear(3, 2, bias=False)
        >>> product = Product(layer.weight, layer(torch.ones(5, 3)).grad_fn)
        >>> [rows.tolist() for rows in slices_of(product, torch.ones(1, 5, 2))]
        [[[[5.0, 5.0, 5.0], [5.0, 5.0, 5.0]]]]
    """
    node: Any = product.node
    left = getattr(node, f"_saved_{LEFT[node.name()]}").detach().conj()
    outputs = max(1, SLICE // (len(gradients) * left.shape[1]))
    for some in gradients.split(outputs, dim=2):
        yield some.mT @ left
