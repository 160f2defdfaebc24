"""Methods that solve equations and know which tasks are preferred: the preference is part of their state."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.preferences import allocate, checked_preference, on_simplex
from balancers.contract.solution import Certificate, Solution
from balancers.contract.solving import Solving, recording
from balancers.contract.weighting import Answer, Claim, Draws, Evidence, Sizes


class PreferenceState(NamedTuple):
    """The certificate so far, and the preference as it was given.

    Example:
        >>> from balancers import Sizes, create
        >>> create("upgrad", preference=[1.0, 3.0]).init(Sizes(2)).preference.tolist()
        [1.0, 3.0]
    """

    residual: Float[Tensor, "*B"]
    fallbacks: Float[Tensor, "*B"]
    preference: Float[Tensor, "*B K"]


class Preferring(Solving):
    """A solving method with a ``preference``: a positive number per task, or None for equal ones.

    Where tasks are absent, the others keep the proportions of their preferences.

    Example:
        >>> from dataclasses import dataclass
        >>> import torch
        >>> from balancers import Need, Solution, create, probe, register
        >>> from balancers.contract.preferring import Preferring
        >>> @register("shared-weights")
        ... @dataclass(frozen=True)
        ... class SharedWeights(Preferring):
        ...     preference: tuple[float, ...] | None = None
        ...     needs = Need.LOSSES
        ...     def solve_for(self, evidence, shares):
        ...         return Solution(shares, 0 * shares[..., 0], shares[..., 0] > 0)
        >>> probe(create("shared-weights", preference=(1.0, 3.0)), gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.25, 0.75], update=[-2, 3])
    """

    preference: Sequence[float] | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "preference", checked_preference(self.preference, self.name))

    @property
    def symmetric(self) -> frozenset[Claim]:
        """The claim that the order of the tasks does not matter; a preference makes it matter."""
        return frozenset({Claim.PERMUTATION_EQUIVARIANT} if self.preference is None else ())

    def init(self, sizes: Sizes, /) -> tuple:
        """Nothing solved yet; with a preference, that of every replica."""
        if self.preference is None:
            return super().init(sizes)
        return PreferenceState(sizes.scalar(), sizes.scalar(), allocate(self.preference, sizes, self.name))

    def update(self, evidence: Evidence, state: Any, draws: Draws, /) -> tuple[Tensor | Answer, Any]:
        """The weights of this step, and the updated record of residuals and fallbacks."""
        if isinstance(state, Certificate):
            return super().update(evidence, state, draws)
        solution = self.solve_for(evidence, on_simplex(state.preference))
        recorded = recording(Certificate(state.residual, state.fallbacks), solution)
        return solution.point, PreferenceState(*recorded, state.preference)

    def certificate(self, state: Any, /) -> Certificate:
        """The record of residuals and fallbacks."""
        return Certificate(state.residual, state.fallbacks)

    def solve(self, evidence: Evidence, draws: Draws, /) -> Solution:  # noqa: ARG002
        """The weights of this step without a preference."""
        return self.solve_for(evidence, torch.full_like(evidence.losses, 1 / evidence.losses.shape[-1]))

    @abstractmethod
    def solve_for(self, evidence: Evidence, shares: Float[Tensor, "*B K"], /) -> Solution:
        """The weights of this step, for preferences that sum to 1."""
