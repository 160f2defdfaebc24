"""GradDrop: every element of the update keeps one sign, drawn by how much of it the tasks want."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import sent
from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting


class GradDropState(NamedTuple):
    """How much of every task's gradient passes whatever its sign; never changes."""

    leaks: Float[Tensor, "*B K"]


@register("graddrop")
@dataclass(frozen=True)
class GradDrop(Weighting[GradDropState]):
    r"""Gradient sign dropout, element by element of the gradients.

    With the positive sign purity :math:`P = \tfrac12 (1 + \sum_i g_i / \sum_i |g_i|)` and U uniform in [0, 1), the
    positive gradients are kept where :math:`P > U` and the negative ones elsewhere. Task i has the weight
    :math:`\lambda_i + (1 - \lambda_i) M_i`, :math:`M_i` being 1 where its gradient is kept, and the update is the sum.

    The paper masks the gradients of a layer of activations, times the signs of the activations and summed over the
    batch. Like the comparisons in later papers, this masks the gradients of the shared parameters (with ``features=``
    the gradients of every activation of every example by itself). The paper also allows a monotone function of P in the
    place of P, and then uses P itself, as here. Implementations add 1e-7 to the denominator, or divide 0 by 0 where no
    task has a gradient; here nothing is added, and such elements stay 0.

    Example:
        In the first element the purity is (1 - 2 / 4) / 2 = 0.25 and the random number larger: the negative gradient
        is kept. In the second element only the second task has a gradient.

        >>> from balancers import probe
        >>> probe("graddrop", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[[0, 0], [1, 1]], update=[-3, 4])

    Attributes:
        leak: how much passes unmasked, from 0 (the pure method) to 1 (the sum): one number, or one per task in the
            order of the tasks (or, in a `Balancer`, a mapping by task name).

    Reference: Chen et al., Just Pick a Sign: Optimizing Deep Multitask Models with Gradient Sign Dropout, NeurIPS
    2020, Algorithm 1.
    """

    leak: float | Sequence[float] = 0.0

    purpose = "keeps one sign per element of the update, drawn at random by how much the tasks agree"
    paper = "Chen et al., NeurIPS 2020"
    version = 2
    needs = Need.GRADIENTS
    space = searching(leak=Interval(0.0, 0.8))
    stochastic = True
    heads = "own"
    degree = 1

    def __post_init__(self) -> None:
        if isinstance(self.leak, Sequence):
            object.__setattr__(self, "leak", tuple(float(leak) for leak in self.leak))
        if not all(0 <= leak <= 1 for leak in self._leaks):
            raise ValueError(f"graddrop: expected a leak from 0 to 1, got {self.leak}")

    @property
    def claims(self) -> frozenset[Claim]:
        """The order of the tasks matters only to leaks that differ."""
        same = len(set(self._leaks)) <= 1
        return frozenset({Claim.NON_NEGATIVE} | ({Claim.PERMUTATION_EQUIVARIANT} if same else set()))

    @property
    def _leaks(self) -> tuple[float, ...]:
        return tuple(self.leak) if isinstance(self.leak, Sequence) else (self.leak,)

    def init(self, sizes: Sizes) -> GradDropState:
        """The given leaks, for every replica."""
        if len(self._leaks) not in (1, sizes.tasks):
            raise ValueError(f"graddrop: expected one leak, or one for each of {sizes.tasks} tasks, got {self.leak}")
        zeros = sizes.per_task()
        return GradDropState(zeros + zeros.new_tensor(self._leaks))

    def update(self, evidence: Evidence, state: GradDropState, draws: Draws) -> tuple[Tensor, GradDropState]:
        """One weight per task and element, from one random number per element."""
        gradients = evidence.gradients
        kept = wanted(gradients, draws.uniform(gradients[..., 0, :], _wide(gradients))).gt_(0)
        if not any(self._leaks):
            return kept, state
        leaks = sent(state.leaks.numpy()[..., None], like=kept)
        return leaks + (1 - leaks) * kept, state


def keep(gradients: Float[Tensor, "*B K D"], uniform: Float[Tensor, "*B D"]) -> Tensor:
    """Which elements of which gradients are kept, (*B, K, D): the ones with the sign that ``uniform`` picks.

    Example:
        The two gradients disagree in the first element alone; a number near 0 picks the positive sign.

        >>> import torch
        >>> from balancers.methods.graddrop import keep
        >>> gradients = torch.tensor([[1.0, 2.0], [-3.0, 4.0]], dtype=torch.float64)
        >>> keep(gradients, torch.tensor([0.1, 0.1], dtype=torch.float64)).tolist()
        [[True, True], [False, True]]
    """
    return wanted(gradients, uniform) > 0


def wanted(gradients: Float[Tensor, "*B K D"], uniform: Float[Tensor, "*B D"]) -> Float[Tensor, "*B K D"]:
    """The gradients where ``uniform`` picks the positive sign, and minus them elsewhere.

    Example:
        >>> import torch
        >>> from balancers.methods.graddrop import wanted
        >>> gradients = torch.tensor([[1.0, 2.0], [-3.0, 4.0]], dtype=torch.float64)
        >>> wanted(gradients, torch.tensor([0.9, 0.9], dtype=torch.float64)).tolist()
        [[-1.0, 2.0], [3.0, 4.0]]
    """
    wide = _wide(gradients)
    chance = uniform.to(wide).clamp(max=1 - torch.finfo(wide).eps)  # below 1, however it was rounded
    total = gradients.abs().sum(-2, dtype=wide)
    # The purity (1 + sum / total) / 2 is above the chance.
    positive = gradients.sum(-2, dtype=wide) > (2 * chance - 1) * total
    return gradients * torch.where(positive, 1.0, -1.0).to(gradients.dtype)[..., None, :]


def _wide(gradients: Tensor) -> torch.dtype:
    return torch.promote_types(gradients.dtype, torch.float32)
