"""SDMGrad: the min-norm combination near the mean gradient, followed on two independent batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import quiet, tensors
from balancers.contract.counts import require_count
from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.solvers.simplex import project_onto_simplex, shares

Flavour = Literal["paper", "official"]


class SDMGradState(NamedTuple):
    """The weights w, before the mean is added to them, up to a factor."""

    parts: Float[Tensor, "*B K"]


@register("sdmgrad")
@dataclass(frozen=True)
class SDMGrad(Weighting[SDMGradState]):
    r"""Stochastic direction-oriented multi-objective gradient descent, with the mean gradient as the direction.

    The problem is :math:`\min_{w \in \Delta} \tfrac12 \|J^\top (w + \lambda m)\|^2` with :math:`m = 1/K` for every
    task. Every step continues from the last step's w with some projected steps of stochastic gradient descent,
    :math:`w \leftarrow \Pi_\Delta(w - \eta\, v)` and :math:`v \leftarrow \mu v + C (w + \lambda m)`, where
    :math:`C = J_1 J_2^\top` from two independent batches. The weights are :math:`(w + \lambda m) / (1 + \lambda)`, of
    the first batch in a call of `Balancer.backward` with two in ``others``. The paper's direction lacks the constant
    factor :math:`1 / (1 + \lambda)`, which the authors' code has.

    As in the experiments, C is first divided by the squared mean of the square roots of its diagonal, so that
    :math:`\eta` is free of scale. There the diagonal gets 1e-4 added, which is absolute, and is NaN where it is
    negative; here negative entries count as 0, and where that leaves no scale the weights stay as they are.
    The paper draws two new batches for every inner step; like the authors' code, this uses two per step for all of
    them. With the code's large :math:`\eta` the inner steps jump between corners rather than converge; a small one
    solves the problem.

    The authors' code means to do so with three batches, but stores their gradients in one and the same buffer: it
    computes the Gramian of one batch, without double sampling. ``flavour="official"`` does that, and needs no other
    batches. The code also multiplies the update by K, adds the head gradients of all batches up, and clips.

    Example:
        With both batches alike and a small step size, this is the shortest vector between the gradients, as for MGDA.

        >>> from balancers import create, probe
        >>> method = create("sdmgrad", learning_rate=0.1, iterations=200)
        >>> probe(method, gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.875, 0.125], update=[0.5, 0.5])

    Attributes:
        lambda_: pull towards the mean gradient; 0 is the min-norm combination. The authors' experiments use 0.3.
        iterations: inner steps per training step.
        learning_rate: their step size.
        momentum: of the inner steps, starting anew in every training step.
        flavour: "paper" or "official".

    Reference: Xiao, Ban and Ji, Direction-oriented Multi-objective Learning: Simple and Provable Stochastic
    Algorithms, NeurIPS 2023, Algorithm 1.
    """

    lambda_: float = 0.3
    iterations: int = 20
    learning_rate: float = 10.0
    momentum: float = 0.5
    flavour: Flavour = "paper"

    purpose = "follows the min-norm combination near the mean gradient, on two independent batches"
    paper = "Xiao et al., NeurIPS 2023"
    needs = Need.GRAMIAN | Need.CROSS_GRAMIAN  # one of them, as the flavour says
    space = searching(lambda_=Interval(0.1, 10.0, log=True))
    heads = "own"
    degree = 1
    claims = frozenset({Claim.NON_NEGATIVE, Claim.SIMPLEX, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 <= self.lambda_ < float("inf"):
            raise ValueError(f"sdmgrad: expected a lambda_ of at least 0, got {self.lambda_}")
        require_count("sdmgrad", "iterations", self.iterations, 1)
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"sdmgrad: expected a positive learning_rate, got {self.learning_rate}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"sdmgrad: expected a momentum of at least 0 and below 1, got {self.momentum}")
        if self.flavour not in get_args(Flavour):
            raise ValueError(f"sdmgrad: expected a flavour out of {get_args(Flavour)}, got {self.flavour!r}")

    def needs_now(self, state: SDMGradState) -> Need:
        """Two batches to cross, or only the one at hand."""
        return Need.GRAMIAN if self.flavour == "official" else Need.CROSS_GRAMIAN

    def init(self, sizes: Sizes) -> SDMGradState:
        """Equal weights."""
        return SDMGradState(sizes.per_task() + 1)

    @quiet
    def update(self, evidence: Evidence, state: SDMGradState, draws: Draws) -> tuple[Tensor, SDMGradState]:
        """The weights after the inner steps, mixed with equal ones."""
        measured = evidence.gramian if self.flavour == "official" else evidence.cross_gramian
        products = normalised(measured).numpy()
        pull = self.lambda_ / evidence.losses.shape[-1]
        weights, total = shares(state.parts.numpy())
        velocity = np.zeros_like(weights)
        for _ in range(self.iterations):
            # Products and sums apart: a fused operation rounds tasks with opposite gradients unequally.
            velocity = self.momentum * velocity + (products * (weights + pull)[..., None, :]).sum(-1)
            weights = project_onto_simplex(weights - self.learning_rate * velocity)
        return tensors((weights + pull) / (1 + self.lambda_)), SDMGradState(tensors(weights * total))


def normalised(products: Float[Tensor, "*B K K"]) -> Float[Tensor, "*B K K"]:
    """The products over the squared mean of the gradients' lengths; 0 where no length is known beyond rounding.

    Example:
        The lengths are 1 and 5, and the square of their mean is 9.

        >>> import torch
        >>> from balancers.methods.sdmgrad import normalised
        >>> normalised(torch.tensor([[1.0, -3.0], [-3.0, 25.0]], dtype=torch.float64)).round(decimals=3).tolist()
        [[0.111, -0.333], [-0.333, 2.778]]
    """
    largest = products.abs().amax((-2, -1), keepdim=True)
    lengths = products.diagonal(dim1=-2, dim2=-1).clamp(min=0).sqrt()
    square = lengths.mean(-1)[..., None, None] ** 2
    measurable = square > torch.finfo(products.dtype).eps * largest
    return torch.where(measurable, products / square, 0.0)
