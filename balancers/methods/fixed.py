"""Fixed weights: the weighted sum of the losses, equal weights by default."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from balancers.contract.registration import register
from balancers.contract.space import Simplex, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting


class FixedState(NamedTuple):
    """The weights, one per task."""

    weights: Float[Tensor, "*B K"]


@register("fixed")
@dataclass(frozen=True)
class Fixed(Weighting[FixedState]):
    r"""Linear scalarization: :math:`\sum_i w_i \ell_i` with constant weights, 1 for every task unless given.

    With equal weights this is exactly ``losses.sum().backward()``. Some libraries take the mean instead, which
    trains the same way at K times the learning rate under SGD and nearly the same way under Adam.

    Example:
        With equal weights the update is the sum of the gradients.

        >>> from balancers import create, probe
        >>> probe("fixed", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1, 1], update=[-2, 4])
        >>> probe(create("fixed", weights=[4.0, 1.0]), gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[4, 1], update=[1, 4])

    Attributes:
        weights: one finite number per task, in the order of the tasks (or, in a `Balancer`, a mapping by task name).

    Reference: the plain weighted sum; as a baseline in Kurin et al., In Defense of the Unitary Scalarization for Deep
    Multi-Task Learning, NeurIPS 2022.
    """

    weights: Sequence[float] | None = None

    purpose = "sums the losses with constant weights, by default equal ones"
    paper = "Kurin et al., NeurIPS 2022"
    needs = Need.LOSSES
    space = searching(weights=Simplex())
    degree = 1

    def __post_init__(self) -> None:
        if self.weights is not None:
            object.__setattr__(self, "weights", tuple(float(weight) for weight in self.weights))
            if not all(math.isfinite(weight) for weight in self.weights or ()):
                raise ValueError(f"fixed: expected finite weights, got {self.weights}")

    @property
    def claims(self) -> frozenset[Claim]:
        """What equal weights are; given ones are what they are."""
        if self.weights is None:
            return frozenset({Claim.NON_NEGATIVE, Claim.SUM_TO_TASKS, Claim.PERMUTATION_EQUIVARIANT})
        return frozenset({Claim.NON_NEGATIVE} if min(self.weights) >= 0 else ())

    def init(self, sizes: Sizes) -> FixedState:
        """The given weights, for every replica."""
        ones = sizes.per_task() + 1
        if self.weights is None:
            return FixedState(ones)
        if len(self.weights) != sizes.tasks:
            raise ValueError(
                f"fixed: {len(self.weights)} weights were given for {sizes.tasks} tasks; give one per task"
            )
        return FixedState(ones * ones.new_tensor(self.weights))

    def update(self, evidence: Evidence, state: FixedState, draws: Draws) -> tuple[Tensor, FixedState]:
        """The same weights as ever."""
        return state.weights, state
