"""Random loss weighting: new random weights in every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import in_numpy
from balancers.contract.registration import register
from balancers.contract.space import Choice, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Stateless
from balancers.solvers.simplex import softmax

Distribution = Literal["normal", "uniform", "dirichlet", "bernoulli", "c-bernoulli"]


@register("rlw")
@dataclass(frozen=True)
class RLW(Stateless):
    r"""Weights on the simplex, drawn anew in every step; on average all are equal.

    By default :math:`w = \mathrm{softmax}(z)` with z standard normal. They sum to 1 where equal weights usually sum to
    K, which matters under SGD. The authors' library departs from their paper in two places: it puts a Dirichlet sample
    through a softmax too, which leaves the weights nearly equal, and does not divide Bernoulli weights by their sum. We
    follow the paper.

    Example:
        The weights are random and sum to 1. With the distribution c-bernoulli one task has all of it.

        >>> from balancers import create, probe
        >>> response = probe("rlw", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        >>> round(response.weights.sum().item(), 6)
        1.0
        >>> probe(create("rlw", distribution="c-bernoulli"), gradients=[[1, 0], [-3, 4]], losses=[1, 4], seed=0)
        Response(weights=[1, 0], update=[1, 0])

    Attributes:
        distribution: "normal" or "uniform" on [0, 1), both followed by a softmax; "dirichlet", uniform on the simplex;
            "bernoulli", equal weights on a random subset of the tasks, every subset but the empty one being as
            likely; "c-bernoulli", one random task.

    Reference: Lin et al., Reasonable Effectiveness of Random Weighting: A Litmus Test for Multi-Task Learning, TMLR
    2022, Algorithm 1.
    """

    distribution: Distribution = "normal"

    purpose = "draws new random weights in every step"
    paper = "Lin et al., TMLR 2022"
    needs = Need.LOSSES
    space = searching(distribution=Choice(("normal", "uniform", "dirichlet", "bernoulli", "c-bernoulli")))
    stochastic = True
    degree = 1
    claims = frozenset({Claim.NON_NEGATIVE, Claim.SIMPLEX})

    def __post_init__(self) -> None:
        if self.distribution not in get_args(Distribution):
            raise ValueError(f"rlw: expected a distribution out of {get_args(Distribution)}, got {self.distribution!r}")

    def weigh(self, evidence: Evidence, draws: Draws) -> Float[Tensor, "*B K"]:
        """A sample for every replica."""
        if self.distribution == "normal":
            return softmax(draws.normal(evidence.losses))
        sample = {"uniform": softmax, "dirichlet": _gaps, "bernoulli": _equal_on_a_subset, "c-bernoulli": _largest}
        return sample[self.distribution](draws.uniform(evidence.losses))


@in_numpy
def _gaps(uniform: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K"]:
    """The K pieces into which the first K - 1 numbers cut the unit interval, which are uniform on the simplex."""
    return np.diff(np.sort(uniform[..., :-1], -1), axis=-1, prepend=0.0, append=1.0)


@in_numpy
def _equal_on_a_subset(uniform: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K"]:
    """Equal weights for the members of a random subset."""
    chosen = nonempty_subset(uniform)
    return chosen / chosen.sum(-1, keepdims=True)


@in_numpy
def _largest(uniform: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K"]:
    """All weight for the task with the largest number."""
    return (np.arange(uniform.shape[-1]) == uniform.argmax(-1)[..., None]).astype(float)


@in_numpy
def nonempty_subset(uniform: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K"]:
    r"""Ones for the members of a subset, K fair coins on the condition that not all show 0, without drawing again.

    While all coins before it show 0, coin i of 0, ..., K - 1 shows 1 with probability
    :math:`\tfrac12 / (1 - 2^{-(K - i)})`, and afterwards with 1/2.

    Example:
        >>> import torch
        >>> from balancers.methods.rlw import nonempty_subset
        >>> nonempty_subset(torch.tensor([0.9, 0.2, 0.9], dtype=torch.float64)).tolist()
        [0.0, 1.0, 0.0]
        >>> nonempty_subset(torch.tensor([0.9, 0.9, 0.9], dtype=torch.float64)).tolist()  # the last coin must show 1
        [0.0, 0.0, 1.0]
    """
    position = np.arange(uniform.shape[-1])
    first = (uniform < 0.5 / (1 - 0.5 ** (uniform.shape[-1] - position))).argmax(-1)[..., None]
    return ((uniform < 0.5) | (position == first)).astype(float)
