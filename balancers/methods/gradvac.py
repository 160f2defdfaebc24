"""GradVac: pairs of gradients are pulled together until their cosine is what it usually is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import arrays, quiet, tensors
from balancers.contract.exactness import COSINE
from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting


class GradVacState(NamedTuple):
    """The target for the cosine of every ordered pair of tasks; its diagonal is not used."""

    targets: Float[Tensor, "*B K K"]


@register("gradvac")
@dataclass(frozen=True)
class GradVac(Weighting[GradVacState]):
    r"""Gradient vaccine, done in coefficients of the task gradients, so that only the Gramian is touched.

    For every task i, in random order over the others j: with :math:`\phi = \cos(g_i', g_j)` and the target
    :math:`\hat\phi_{ij}`, where :math:`\phi < \hat\phi_{ij}`,

    .. math::
        g_i' \leftarrow g_i' + \frac{\|g_i'\| (\hat\phi_{ij} \sqrt{1 - \phi^2} - \phi \sqrt{1 - \hat\phi_{ij}^2})}
        {\|g_j\| \sqrt{1 - \hat\phi_{ij}^2}}\, g_j,

    after which the cosine is the target. Then :math:`\hat\phi_{ij} \leftarrow (1 - \beta) \hat\phi_{ij} + \beta \phi`,
    whether the gradient was changed or not. Targets begin at 0. The update is the sum of the :math:`g_i'`.

    There is no official code. Ports use β = 0.5, and some move a target only where they changed the gradient: it can
    then only fall, and in time less is done than by PCGrad. The paper allows groups of parameters with targets of their
    own; here all parameters at which gradients are measured form one group, ``whole_model``. Where a gradient is zero,
    or what is left of it, there is no cosine: nothing is added, and the target stays. A target of exactly 1 cannot be
    reached by adding gradients, and nothing is added either.

    Example:
        Targets begin at 0, so that the first step is PCGrad's: the first gradient gets 0.12 times the second added,
        the second 3 times the first.

        >>> from balancers import probe
        >>> probe("gradvac", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[4, 1.12], update=[0.64, 4.48])

    Example:
        Targets begin at 0, so that the first step is PCGrad's: the first gradient gets 0.12 times the second added,
        the second 3 times the first.

        >>> from balancers import probe
        >>> probe("gradvac", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[4, 1.12], update=[0.64, 4.48])

    Attributes:
        beta: how fast the targets follow, between 0 and 1; 0 keeps them at 0, which is PCGrad.

    Reference: Wang et al., Gradient Vaccine: Investigating and Improving Multi-task Optimization in Massively
    Multilingual Models, ICLR 2021, Equation 3 and Algorithm 1.
    """

    beta: float = 1e-2

    purpose = "turns each pair of gradients towards each other until their cosine has its usual value"
    paper = "Wang et al., ICLR 2021"
    needs = Need.GRAMIAN
    space = searching(beta=Interval(1e-3, 0.5, log=True))  # from below the paper's value to that of common ports
    stochastic = True
    heads = "own"
    degree = 1
    claims = frozenset({Claim.NON_NEGATIVE})

    def __post_init__(self) -> None:
        if not 0 <= self.beta <= 1:
            raise ValueError(f"gradvac: expected beta from 0 to 1, got {self.beta}")

    def init(self, sizes: Sizes) -> GradVacState:
        """Targets of 0."""
        return GradVacState(sizes.per_pair())

    def update(self, evidence: Evidence, state: GradVacState, draws: Draws) -> tuple[Tensor, GradVacState]:
        """The weights of this step, and the targets of the next."""
        order = tensors(draws.uniform(evidence.gramian).numpy().argsort(-1))
        return vaccinate(evidence, state, order, self.beta)


@quiet
def vaccinate(evidence: Evidence, state: GradVacState, order: Tensor, beta: float) -> tuple[Tensor, GradVacState]:
    """GradVac's weights and next targets when task i meets the tasks ``order[..., i, :]`` one after the other.

    Example:
        The cosine is -0.6 and the target 0. Every gradient gets the part of the other that makes them orthogonal.

        >>> import torch
        >>> from balancers import Evidence
        >>> from balancers.methods.gradvac import GradVacState, vaccinate
        >>> gradients = torch.tensor([[1.0, 0.0], [-3.0, 4.0]], dtype=torch.float64)
        >>> evidence = Evidence(torch.ones(2, dtype=torch.float64), gradients @ gradients.T, gradients)
        >>> state = GradVacState(torch.zeros(2, 2, dtype=torch.float64))
        >>> weights, _ = vaccinate(evidence, state, torch.tensor([[1, 0], [0, 1]]), beta=0.0)
        >>> weights.round(decimals=3).tolist()
        [4.0, 1.12]
    """
    norms, cosines, targets, order = arrays((evidence.norms, evidence.cosines, state.targets, order))
    tasks = norms.shape[-1]
    # One row per replica and task; `others` holds the rows of the tasks that it meets, turn by turn.
    rows, lengths, own = cosines.reshape(-1, tasks), norms.reshape(-1), np.arange(norms.size)
    met = order.reshape(-1, tasks).T
    others = met + own // tasks * tasks
    targets = targets.reshape(-1, tasks).copy()
    coefficients = np.zeros_like(rows)  # of the changed unit gradients, which are combinations of the original ones
    coefficients[own, own % tasks] = 1.0
    products = rows.copy()  # of the changed unit gradients with the original ones
    meeting = (others != own) & (lengths[others] > 0)
    for turn, other in enumerate(others):
        pair = own, met[turn]
        changed = _lengths(coefficients, products, evidence.resolution)
        meets = meeting[turn] & (changed > 0)
        cosine = np.minimum(np.maximum(np.where(meets, products[pair] / changed, 0.0), -1), 1)
        target = targets[pair]
        added = np.where(meets, changed * _missing(cosine, target), 0.0)
        targets[pair] = np.where(meets, (1 - beta) * target + beta * cosine, target)
        if added.any():
            coefficients[pair] += added
            products += added[:, None] * rows[other]
    shares = (coefficients.reshape(cosines.shape) * norms[..., :, None]).sum(-2)
    weights = np.where(norms > 0, shares / norms, 1.0)
    return tensors((weights, GradVacState(targets.reshape(cosines.shape))))


def _lengths(
    coefficients: Float[np.ndarray, "N K"], products: Float[np.ndarray, "N K"], resolution: float
) -> Float[np.ndarray, "N"]:
    """The length of every row's combination of unit gradients; 0 where only rounding is left of it."""
    square = (coefficients * products).sum(-1)
    rounding = resolution**2 * (coefficients**2).sum(-1) + COSINE * np.abs(coefficients).sum(-1) ** 2
    return np.sqrt(np.where(square > rounding, square, 0.0))


def _missing(cosine: Float[np.ndarray, "N"], target: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
    """How much of a unit vector another one, at this cosine, needs added to be at the target."""
    sine, wanted = np.sqrt(1 - cosine**2), np.sqrt(1 - target**2)
    return np.where((cosine < target) & (wanted > 0), target * sine / wanted - cosine, 0.0)
