"""Wrappers: solve less often (PSMGD), smooth the weights (CR-MOGM), fix the length of the update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import arrays, quiet, tensors
from balancers.contract.counts import require_count
from balancers.contract.evidence import as_answer
from balancers.contract.exactness import widest
from balancers.contract.weighting import Answer, Claim, Draws, Empty, Evidence, Need, Sizes
from balancers.wrappers.wrapper import Wrapper, split

# What is true of weights together with the gradients that they were found for. Where gradients are linearly dependent
# weights may be one choice of many, so that not even the order of the tasks is without effect on other gradients.
OF_THE_UPDATE = frozenset({Claim.NON_CONFLICTING, Claim.PERMUTATION_EQUIVARIANT})

LENGTHS = ("mean", "sum", "unit")
KNOWN = 32  # times the resolution of the gradients: from this length on the direction of an update is known to 3 %
SHORTEST = (1e-3, 0.1)  # where that lies, in shares of the lengths of the update's terms


class Kept(NamedTuple):
    """The weights that are kept, and for how many more steps each is used.

    Example:
        >>> from balancers import Sizes, create
        >>> create("every:4:gls").begin(Sizes(2)).left.tolist()
        [0.0, 0.0]
    """

    weights: Float[Tensor, "*B K"]
    heads: Float[Tensor, "*B K"]
    left: Float[Tensor, "*B K"]


@dataclass(frozen=True)
class Every(Wrapper):
    r"""PSMGD around any method: weights are computed in every n-th step, and in between a step costs one backward pass.

    With :math:`\hat\lambda_t` the weights of the method inside, :math:`\lambda_t = \hat\lambda_t` if n divides t, and
    :math:`\lambda_t = \lambda_{t-1}` otherwise, counting from 0. The method sees nothing of the steps in between: what
    it remembers moves on in every n-th step only.

    A task that is present without a weight of its own, or with one that n steps have used, has the weights of all
    present tasks found anew. Methods that weigh element by element, that put gradients of their own in place, or that
    look at the losses after a step have nothing that could be kept, and are refused.

    Example:
        In the second step the weights are still those of the first, 1 / 1 and 1 / 4.

        >>> from balancers import probe
        >>> probe("every:2:scale-invariant", gradients=[[1, 0], [-3, 4]], losses=[[1, 4], [1, 2]])
        Response(weights=[1, 0.25], update=[0.25, 1])

    Attributes:
        method: the method inside.
        steps: n, R in the paper; 1 is the method itself.

    Reference: Xu et al., PSMGD: Periodic Stochastic Multi-Gradient Descent for Fast Multi-Objective Optimization,
    AAAI 2025.
    """

    steps: int = 4

    prefix = "every"
    argument = "STEPS"
    convert = int

    def __post_init__(self) -> None:
        require_count("every", "steps", self.steps, 1)
        if Need.LOSSES_AFTER in self.method.needs:
            raise ValueError(f"every: {self.method.name} needs the losses after each step, so it cannot leave any out")

    @property
    def interval(self) -> int:
        """The interval of the method times the wrapper's number of steps."""
        return self.steps * self.method.interval

    @property
    def needs(self) -> Need:
        """The evidence that the method needs, and the losses for the steps in between."""
        return self.method.needs | Need.LOSSES

    @property
    def claims(self) -> frozenset[Claim]:
        """The claims about the weights alone, which stay true with the gradients of later steps."""
        return self.method.claims if self.steps == 1 else self.method.claims - OF_THE_UPDATE

    def needs_now(self, state: tuple) -> Need:
        """The evidence that the method needs in every n-th step, and the losses alone in between."""
        own, inner = split(state)
        return self.method.needs_now(inner) if _due(own) else Need.LOSSES

    def begin(self, sizes: Sizes) -> Kept:
        """Nothing kept yet."""
        return Kept(sizes.per_task(), sizes.per_task(), sizes.per_task())

    def wrap(self, evidence: Evidence, own: Kept, inner: tuple, draws: Draws) -> tuple[Answer, Kept, tuple]:
        """The method's answer, or the kept one."""
        if not _due(own):
            return Answer(own.weights, heads=own.heads), own._replace(left=own.left - 1), inner
        answer, inner = self.method.update(evidence, inner, draws)
        answer = as_answer(answer)
        self.require_one_weight_per_task(answer, evidence)
        if answer.gradients is not None:
            raise ValueError(f"{self.name}: {self.method.name} puts gradients of its own in place in every step")
        heads = torch.ones_like(own.heads) if answer.heads is None else answer.heads
        left = torch.full_like(own.left, self.steps - 1)
        return Answer(answer.weights, heads=heads), Kept(answer.weights, heads, left), inner


