"""Which parameters the losses reach, told apart into shared and task-specific ones by walking the autograd graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.autograd.graph import Node


@dataclass(frozen=True)
class Leaves:
    """The parameters that the losses reach, told apart; neither list holds a parameter twice.

    Example:
        >>> import torch
        >>> from balancers.step.graph import find_leaves
        >>> shared, head = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
        >>> leaves = find_leaves([shared.sum(), (shared * head).sum()], shared=None, features=None)
        >>> leaves.shared[0] is shared, leaves.specific[0] is head
        (True, True)
    """

    shared: list[Tensor]
    specific: list[Tensor]  # of one task or of several, but not part of what is balanced


def find_leaves(losses: Sequence[Tensor], shared: Iterable[Tensor] | None, features: Sequence[Tensor] | None) -> Leaves:
    """Tell the shared parameters that the losses reach from the task-specific ones.

    The shared parameters are the ones that ``shared`` names; without it, the ones below ``features``; without both,
    the ones that two or more losses reach.

    Example:
        >>> import torch
        >>> from balancers.step.graph import find_leaves
        >>> encoder, head = torch.nn.Linear(3, 2), torch.nn.Linear(2, 1)
        >>> loss = head(encoder(torch.ones(3))).sum()
        >>> leaves = find_leaves([loss], shared=encoder.parameters(), features=None)
        >>> len(leaves.shared), len(leaves.specific)
        (2, 2)

    Raises:
        ValueError: the losses reach no shared parameter, or what was passed contradicts their graph.
    """
    if features is not None:
        return _leaves_around(losses, features, shared)
    if shared is not None:
        return _leaves_named(losses, checked(shared))
    if len(losses) < 2:
        raise ValueError("one loss alone does not show which parameters are shared: pass shared=encoder.parameters()")
    reached = [_reach([loss]) for loss in losses]
    everything = {leaf: None for leaves in reached for leaf in leaves}
    common = [leaf for leaf in everything if sum(leaf in leaves for leaves in reached) > 1]
    if not common:
        raise ValueError("no parameter is reached by more than one loss: is the encoder frozen, or under no_grad?")
    chosen = set(common)
    return Leaves(common, [leaf for leaf in everything if leaf not in chosen])


def _leaves_named(losses: Sequence[Tensor], named: list[Tensor]) -> Leaves:
    reached = _reach(losses)
    if not any(parameter in reached for parameter in named):
        raise ValueError(
            f"none of the {len(named)} shared parameters is reached by the losses: "
            "pass the parameters of the encoder that computed them, and do not detach its output"
        )
    chosen = set(named)
    return Leaves(named, [leaf for leaf in reached if leaf not in chosen])


def _leaves_around(losses: Sequence[Tensor], features: Sequence[Tensor], shared: Iterable[Tensor] | None) -> Leaves:
    if not all(feature.requires_grad and feature.grad_fn is not None for feature in features):
        raise ValueError("features have no graph: pass the encoder's output itself, not detached nor under no_grad")
    above, met = _reach_until(losses, features)
    if met < len(features):
        raise ValueError(
            "features are not on the path from the losses to the encoder: pass the very tensor that the heads were "
            "given, not a copy or a slice made for the call"
        )
    if any(_reach_until([feature], [other for other in features if other is not feature])[1] for feature in features):
        raise ValueError(
            "one of the features is computed from another, so that its gradient would count twice: pass features that "
            "do not depend on each other, or measure at the shared parameters"
        )
    below = _reach(features)
    both = [leaf for leaf in above if leaf in below]
    around = both if shared is None else both + [p for p in checked(shared) if p in above and p not in below]
    if around:
        raise ValueError(
            f"{len(around)} shared parameters are also reached around the features (first: {_describe(around[0])}); "
            "pass every tensor that leaves the encoder as features, or leave features out"
        )
    return Leaves(list(below), list(above))


def checked(
    tensors: Iterable[Tensor], argument: str = "shared", within: Sequence[Tensor] | None = None
) -> list[Tensor]:
    """The tensors of an argument that names parameters, none twice.

    Example:
        >>> import torch
        >>> from balancers.step.graph import checked
        >>> point = torch.ones(2, requires_grad=True)
        >>> len(checked([point, point]))
        1
        >>> checked([])
        Traceback (most recent call last):
            ...
        ValueError: shared is empty: pass encoder.parameters(); a generator can be used up only once

    Raises:
        ValueError: there are none, or one is frozen, is no leaf, or is not ``within`` the shared parameters.
    """
    if isinstance(tensors, Tensor):
        raise ValueError(f"{argument} is one tensor: pass a list of parameters, such as encoder.parameters()")
    if not isinstance(tensors, Iterable):
        raise ValueError(f"{argument} is a {type(tensors).__name__}: pass its parameters(), or a list of them")
    parameters = list(dict.fromkeys(tensors))
    strange = [type(p).__name__ for p in parameters if not isinstance(p, Tensor)]
    if strange:
        raise ValueError(f"{argument} holds a {strange[0]}: pass parameters, such as encoder.parameters()")
    if not parameters:
        raise ValueError(f"{argument} is empty: pass encoder.parameters(); a generator can be used up only once")
    frozen = [p for p in parameters if not p.requires_grad]
    if frozen:
        raise ValueError(
            f"{len(frozen)} of the {len(parameters)} parameters in {argument} are frozen "
            f"(first: {_describe(frozen[0])}): pass [p for p in encoder.parameters() if p.requires_grad]"
        )
    inner = [p for p in parameters if not p.is_leaf]
    if inner:
        raise ValueError(
            f"{argument} holds a computed tensor ({_describe(inner[0])}): pass parameters, or use features="
        )
    outside = set(parameters) - set(parameters if within is None else within)
    if outside:
        raise ValueError(f"{len(outside)} of the {len(parameters)} parameters in {argument} are not shared ones")
    return parameters


def _describe(tensor: Tensor) -> str:
    return f"shape {tuple(tensor.shape)}"


def _reach(roots: Sequence[Tensor]) -> dict[Tensor, None]:
    return _reach_until(roots, ())[0]


def _reach_until(roots: Sequence[Tensor], stops: Sequence[Tensor]) -> tuple[dict[Tensor, None], int]:
    """The leaves below ``roots`` without passing through ``stops``, in a fixed order; and how many stops were met."""
    barriers = {(stop.grad_fn, stop.output_nr) for stop in stops}
    met: set[tuple[Node | None, int]] = set()
    leaves = {root: None for root in roots if root.grad_fn is None and root.requires_grad}
    edges = [(root.grad_fn, root.output_nr) for root in roots]
    visited: set[Node] = set()
    while edges:
        node, output = edges.pop()
        if node is None:
            continue
        if barriers and (node, output) in barriers:
            met.add((node, output))
            continue
        if node in visited:
            continue
        visited.add(node)
        if type(node).__name__ == "AccumulateGrad":
            leaves[node.variable] = None  # pyright: ignore[reportAttributeAccessIssue]
        edges.extend(node.next_functions)
    return leaves, len(met)
