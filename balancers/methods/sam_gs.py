"""SAM-GS: gradients of unlike length are brought to one length, gradients of like length weighted by their averages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import arrays, in_numpy, quiet, sent, tensors
from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting

FLOOR = 1e-8  # what every step adds to v beside the squared dissimilarity, which has no unit; of the official code


class SAMGSState(NamedTuple):
    """The averages m of the gradients and v of the squared dissimilarity, each with the number of its steps."""

    averages: Float[Tensor, "*B K D"]
    task_steps: Float[Tensor, "*B K"]
    variance: Float[Tensor, "*B"]
    steps: Float[Tensor, "*B"]


@register("sam-gs")
@dataclass(frozen=True)
class SAMGS(Weighting[SAMGSState]):
    r"""Similarity-aware momentum gradient surgery.

    The similarity S is the mean of :math:`2 \|g_i\| \|g_j\| / (\|g_i\|^2 + \|g_j\|^2)` over all pairs of tasks. In
    every step :math:`m_i \leftarrow \beta_1 m_i + (1 - \beta_1) g_i`, and
    :math:`v \leftarrow \beta_2 v + (1 - \beta_2) (1 - S)^2 + 10^{-8}`. Then

    - where :math:`S < \gamma`, all gradients get their mean length: :math:`w_i = \bar n / \|g_i\|`, where
      :math:`\bar n` is the mean of the norms;
    - elsewhere, element by element, :math:`w_i = |\hat m_i| / \sqrt{\hat v}`, with :math:`\hat m_i` and
      :math:`\hat v` divided by :math:`1 - \beta^t` after t steps.

    The first kind of update grows with the losses, the second with their square: choose an optimizer that does not
    mind, such as Adam, or clip the gradient. The official code clips it to norm 1, which is left to the training loop;
    the update is multiplied by K before, which clipping makes meaningless, and which is left out. Its variant for
    reinforcement learning equalises the gradients as soon as one pair of tasks is less similar than γ. One task alone
    is like itself, S = 1, where the code divides 0 by 0. A gradient of 0 is unlike all others but another 0, and stays
    0. In :math:`\hat m_i`, t counts the steps in which task i was present.

    Example:
        The norms are 1 and 5, and S = 10 / 26 = 0.385 is below 0.7: both gradients get the length 3. In the second
        step both are 5 long, S = 1, and their averages are (3.105, 0) and (-3, 4) without the bias; v remembers how
        unlike they were.

        >>> from balancers import probe
        >>> steps = [[[1, 0], [-3, 4]], [[5, 0], [-3, 4]]]
        >>> probe("sam-gs", gradients=steps[:1], losses=[[1, 4]])
        Response(weights=[[3, 3], [0.6, 0.6]], update=[1.2, 2.4])
        >>> probe("sam-gs", gradients=steps, losses=[[1, 4], [1, 4]])
        Response(weights=[[7.154, 0], [6.912, 9.216]], update=[15.036, 36.862])

    Attributes:
        beta_1: share of the past in the averages of the gradients, at least 0 and below 1.
        beta_2: share of the past in v, at least 0 and below 1.
        gamma: the similarity below which gradients are brought to one length, from 0 (never) to 1. The default is the
            value of the scripts for images; the default of the code, for a plane, is 0.1.

    Reference: Borsani et al., Gradient Similarity Surgery in Multi-Task Deep Learning, arXiv 2506.06130; the official
    code.
    """

    beta_1: float = 0.9
    beta_2: float = 0.99
    gamma: float = 0.7

    purpose = "brings gradients of unlike length to one length, and weights like ones by their running averages"
    paper = "Borsani et al., arXiv 2506.06130"
    needs = Need.GRAMIAN | Need.GRADIENTS  # of the Gramian only the norms
    space = searching(gamma=Interval(0.1, 0.9))  # the range of the published scripts
    heads = "own"
    claims = frozenset({Claim.NON_NEGATIVE, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        for name in ("beta_1", "beta_2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"sam-gs: expected {name} of at least 0 and below 1, got {getattr(self, name)}")
        if not 0 <= self.gamma <= 1:
            raise ValueError(f"sam-gs: expected gamma from 0 to 1, got {self.gamma}")

    def init(self, sizes: Sizes) -> SAMGSState:
        """Averages of 0."""
        return SAMGSState(sizes.per_element(), sizes.per_task(), sizes.scalar(), sizes.scalar())

    @quiet
    def update(self, evidence: Evidence, state: SAMGSState, draws: Draws) -> tuple[Tensor, SAMGSState]:
        """Weights per element, the same for all elements of a task where the gradients are unlike."""
        norms, task_steps, variance, steps = arrays((evidence.norms, *state[1:]))
        similarity = mean_similarity(norms)
        averages = torch.lerp(state.averages, evidence.gradients.to(state.averages.dtype), 1 - self.beta_1)
        variance = self.beta_2 * variance + (1 - self.beta_2) * (1 - similarity) ** 2 + FLOOR
        task_steps, steps = task_steps + 1, steps + 1
        spread = np.sqrt(variance / (1 - self.beta_2**steps))
        factors = 1 / ((1 - self.beta_1**task_steps) * spread[..., None])
        equal = np.where(norms > 0, norms.mean(-1, keepdims=True) / norms, 0.0)
        unlike = (similarity < self.gamma)[..., None]
        # Where gradients are unlike, their averages count nothing beside the factors of equal length.
        sizes = averages.abs().mul_(sent(np.where(unlike, 0.0, factors)[..., None], like=averages))
        weights = sizes.add_(sent(np.where(unlike, equal, 0.0)[..., None], like=averages))
        return weights, tensors(SAMGSState(averages, task_steps, variance, steps))


@in_numpy
def mean_similarity(norms: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B"]:
    """How alike the lengths of all pairs of gradients are, from 0 to 1, on average; 1 for a single task.

    Example:
        >>> import torch
        >>> from balancers.methods.sam_gs import mean_similarity
        >>> round(mean_similarity(torch.tensor([1.0, 5.0])).item(), 3)  # 10 / 26
        0.385
    """
    tasks = norms.shape[-1]
    if tasks == 1:
        return np.ones(norms.shape[:-1], dtype=norms.dtype)
    one, other = norms[..., :, None], norms[..., None, :]
    larger = np.maximum(one, other)
    ratios = np.where(larger > 0, np.minimum(one, other) / larger, 1.0)
    similarities = 2 * ratios / (1 + ratios**2)
    return np.asarray(np.triu(similarities, 1).sum((-2, -1)) / (tasks * (tasks - 1) / 2))