def _due(kept: Kept) -> bool:
    return bool((kept.left.numpy() <= 0).any())


class Average(NamedTuple):
    """The smoothed weights, and how many steps each task has seen.

    Example:
        >>> from balancers import Sizes, create
        >>> create("smoothed:0.9:gls").begin(Sizes(2)).weights.tolist()
        [0.0, 0.0]
    """

    weights: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]


@dataclass(frozen=True)
class Smoothed(Wrapper):
    r"""CR-MOGM around any method: weights that are averaged over time.

    With :math:`\hat\lambda_t` the weights of the method inside,
    :math:`\lambda_t = a\lambda_{t-1} + (1-a)\hat\lambda_t`. The method does not learn what becomes of its weights. A
    task's average begins with the weight of its first step. The paper lets a grow as the learning rate falls, and a
    weighting does not know the learning rate: here a is constant. Methods that weigh element by element are refused.

    Example:
        The second weight is 1/4 in the first step and 1/2 in the second: 0.9 * 0.25 + 0.1 * 0.5.

        >>> from balancers import probe
        >>> probe("smoothed:0.9:scale-invariant", gradients=[[1, 0], [-3, 4]], losses=[[1, 4], [1, 2]])
        Response(weights=[1, 0.275], update=[0.175, 1.1])

    Attributes:
        method: the method inside.
        momentum: a, from 0 (the method itself) to below 1.

    Reference: Zhou et al., On the Convergence of Stochastic Multi-Objective Gradient Manipulation and Beyond,
    NeurIPS 2022.
    """

    momentum: float = 0.9

    prefix = "smoothed"
    argument = "MOMENTUM"
    convert = float

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise ValueError(f"smoothed: expected a momentum of at least 0 and below 1, got {self.momentum}")

    @property
    def claims(self) -> frozenset[Claim]:
        """The claims about the weights alone, which an average of weights keeps."""
        return self.method.claims - OF_THE_UPDATE if self.momentum else self.method.claims

    def begin(self, sizes: Sizes) -> Average:
        """No average yet."""
        return Average(sizes.per_task(), sizes.per_task())

    def wrap(self, evidence: Evidence, own: Average, inner: tuple, draws: Draws) -> tuple[Answer, Average, tuple]:
        """The method's answer with the average in the place of its weights."""
        answer, inner = self.method.update(evidence, inner, draws)
        answer = as_answer(answer)
        self.require_one_weight_per_task(answer, evidence)
        latest, before, steps = arrays((answer.weights, own.weights, own.steps))
        before = np.where(steps > 0, before, latest)
        average = tensors(Average(self.momentum * before + (1 - self.momentum) * latest, steps + 1))
        return answer._replace(weights=average.weights), average, inner


