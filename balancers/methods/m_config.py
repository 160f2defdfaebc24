"""M-ConFIG: ConFIG on running averages of the gradients, a few of which are renewed in every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import arrays, quiet, sent, tensors
from balancers.contract.counts import require_count
from balancers.contract.evidence import as_answer
from balancers.contract.registration import register
from balancers.contract.solution import Certificate
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Answer, Draws, Evidence, Need, Sizes, Weighting
from balancers.methods.conflict_free import ConFIG
from balancers.step.host import on_host
from balancers.step.products import combine, gramian_of


class MConFIGState(NamedTuple):
    """The running averages of every task's gradient and of the pseudo-gradients, and what counts their steps.

    ``first`` are the averages m of the gradients, and ``renewals`` how often each was renewed; ``turns`` is the value
    of ``clock``, which counts all renewals, at the last one. ``previous`` is the direction of the last step without its
    bias correction, ``root`` the square root of the average of the squared pseudo-gradients, and ``steps`` counts the
    steps. ``residual`` and ``fallbacks`` are the certificate of ConFIG.
    """

    first: Float[Tensor, "*B K D"]
    renewals: Float[Tensor, "*B K"]
    turns: Float[Tensor, "*B K"]
    clock: Float[Tensor, "*B"]
    previous: Float[Tensor, "*B D"]
    root: Float[Tensor, "*B D"]
    steps: Float[Tensor, "*B"]
    residual: Float[Tensor, "*B"]
    fallbacks: Float[Tensor, "*B"]


@register("m-config")
@dataclass(frozen=True)
class MConFIG(Weighting[MConFIGState]):
    r"""Conflict-free inverse gradients with momentum.

    In every step the tasks whose turn it is renew the averages of their gradients,
    :math:`m_i \leftarrow \beta_1 m_i + (1 - \beta_1) g_i`. The direction u is that of ``config`` for all averages
    :math:`\hat m_i = m_i / (1 - \beta_1^{t_i})`, where :math:`t_i` counts the renewals of task i. The pseudo-gradient p
    is the gradient whose average would be u: in step t,
    :math:`(1 - \beta_1) p = (1 - \beta_1^t) u_t - \beta_1 (1 - \beta_1^{t-1}) u_{t-1}`. With
    :math:`s \leftarrow \beta_2 s + (1 - \beta_2) p^2`, element by element, the update is
    :math:`u / \sqrt{s / (1 - \beta_2^t)}`.

    The weights are those of the averages brought to length 1, and the largest of them has size 1.

    Like an update of Adam, it is about as long in every element as the learning rate: train with plain SGD. A task that
    has no average yet begins one as soon as it is present; when a task comes back, it is next.

    The paper's method is cheap because a step takes the gradients of the tasks whose turn it is alone. Here all of them
    are measured in every step, so that a step costs as much as one of ``config``. Therefore all averages begin in the
    first step; the official scripts begin them in turn, and do not move the shared parameters before all have begun.
    The official code adds 1e-8 to the root of s, which is left out here, because it makes small losses behave
    differently; an element in which all directions so far were 0 stays 0. Where the cosines of the averages cannot be
    equal, ``config`` says what their direction is, and the step is counted as unsolved.

    Example:
        In the first step the direction is that of ``config``, (1.2, 2.4), and every element is divided by its own size.
        In the second step both gradients have turned, and it is the first task's turn: its average is (0.474, 0.526),
        a little behind its gradient, while the second task's is as before.

        >>> from balancers import probe
        >>> steps = [[[1, 0], [-3, 4]], [[0, 1], [5, 0]]]
        >>> probe("m-config", gradients=steps[:1], losses=[[1, 4]])
        Response(weights=[1, 1], update=[1, 1])
        >>> probe("m-config", gradients=steps, losses=[[1, 4]] * 2)
        Response(weights=[1, 1], update=[0.2, 0.936])

    Attributes:
        beta_1: share of the past in the averages of the gradients, at least 0 and below 1.
        beta_2: share of the past in the average of the squares, at least 0 and below 1.
        updates: how many tasks renew their averages in a step, in turn.

    Reference: Liu et al., ConFIG: Towards Conflict-free Training of Physics Informed Neural Networks, ICLR 2025; the
    momentum operator of the official code.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    updates: int = 1

    purpose = "gives the update the same cosine with running averages of all gradients, and steps like Adam"
    paper = "Liu et al., ICLR 2025"
    needs = Need.GRADIENTS
    space = searching(beta_1=Interval(0.5, 0.95))  # around the value of the official code; chosen here
    heads = "own"
    degree = 0

    def __post_init__(self) -> None:
        for name in ("beta_1", "beta_2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"m-config: expected {name} of at least 0 and below 1, got {getattr(self, name)}")
        require_count("m-config", "updates", self.updates, 1)

    def init(self, sizes: Sizes) -> MConFIGState:
        """Averages of 0."""
        first = sizes.per_element()
        return MConFIGState(
            first,
            renewals=sizes.per_task(),
            turns=sizes.per_task(),
            clock=sizes.scalar(),
            previous=torch.zeros_like(first[..., 0, :]),
            root=torch.zeros_like(first[..., 0, :]),
            steps=sizes.scalar(),
            residual=sizes.scalar(),
            fallbacks=sizes.scalar(),
        )

    @quiet
    def update(self, evidence: Evidence, state: MConFIGState, draws: Draws) -> tuple[Answer, MConFIGState]:
        """The weights of the unit averages in ConFIG's direction, and these averages in Adam's units."""
        state = self._renew(evidence, state)
        # The weights follow from products that nobody knew before: an accelerator has to be waited for.
        (products,) = on_host([gramian_of(state.first)])
        unbiased = 1 - self.beta_1 ** state.renewals.numpy()
        averaged = tensors(products.numpy() / (unbiased[..., :, None] * unbiased[..., None, :]))
        shown = Evidence(evidence.losses, averaged, resolution=evidence.resolution)
        answer, certificate = ConFIG().update(shown, Certificate(state.residual, state.fallbacks), draws)
        norms = shown.norms.numpy()
        shares = as_answer(answer).weights.numpy() * norms
        largest = np.abs(shares).max(-1, keepdims=True)
        lengths = np.where(norms > 0, unbiased * norms, np.inf)[..., None]
        units = state.first / sent(lengths, like=state.first)
        state = self._square(combine(sent(shares, like=units), units), state)
        size = state.root / sent(np.sqrt(1 - self.beta_2 ** state.steps.numpy())[..., None], like=state.root)
        factors = torch.where(size > 0, sent(largest, like=size) / size, 0.0)
        weights = np.where(largest > 0, shares / largest, 0.0)
        following = state._replace(residual=certificate.residual, fallbacks=certificate.fallbacks)
        return Answer(tensors(weights), units.mul_(factors[..., None, :])), following

    def certificate(self, state: MConFIGState) -> Certificate:
        """How well the equations of ConFIG were solved."""
        return Certificate(state.residual, state.fallbacks)

    def _renew(self, evidence: Evidence, state: MConFIGState) -> MConFIGState:
        """The averages with this step's gradients of the tasks whose turn it is, or which have no average yet."""
        renewals, turns, clock = arrays((state.renewals, state.turns, state.clock))
        places = turns.argsort(-1, kind="stable").argsort(-1)  # in the order of the last turns, then of the tasks
        due = (places < self.updates) | (renewals == 0)
        rates = sent(np.where(due, 1 - self.beta_1, 0.0)[..., None], like=state.first)
        return state._replace(
            first=torch.lerp(state.first, evidence.gradients.to(state.first.dtype), rates),
            renewals=tensors(renewals + due),
            turns=tensors(np.where(due, clock[..., None] + 1 + places, turns)),
            clock=tensors(clock + due.sum(-1)),
        )

    def _square(self, direction: Float[Tensor, "*B D"], state: MConFIGState) -> MConFIGState:
        """The state with the pseudo-gradient of this direction in the average of the squares."""
        steps = state.steps.numpy() + 1
        biased = direction * sent((1 - self.beta_1**steps)[..., None], like=direction)
        pseudo = (biased - self.beta_1 * state.previous) / (1 - self.beta_1)
        root = torch.hypot(self.beta_2**0.5 * state.root, (1 - self.beta_2) ** 0.5 * pseudo)
        return state._replace(previous=biased, root=root, steps=tensors(steps))
