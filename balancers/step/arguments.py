"""Checks of how `Balancer.backward` is called: each raises an error that says which argument to pass or leave out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor

from balancers.contract.evidence import Need
from balancers.step.inputs import Losses, Step
from balancers.step.memory import Memory


class PlaceArguments(NamedTuple):
    """Which arguments of `Balancer.backward` say where gradients are measured.

    Example:
        >>> from balancers.step.arguments import PlaceArguments
        >>> PlaceArguments(shared=True, at=False, features=False).at
        False
    """

    shared: bool
    at: bool
    features: bool


def require_place(place: PlaceArguments, memory: Memory, needs: Need, processes: int) -> None:
    """Raise ``ValueError`` if gradients cannot be measured at this place for this method and its memory.

    Example:
        >>> from balancers import Balancer, Need
        >>> from balancers.step.arguments import PlaceArguments, require_place
        >>> balancer = Balancer("graddrop", 2)
        >>> require_place(PlaceArguments(shared=True, at=True, features=False), balancer, Need.GRADIENTS, processes=1)
        Traceback (most recent call last):
            ...
        ValueError: graddrop acts on the gradients of all shared parameters: leave out at=
    """
    name = memory.weighting.name
    if place.at and place.features:
        raise ValueError("at and features both say where gradients are measured: pass one of them")
    if place.at and memory.weighting.needs & Need.GRADIENTS:
        raise ValueError(f"{name} acts on the gradients of all shared parameters: leave out at=")
    if memory.sizes.width and not place.features:
        raise ValueError(f"{name} adapts the representation: pass it as features= as well")
    if memory.keeps_gradients and Need.GRADIENTS in needs and (place.features or not place.shared):
        raise ValueError(
            f"{name} remembers gradients element by element: pass shared=encoder.parameters(), in the same order in "
            "every step, and no features (whose examples are others in every step)"
        )
    if place.features and Need.GRADIENTS in needs and processes > 1:
        raise ValueError(f"{name} looks at gradients at features, which no process has all of: leave out features=")


def require_lean(memory: str, needs: Need, method: str) -> None:
    """Raise ``ValueError`` if there is no such way to use memory, or the method has no use for it.

    Example:
        >>> from balancers import Need
        >>> from balancers.step.arguments import require_lean
        >>> require_lean("lean", Need.GRAMIAN, "mgda")
        >>> require_lean("lean", Need.GRADIENTS, "graddrop")
        Traceback (most recent call last):
            ...
        ValueError: graddrop needs more than the inner products of one batch's gradients: leave out memory='lean'
    """
    if memory not in ("full", "lean"):
        raise ValueError(f"expected memory to be 'full' or 'lean', got {memory!r}")
    if memory == "lean" and needs & (Need.GRADIENTS | Need.CROSS_GRAMIAN):
        raise ValueError(
            f"{method} needs more than the inner products of one batch's gradients: leave out memory='lean'"
        )


def require_nothing_awaited(awaited: Tensor | None, method: str) -> None:
    """Raise ``ValueError`` if the losses after the last step of the optimizer are still to come.

    Example:
        >>> import torch
        >>> from balancers.step.arguments import require_nothing_awaited
        >>> require_nothing_awaited(None, "famo")
        >>> require_nothing_awaited(torch.tensor([0, 1]), "famo")
        Traceback (most recent call last):
            ...
        ValueError: famo needs balancer.after_step(losses) after every optimizer.step() ...
    """
    if awaited is not None:
        raise ValueError(
            f"{method} needs balancer.after_step(losses) after every optimizer.step() and before the next backward: "
            "the losses of the same batch, computed again under no_grad"
        )


def require_batches(others: Sequence[Losses] | Losses) -> Sequence[Losses]:
    """The batches as they are; raise ``ValueError`` if they are one batch and no list.

    Example:
        >>> import torch
        >>> from balancers.step.arguments import require_batches
        >>> require_batches(torch.ones(2))
        Traceback (most recent call last):
            ...
        ValueError: others is a list of batches: pass others=[losses_2, losses_3]
    """
    if isinstance(others, Mapping | Tensor):
        raise ValueError("others is a list of batches: pass others=[losses_2, losses_3]")
    return cast(Sequence[Losses], others)


def require_crossed(step: Step, others: Sequence[Step], at_features: bool, method: str) -> None:
    """Raise ``ValueError`` unless ``others`` has one or two batches with the tasks of the first, at parameters.

    Example:
        >>> import torch
        >>> from balancers.step.arguments import require_crossed
        >>> from balancers.step.inputs import Step
        >>> step = Step([torch.tensor(1.0)], torch.tensor([0]))
        >>> require_crossed(step, [step], False, "modo")
        >>> require_crossed(step, [], False, "modo")
        Traceback (most recent call last):
            ...
        ValueError: modo needs others=[losses_2, losses_3], ... got 0
    """
    if at_features:
        raise ValueError(
            f"{method} multiplies gradients of different batches, which have no common representation: leave out "
            "features and pass shared=encoder.parameters()"
        )
    if not 1 <= len(others) <= 2:
        raise ValueError(
            f"{method} needs others=[losses_2, losses_3], the losses on two more independent batches (or on one), "
            f"got {len(others)}"
        )
    if any(not torch.equal(step.present, other.present) for other in others):
        raise ValueError(f"{method} needs the same tasks to be present in losses and in others")
