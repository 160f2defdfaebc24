"""Which parameters the losses reach, told apart into shared and task-specific ones by walking the autograd graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor
from torch.autograd.graph import Node


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

    def __init__(self, shared: list[Tensor], specific: list[Tensor]) -> None:
        self.shared = shared
        self._specific = specific

    @property
    def specific(self) -> list[Tensor]:
        """Of one task or of several, but not part of what is balanced."""
        return self._specific


class LeavesBeside(Leaves):
    """Shared parameters that are known; the others that the losses reach are looked for when they are asked for.

    Example:
        >>> import torch
        >>> from balancers.step.graph import LeavesBeside
        >>> shared, head = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
        >>> leaves = LeavesBeside([(shared * head).sum()], [shared])
        >>> leaves.specific[0] is head
        True
    """

    def __init__(self, losses: Sequence[Tensor], shared: list[Tensor]) -> None:
        super().__init__(shared, [])
        self._losses: Sequence[Tensor] | None = losses

    @property
    def specific(self) -> list[Tensor]:
        """The parameters that the losses reach beside the shared ones."""
        if self._losses is not None:
            chosen = set(self.shared)
            self._specific = [leaf for leaf in _reach(self._losses) if leaf not in chosen]
            self._losses = None
        return self._specific


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
    if not _reach_any(losses, set(named)):
        raise _unreached(named)
    return LeavesBeside(losses, named)


def _unreached(named: list[Tensor]) -> ValueError:
    return ValueError(
        f"none of the {len(named)} shared parameters is reached by the losses: "
        "pass the parameters of the encoder that computed them, and do not detach its output"
    )


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
    if not all(p.requires_grad and p.is_leaf for p in parameters):
        raise _no_parameters(parameters, argument)
    outside = () if within is None else set(parameters) - set(within)
    if outside:
        raise ValueError(f"{len(outside)} of the {len(parameters)} parameters in {argument} are not shared ones")
    return parameters


def _no_parameters(tensors: list[Tensor], argument: str) -> ValueError:
    frozen = [p for p in tensors if not p.requires_grad]
    if frozen:
        return ValueError(
            f"{len(frozen)} of the {len(tensors)} parameters in {argument} are frozen "
            f"(first: {_describe(frozen[0])}): pass [p for p in encoder.parameters() if p.requires_grad]"
        )
    inner = [p for p in tensors if not p.is_leaf]
    return ValueError(f"{argument} holds a computed tensor ({_describe(inner[0])}): pass parameters, or use features=")


def _describe(tensor: Tensor) -> str:
    return f"shape {tuple(tensor.shape)}"


def _reach_any(roots: Sequence[Tensor], wanted: set[Tensor]) -> bool:
    """Whether one of the wanted leaves is below ``roots``; the search ends with the first one."""
    if any(root in wanted for root in roots):
        return True
    nodes = [root.grad_fn for root in roots]
    visited: set[Node | None] = {None}
    while nodes:
        node = nodes.pop()
        if node in visited:
            continue
        visited.add(node)
        if type(node).__name__ == "AccumulateGrad" and node.variable in wanted:  # pyright: ignore
            return True
        nodes.extend(following for following, _ in node.next_functions)  # pyright: ignore
    return False


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
