"""DB-MTL: gradients of the logarithms of the losses, averaged over steps and brought to the length of the longest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import quiet, sent, tensors
from balancers.contract.exactness import widest
from balancers.contract.registration import register
from balancers.contract.space import Choice, Interval, searching
from balancers.contract.weighting import Answer, Claim, Draws, Empty, Evidence, Need, Sizes, Weighting
from balancers.solvers.positive import inverse
from balancers.step.host import on_host


class DBMTLState(NamedTuple):
    """The averaged gradients of the logarithms, and how many steps each has seen."""

    averages: Float[Tensor, "*B K D"]
    steps: Float[Tensor, "*B K"]


@register("db-mtl")
@dataclass(frozen=True)
class DBMTL(Weighting[DBMTLState | Empty]):
    r"""Dual balancing.

    With averages :math:`\hat g_i` of :math:`\nabla \log \ell_i`,

    .. math::
        u = \max_j \|\hat g_j\| \sum_i \frac{\hat g_i}{\|\hat g_i\|}, \qquad
        \hat g_i \leftarrow \beta_t \hat g_i + (1 - \beta_t) \nabla \log \ell_i, \qquad \beta_t = \beta / t^\sigma.

    Averages begin at 0 and are not corrected for that: the first steps are shorter. Heads follow the logarithm of
    their own loss, so their factor is :math:`1/\ell_i`. For β = 0 there is no memory, the Gramian is enough, and the
    update is parallel to :math:`\sum_i g_i / \|g_i\|`: the logarithms then set the length and the heads' factors alone.

    The official code takes the logarithm of the loss plus 1e-8; here a task whose loss is exactly 0, which has no
    logarithm, counts as having no gradient, and its head stands still. Losses must not be negative.

    Example:
        In the first step the averages are a tenth of the gradients of the logarithms: (0.1, 0) and (-0.075, 0.1). The
        first is brought to the length of the second, 0.125.

        >>> from balancers import probe
        >>> probe("db-mtl", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1.25, 1], update=[0.05, 0.1])

    Attributes:
        beta: share of the past in the averages, at least 0 and below 1. The authors tune it for each data set.
        beta_sigma: σ, how fast that share falls with the number of steps; of their code.

    Reference: Lin et al., Dual-Balancing for Multi-Task Learning, Neural Networks 2025, arXiv 2308.12029.
    """

    beta: float = 0.9
    beta_sigma: float = 0.0

    purpose = "averages the gradients of the logarithms of the losses over steps and brings them to one length"
    paper = "Lin et al., Neural Networks 2025"
    needs = Need.LOSSES | Need.GRAMIAN | Need.GRADIENTS
    space = searching(beta=Interval(0.0, 0.95), beta_sigma=Choice((0.0, 0.5)))
    positive_losses = True
    heads = "own"
    degree = 0
    claims = frozenset({Claim.NON_NEGATIVE, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 <= self.beta < 1:
            raise ValueError(f"db-mtl: expected beta of at least 0 and below 1, got {self.beta}")
        if not 0 <= self.beta_sigma < float("inf"):
            raise ValueError(f"db-mtl: expected a finite beta_sigma of at least 0, got {self.beta_sigma}")

    def init(self, sizes: Sizes) -> DBMTLState | Empty:
        """Averages of 0, if there is any memory."""
        return DBMTLState(sizes.per_element(), sizes.per_task()) if self.beta > 0 else Empty()

    def needs_now(self, state: DBMTLState | Empty) -> Need:
        """The gradients where they are averaged, else the Gramian."""
        return Need.LOSSES | (Need.GRADIENTS if isinstance(state, DBMTLState) else Need.GRAMIAN)

    @quiet
    def update(self, evidence: Evidence, state: DBMTLState | Empty, draws: Draws) -> tuple[Answer, DBMTLState | Empty]:
        """The weights that make all gradients, or their averages if the method keeps them, equally long."""
        heads = inverse(evidence.losses.numpy())
        if not isinstance(state, DBMTLState):
            return Answer(tensors(_to_longest(evidence.norms.numpy() * heads) * heads), heads=tensors(heads)), state
        before = state.averages
        gradients = evidence.gradients.to(before.dtype) * sent(heads[..., None], like=before)
        steps = state.steps.numpy() + 1
        averages = torch.lerp(gradients, before, sent((self.beta / steps**self.beta_sigma)[..., None], like=before))
        # The weights follow from lengths that nobody knew before: an accelerator has to be waited for.
        (norms,) = on_host([torch.linalg.vector_norm(averages, dim=-1, dtype=widest(averages.device))])
        answer = Answer(tensors(_to_longest(norms.numpy())), averages, tensors(heads))
        return answer, DBMTLState(averages, tensors(steps))


def _to_longest(norms: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K"]:
    """Factors that bring every norm to the largest; 0 where there is nothing to lengthen."""
    return np.where(norms > 0, norms.max(-1, keepdims=True) / norms, 0.0)