@dataclass(frozen=True)
class Rescaled(Wrapper):
    r"""The method's direction with the length of the mean gradient ("mean"), of the sum of all ("sum"), or 1 ("unit").

    All weights are multiplied by the same factor, so that the norm of the update :math:`\|u\|` becomes
    :math:`\|\tfrac1K\sum_i g_i\|`, :math:`\|\sum_i g_i\|`, or 1, at the place where gradients are measured. Heads with
    the weighted loss get the factor too. It is a control: optimizers mix the direction with the size of the step.

    Where the terms of the update cancel down to a thousandth of their lengths, or to a tenth in half precision, the
    factor grows no more, and the update stays short: the direction is more and more rounding, and weights would throw
    out the heads that follow them. Without any gradient the weights stay as they are.

    Example:
        MGDA's update (0.5, 0.5) is 0.5 ** 0.5 long. It is brought to length 1.

        >>> from balancers import probe
        >>> probe("rescaled:unit:mgda", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1.237, 0.177], update=[0.707, 0.707])

    Attributes:
        method: the method inside.
        to: "mean", "sum" or "unit".
    """

    to: str = "mean"

    prefix = "rescaled"
    revision = 1
    argument = "LENGTH"
    convert = str

    def __post_init__(self) -> None:
        if self.to not in LENGTHS:
            raise ValueError(f"rescaled: expected a length out of {', '.join(LENGTHS)}, got {self.to!r}")

    @property
    def needs(self) -> Need:
        """The evidence that the method needs, and the Gramian, which holds all lengths."""
        return self.method.needs | Need.GRAMIAN

    def needs_now(self, state: tuple) -> Need:
        """The evidence that the method needs now, and the Gramian."""
        return super().needs_now(state) | Need.GRAMIAN

    @property
    def claims(self) -> frozenset[Claim]:
        """The claims that a positive factor leaves true."""
        return self.method.claims - {Claim.SIMPLEX, Claim.SUM_TO_TASKS}

    @property
    def degree(self) -> float | None:
        """1 for the lengths "mean" and "sum", 0 for "unit"; None if the method has no degree."""
        return None if self.method.degree is None else float(self.to != "unit")

    def begin(self, sizes: Sizes) -> Empty:  # noqa: ARG002
        """Nothing to remember."""
        return Empty()

    def wrap(self, evidence: Evidence, own: Empty, inner: tuple, draws: Draws) -> tuple[Answer, Empty, tuple]:
        """The method's answer with all weights times one factor."""
        answer, inner = self.method.update(evidence, inner, draws)
        answer = as_answer(answer)
        length, terms = _lengths(answer, evidence)
        shortest = min(max(KNOWN * evidence.resolution, SHORTEST[0]), SHORTEST[1])
        shown = torch.maximum(length, terms * shortest)
        factor = torch.where(terms > 0, self._wanted(evidence).to(shown, non_blocking=True) / shown, 1.0)
        factor = factor.to(answer.weights)  # an accelerator is waited for where a method puts gradients in place
        weights = answer.weights * factor.reshape(*factor.shape, *[1] * (answer.weights.dim() - factor.dim()))
        return answer._replace(weights=weights), own, inner

    def _wanted(self, evidence: Evidence) -> Float[Tensor, "*B"]:
        if self.to == "unit":
            return torch.ones_like(evidence.losses[..., 0])
        total, _ = _lengths_from_gramian(torch.ones_like(evidence.losses), evidence)
        return total / evidence.losses.shape[-1] if self.to == "mean" else total


def _lengths(answer: Answer, evidence: Evidence) -> tuple[Float[Tensor, "*B"], Float[Tensor, "*B"]]:
    """The norm of the update, and the sum of the norms of its terms."""
    weights = answer.weights
    if weights.dim() == evidence.losses.dim() and answer.gradients is None:
        return _lengths_from_gramian(weights, evidence)
    rows = evidence.gradients if answer.gradients is None else answer.gradients
    wide = widest(rows.device)
    factors = weights if weights.dim() == rows.dim() else weights[..., None]
    terms = factors.to(rows.device, wide, non_blocking=True) * rows
    return terms.sum(-2).norm(dim=-1), terms.norm(dim=-1).sum(-1)


@quiet
def _lengths_from_gramian(
    weights: Float[Tensor, "*B K"], evidence: Evidence
) -> tuple[Float[Tensor, "*B"], Float[Tensor, "*B"]]:
    factors, norms, cosines = arrays((weights, evidence.norms, evidence.cosines))
    parts = factors * norms
    largest = np.abs(parts).max(-1)
    shares = np.where(largest[..., None] > 0, parts / largest[..., None], 0.0)
    squared = (shares * (cosines @ shares[..., None])[..., 0]).sum(-1)
    return tensors((largest * np.sqrt(np.maximum(squared, 0)), largest * np.abs(shares).sum(-1)))


WRAPPERS: dict[str, type[Wrapper]] = {wrapper.prefix: wrapper for wrapper in (Every, Smoothed, Rescaled)}
