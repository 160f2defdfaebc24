"""RotoGrad: gradients at the representation get one length, and rotations between encoder and heads align them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import arrays, quiet, sent, tensors
from balancers.contract.counts import require_count
from balancers.contract.exactness import widest
from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.solvers.adam import adam_step


class RotoGradState(NamedTuple):
    """A rotation per task, what Adam remembers of it, and the norm of every task's first gradient."""

    rotations: Float[Tensor, "*B K M M"]
    first: Float[Tensor, "*B K M M"]
    second: Float[Tensor, "*B K M M"]
    first_norms: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]


@register("rotograd")
@dataclass(frozen=True)
class RotoGrad(Weighting[RotoGradState]):
    r"""Gradient homogenization: the gradients :math:`G_k` at the shared representation z are scaled and rotated.

    Scaling: with :math:`\alpha_k` the share of :math:`\|G_k\| / \|G_k^0\|` in its sum over the tasks, :math:`G_k^0` the
    first gradient, and :math:`C = \sum_k \alpha_k \|G_k\|`, the weights are :math:`w_k = C / \|G_k\|`.

    Rotation: the head of task k sees :math:`R_k z` (`Balancer.adapt`), and :math:`R_k` ascends on
    :math:`\sum_n \langle R_k^\top \tilde g_{n,k}, v_n \rangle`, where :math:`\tilde g_{n,k}` is the gradient of example
    n at :math:`R_k z`, and :math:`v_n` the mean over the tasks of the gradients at z, each divided by :math:`\|G_k\|`.
    For :math:`R_k \exp(S)`, S antisymmetric, the slope at S = 0 is the antisymmetric part of
    :math:`\sum_n g_{n,k} v_n^\top`. As this depends on the direction of :math:`G_k` alone, so does the step: it is
    Adam's, without epsilon, in the coordinates S, and its length shrinks, because the paper's guarantee wants rotations
    to learn ever more slowly than the network.

    Without `Balancer.adapt` only the scaling takes place, which the paper studies as an ablation.

    The official code differs in three ways. It measures :math:`G_k^0` twice, in the first step and again after a
    burn-in of 20 steps, because gradients change quickly at first: ``burn_in=20`` does so too. It does not divide the
    :math:`\tilde g_{n,k}` by their norm, and it gives the :math:`v_n` the length of the mean gradient, so that a
    rotation learns more from steps with long gradients. It keeps rotations orthogonal by a parametrization from another
    library, with an optimizer of the user's choice.

    Example:
        In the first step both gradients get the mean norm, 3. Nothing is rotated without `Balancer.adapt`.

        >>> from balancers import probe
        >>> probe("rotograd", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[3, 0.6], update=[1.2, 2.4])

    Attributes:
        learning_rate: of the rotations in the first step, in radians per coordinate; chosen here.
        decay: of that learning rate, per step; chosen here.
        burn_in: after how many steps of a task its first gradient is measured anew; 0 keeps the one of its first step,
            as in the paper.

    Reference: Javaloy and Valera, RotoGrad: Gradient Homogenization in Multitask Learning, ICLR 2022, Algorithm 1.
    """

    learning_rate: float = 1e-3
    decay: float = 0.9999
    burn_in: int = 0

    purpose = "brings the gradients at the representation to one length and learns rotations that align them"
    paper = "Javaloy and Valera, ICLR 2022"
    needs = Need.GRAMIAN | Need.GRADIENTS
    space = searching(learning_rate=Interval(1e-4, 1e-2, log=True))
    heads = "own"
    place = "features"
    degree = 1
    claims = frozenset({Claim.NON_NEGATIVE, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < 1:
            raise ValueError(f"rotograd: expected a learning_rate between 0 and 1, got {self.learning_rate}")
        if not 0 < self.decay <= 1:
            raise ValueError(f"rotograd: expected a decay above 0 and at most 1, got {self.decay}")
        require_count("rotograd", "burn_in", self.burn_in, 0)

    def init(self, sizes: Sizes) -> RotoGradState:
        """No rotation."""
        identity = torch.eye(sizes.width, dtype=widest(sizes.device), device=sizes.device)
        rotations = identity.expand(*sizes.batch, sizes.tasks, -1, -1).clone()
        zeros = torch.zeros_like(rotations)
        return RotoGradState(rotations, zeros, zeros.clone(), sizes.per_task(), sizes.per_task())

    def adapt(self, features: Float[Tensor, "*N M"], state: RotoGradState) -> Float[Tensor, "K *N M"]:
        """The representation, rotated for every task."""
        return torch.einsum("kij,...j->k...i", state.rotations.to(features.dtype), features)

    @quiet
    def update(self, evidence: Evidence, state: RotoGradState, draws: Draws) -> tuple[Tensor, RotoGradState]:
        """The scaling of this step, and the rotations after one step."""
        norms, first_norms, steps = arrays((evidence.norms, state.first_norms, state.steps))
        measured = (steps == 0) | (steps == self.burn_in)
        first_norms = np.where(measured, norms, first_norms)
        ratios = np.where(first_norms > 0, norms / first_norms, 1.0)
        common = (ratios / ratios.sum(-1, keepdims=True) * norms).sum(-1, keepdims=True)
        weights = np.where(norms > 0, common / norms, 0.0)
        following = state._replace(first_norms=tensors(first_norms), steps=tensors(steps + 1))
        return tensors(weights), self._turned(evidence, following) if state.rotations.shape[-1] else following

    def _turned(self, evidence: Evidence, state: RotoGradState) -> RotoGradState:
        """The state with the rotations after one step, which is the one that its steps count last."""
        slope = alignment(evidence.gradients, evidence.norms, state.rotations.shape[-1])
        counts = state.steps.numpy()[..., None, None]
        direction, first, second = adam_step(slope, state.first, state.second, counts)
        angles = direction * sent(self.learning_rate * self.decay ** (counts - 1), like=direction)
        # On an accelerator, PyTorch looks at the sizes of the matrices here, and waits for them.
        return state._replace(rotations=state.rotations @ torch.linalg.matrix_exp(angles), first=first, second=second)


def alignment(
    gradients: Float[Tensor, "*B K D"], norms: Float[Tensor, "*B K"], width: int
) -> Float[Tensor, "*B K M M"]:
    """How far each task's gradients would turn towards the mean direction: an antisymmetric matrix per task.

    Example:
        The mean direction (0.5, 0.5) lies on one side of (1, 0) and on the other side of (0, 1).

        >>> import torch
        >>> from balancers.methods.rotograd import alignment
        >>> gradients = torch.eye(2, dtype=torch.float64)
        >>> alignment(gradients, torch.ones(2, dtype=torch.float64), width=2)[:, 0, 1].tolist()
        [0.25, -0.25]
    """
    wide = widest(gradients.device)
    inverse = torch.where(norms > 0, 1 / norms, 0.0).to(gradients.device, wide, non_blocking=True)
    directions = (gradients * inverse[..., None]).unflatten(-1, (-1, width))
    products = directions.mT @ directions.mean(-3, keepdim=True)
    return (products - products.mT) / 2
