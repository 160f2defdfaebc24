"""Smooth Tchebycheff scalarization (STCH): the worst tasks count most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import arrays, quiet, tensors
from balancers.contract.counts import require_count
from balancers.contract.preferences import allocate, checked_preference, on_simplex
from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.solvers.positive import inverse, logarithm
from balancers.solvers.simplex import softmax

Flavour = Literal["paper", "official"]


class STCHState(NamedTuple):
    """The preference, as it was given; for the official flavour, the sum of the losses that make the nadir point."""

    preference: Float[Tensor, "*B K"]
    nadir_sums: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]


@register("stch")
@dataclass(frozen=True)
class STCH(Weighting[STCHState]):
    r"""The gradient of :math:`\mu \log \sum_i \exp\left(\lambda_i (\ell_i - z_i) / \mu\right)`.

    The weights are :math:`w_i = \lambda_i\,\mathrm{softmax}(\lambda (\ell - z) / \mu)_i`. For :math:`\mu \to 0` this is
    ``tchebycheff``. The ideal point z is the lower bounds that a `Balancer` is told.

    The official code for multi-task learning is another method: ``flavour="official"``. For 4 epochs and a fifth it
    minimises :math:`\sum_i \log \ell_i`; the mean losses of the fifth are the nadir point n; from then on it minimises
    :math:`K \mu \log \sum_i (\ell_i / n_i)^{1/\mu}`, that is, the logarithms of the ratios take the place of
    :math:`\lambda_i (\ell_i - z_i)`. With :math:`\mu = 1`, its default, this is the logarithm of a sum with fixed
    weights. Epochs are counted in steps in which a task is present. A small number added to the losses is left out: a
    task at loss 0 gets weight 0.

    Example:
        The preferred losses are 0.5 and 2. The weights are 0.5 times their softmax.

        >>> from balancers import probe
        >>> probe("stch", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.091, 0.409], update=[-1.135, 1.635])

    Attributes:
        mu: :math:`\mu`, in units of the losses in the paper's flavour. The paper tries 0.01 to 1; the default is that
            of the official code.
        preference: :math:`\lambda` of the paper's flavour, one positive number per task, in the order of the tasks (or,
            in a `Balancer`, a mapping by task name); divided by their sum over the tasks that are present. Equal
            unless given.
        flavour: "paper" or "official".
        warmup: of the official flavour, in epochs.
        epoch: of the official flavour, in steps.

    Reference: Lin et al., Smooth Tchebycheff Scalarization for Multi-Objective Optimization, ICML 2024.
    """

    mu: float = 1.0
    preference: Sequence[float] | None = None
    flavour: Flavour = "paper"
    warmup: int = 4
    epoch: int = 25

    purpose = "gives the worst tasks the most weight, by a smooth maximum of the losses"
    paper = "Lin et al., ICML 2024"
    needs = Need.LOSSES
    space = searching(mu=Interval(0.01, 1.0, log=True))  # the range that the paper tries
    positive_losses = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "preference", checked_preference(self.preference, "stch"))
        if not 0 < self.mu < float("inf"):
            raise ValueError(f"stch: expected a positive mu, got {self.mu}")
        if self.flavour not in get_args(Flavour):
            raise ValueError(f"stch: expected a flavour out of {get_args(Flavour)}, got {self.flavour!r}")
        if self.flavour == "official" and self.preference is not None:
            raise ValueError("stch: expected no preference, which the official flavour has no place for")
        require_count("stch", "warmup", self.warmup, 0)
        require_count("stch", "epoch", self.epoch, 1)

    @property
    def degree(self) -> float | None:
        """The official flavour sees nothing but logarithms of losses."""
        return 0.0 if self.flavour == "official" else None

    @property
    def claims(self) -> frozenset[Claim]:
        """A preference makes the order of the tasks matter."""
        symmetric = frozenset({Claim.PERMUTATION_EQUIVARIANT}) if self.preference is None else frozenset()
        return frozenset({Claim.NON_NEGATIVE}) | symmetric

    def init(self, sizes: Sizes) -> STCHState:
        """The preference of every replica."""
        return STCHState(allocate(self.preference, sizes, "stch"), sizes.per_task(), sizes.per_task())

    @quiet
    def update(self, evidence: Evidence, state: STCHState, draws: Draws) -> tuple[Tensor, STCHState]:
        """The weights; the official flavour's also depend on where it is in training."""
        losses, (preference, nadir_sums, steps) = evidence.losses.numpy(), arrays(state)
        if self.flavour == "paper":
            preference = on_simplex(preference)
            return tensors(preference * self._shares(preference * losses)), state
        first, last = self.warmup * self.epoch, (self.warmup + 1) * self.epoch
        averaged = (steps >= first) & (steps < last)
        nadir_sums = nadir_sums + np.where(averaged, losses, 0.0)
        ready = (steps >= last).all(-1, keepdims=True)
        logs = logarithm(losses) - logarithm(nadir_sums / self.epoch)
        factors = np.where(ready, self._shares(logs) * logs.shape[-1], 1.0)
        return tensors((factors * inverse(losses), state._replace(nadir_sums=nadir_sums, steps=steps + 1)))

    def _shares(self, values: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K"]:
        """The slope of the smooth maximum of the values in each of them."""
        return softmax((values - values.max(-1, keepdims=True)) / self.mu)
