"""MoCo: the min-norm combination, followed step by step on running averages of the gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import quiet, sent, tensors
from balancers.contract.exactness import widest
from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Answer, Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.solvers.simplex import project_onto_simplex, shares, softmax
from balancers.step.host import on_host
from balancers.step.products import gramian_of

Flavour = Literal["paper", "official"]


class MoCoState(NamedTuple):
    """The running averages Y of the gradients, the weights up to a factor, and in how many steps a task was present."""

    averages: Float[Tensor, "*B K D"]
    parts: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]


@register("moco")
@dataclass(frozen=True)
class MoCo(Weighting[MoCoState]):
    r"""Multi-objective gradient correction.

    In step t, with the task gradients J, :math:`Y \leftarrow Y - \beta_t (Y - J)`, then
    :math:`\lambda \leftarrow \Pi_\Delta(\lambda - \gamma_t (Y Y^\top + \rho I) \lambda)` with the projection onto the
    simplex. The update is :math:`Y^\top \lambda`: the averages take the place of the gradients. Y starts at 0 and
    :math:`\lambda` at equal weights; the step sizes are :math:`\beta_t = \beta\, t^{-\sigma_\beta}` and
    :math:`\gamma_t = \gamma\, t^{-\sigma_\gamma}`.

    As in the paper, :math:`\gamma` and :math:`\rho` are not free of scale: gradients c times as long ask for
    :math:`\gamma / c^2` and :math:`c^2 \rho`. In :math:`\beta_t`, t counts the steps in which a task was present.

    The authors published several variants of their method. The one that the best-known port took over differs from the
    paper in two things, and is selected by ``flavour="official"``: every gradient is first given the length of its
    task's loss, :math:`g_i \leftarrow \ell_i\, g_i / \|g_i\|` (at a loss of 0 or below it is 0), and a softmax stands
    in the place of the projection, which pulls the weights towards equality in every step. Other variants project, with
    :math:`\gamma` doubled in one, and their scripts multiply the update by K.

    Example:
        The averages are half the gradients. Their Gramian moves equal weights by (0.025, -0.275); the nearest point of
        the simplex is (0.65, 0.35).

        >>> from balancers import probe
        >>> probe("moco", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.65, 0.35], update=[-0.2, 0.7])

    Example:
        The averages are half the gradients. Their Gramian moves equal weights by (0.025, -0.275); the nearest point of
        the simplex is (0.65, 0.35).

        >>> from balancers import probe
        >>> probe("moco", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.65, 0.35], update=[-0.2, 0.7])

    Attributes:
        beta: step size of the averages, at most 1.
        beta_sigma: its decay, 0 for none.
        gamma: step size of the weights.
        gamma_sigma: its decay, 0 for none.
        rho: pull of the weights towards equality.
        flavour: "paper" or "official".

    The defaults are the values of the port. The authors' script for NYUv2 has beta 0.99, gamma 0.1 and no decay.

    Reference: Fernando et al., Mitigating Gradient Bias in Multi-objective Learning: A Provably Convergent Approach,
    ICLR 2023, Algorithm 1.
    """

    beta: float = 0.5
    beta_sigma: float = 0.5
    gamma: float = 0.1
    gamma_sigma: float = 0.5
    rho: float = 0.0
    flavour: Flavour = "paper"

    purpose = "follows the min-norm combination step by step, on running averages of the gradients"
    paper = "Fernando et al., ICLR 2023"
    needs = Need.LOSSES | Need.GRADIENTS
    space = searching(beta=Interval(0.1, 0.99), gamma=Interval(1e-2, 1.0, log=True))
    heads = "own"
    claims = frozenset({Claim.NON_NEGATIVE, Claim.SIMPLEX, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 < self.beta <= 1:
            raise ValueError(f"moco: expected a beta above 0 and at most 1, got {self.beta}")
        if not 0 < self.gamma < float("inf"):
            raise ValueError(f"moco: expected a positive gamma, got {self.gamma}")
        for name in ("beta_sigma", "gamma_sigma", "rho"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"moco: expected a {name} of at least 0, got {getattr(self, name)}")
        if self.flavour not in get_args(Flavour):
            raise ValueError(f"moco: expected a flavour out of {get_args(Flavour)}, got {self.flavour!r}")

    def init(self, sizes: Sizes) -> MoCoState:
        """Averages of 0, equal weights."""
        return MoCoState(sizes.per_element(), sizes.per_task() + 1, sizes.per_task())

    @quiet
    def update(self, evidence: Evidence, state: MoCoState, draws: Draws) -> tuple[Answer, MoCoState]:
        """The averages and the weights after one step of both."""
        official, before = self.flavour == "official", state.averages
        steps = state.steps.numpy() + 1
        gradients = _as_long_as_losses(evidence) if official else evidence.gradients
        rates = sent((self.beta / steps**self.beta_sigma)[..., None], like=before)
        averages = torch.lerp(before, gradients.to(before.dtype), rates)
        # The weights follow from products that nobody knew before: an accelerator has to be waited for.
        (products,) = on_host([gramian_of(averages)])
        weights, total = shares(state.parts.numpy())
        slope = (products.numpy() @ weights[..., None])[..., 0] + self.rho * weights
        moved = weights - self.gamma / steps.max(-1, keepdims=True) ** self.gamma_sigma * slope
        weights = softmax(moved) if official else project_onto_simplex(moved)
        following = MoCoState(averages, tensors(weights * total), tensors(steps))
        return Answer(tensors(weights), averages), following


def _as_long_as_losses(evidence: Evidence) -> Float[Tensor, "*B K D"]:
    """The gradients in their directions, but with the losses as lengths."""
    gradients = evidence.gradients
    norms = torch.linalg.vector_norm(gradients, dim=-1, dtype=widest(gradients.device))
    losses = sent(np.maximum(evidence.losses.numpy(), 0), like=norms)
    factors = torch.where(norms > 0, losses / norms, 0.0)
    return gradients * factors[..., None].to(gradients.dtype)
