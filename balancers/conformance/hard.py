"""What every method must do where gradients are hard to balance: keep its claims, and certify no work of rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from balancers.balancer import Balancer
from balancers.conformance.hard_gradients import hard_problems, kinds_for
from balancers.conformance.problems import TOLERANCE, evidence_of, play, require, shown
from balancers.contract.evidence import Answer
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Weighting

TASK_COUNTS = (1, 2, 3, 11)
DTYPES = (torch.float64, torch.float32)
AGREED = 1e-3  # relative difference of two updates that both are called solutions of one problem
GROWTH = 1e3  # how much larger weights may be where gradients cancel than for random gradients of the same lengths
DISTANCES = {"nearly stationary": 1e-4}  # there, weights may be larger by one over its square
MORE_TASKS = 40  # in single precision and one step, because some methods are slow there
STEPS = 2  # of a run that watches claims, so that a method with memory has one
STARTS, HEAD_STEPS, RATE = 4, 8, 0.01  # of the runs that watch heads
STRAY = 10.0  # how much farther from its optimum a head may be than it was at first

Change = Callable[[Evidence], Evidence]


class _Outcome(NamedTuple):
    """What a method answered in one step to gradients of one kind.

    Attributes:
        where: the number of tasks, the precision, the kind and the step, in words.
        gradients: (K, D), in float64: the measured ones, or the ones that the method put in their place.
        solved: whether the method called its equations solved; True for a method that solves none.
    """

    where: str
    kind: str
    norms: Tensor
    gradients: Tensor
    measured: Tensor
    weights: Tensor
    solved: bool

    @property
    def update(self) -> Tensor:
        """The update of the shared parameters, (D,)."""
        return (self._per_element * self.gradients).sum(0)

    @property
    def terms(self) -> Tensor:
        """The size of what the update is the sum of."""
        return (self._per_element.abs() * self.gradients.abs()).sum(0).norm()

    @property
    def longest_term(self) -> Tensor:
        """The largest weight times length of a gradient."""
        return (self._per_element.abs().amax(-1) * self.norms).max()

    @property
    def _per_element(self) -> Tensor:
        return self.weights if self.weights.dim() > 1 else self.weights[:, None]


def hard_claims(weighting: Weighting) -> None:
    """Every property that the method declares holds where gradients cancel or depend on each other."""
    for tasks, dtype in (*_sizes(), (MORE_TASKS, torch.float32)):
        for outcome in _outcomes(weighting, tasks, dtype, steps=STEPS if tasks < MORE_TASKS else 1):
            for claim in weighting.claims & ALONE.keys():
                ALONE[claim](outcome)
    if Claim.PERMUTATION_EQUIVARIANT in weighting.claims:
        for tasks, dtype in _sizes():
            _same_in_reverse(weighting, tasks, dtype)


def honest_certificates(weighting: Weighting) -> None:
    """What a method calls solved does not change when the same gradients are written in other coordinates.

    Inner products stay as they are, to rounding. If a method calls both answers solutions and they differ, at least one
    of them is the work of rounding. It should have said that it found none.
    """
    if Need.GRADIENTS in weighting.needs or not _solves(weighting):
        return
    for tasks, dtype in _sizes():
        plain = _outcomes(weighting, tasks, dtype)
        usual = _outcomes(weighting, tasks, dtype, _in_random_directions)
        for one, other, typical in zip(plain, _outcomes(weighting, tasks, dtype, _rotated), usual, strict=True):
            if not (one.solved and other.solved):
                continue
            distance = (one.weights @ one.gradients - other.weights @ one.gradients).norm()
            allowed = AGREED * one.update.norm() + TOLERANCE * typical.update.norm()
            require(
                distance <= allowed,
                f"{one.where}: calls two updates solutions of one problem, {shown(one.update)} and "
                f"{shown(other.weights @ one.gradients)}; where rounding decides, say that there is no solution",
            )


def bounded_weights(weighting: Weighting) -> None:
    """Where gradients cancel, the terms of the update are as long as they are for random gradients of the same lengths.

    Heads that are weighted follow the same weights.
    """
    for tasks, dtype in (*_sizes(), (MORE_TASKS, torch.float32)):
        usual = _outcomes(weighting, tasks, dtype, _in_random_directions)
        for outcome, typical in zip(_outcomes(weighting, tasks, dtype), usual, strict=True):
            usual_size = max(typical.longest_term, typical.weights.abs().max() * typical.norms.max())
            bound = GROWTH / DISTANCES.get(outcome.kind, 1.0) ** 2 * usual_size
            require(
                outcome.longest_term <= bound,
                f"{outcome.where}: weight times length of a gradient is {outcome.longest_term:.3g}, and "
                f"{usual_size:.3g} for random gradients of these lengths; weighted heads would be thrown out",
            )


def bounded_heads(weighting: Weighting) -> None:
    """At a stationary point of the shared parameters no head is thrown away from its optimum."""
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.3, 1.0]])
    generator = torch.Generator().manual_seed(0)
    for _ in range(STARTS):
        shares = torch.rand(3, generator=generator) + 0.1
        point = (shares @ corners / shares.sum()).requires_grad_()
        heads = [torch.tensor(0.9, requires_grad=True) for _ in range(3)]
        optimizer = torch.optim.SGD([point, *heads], lr=RATE)
        balancer = Balancer(weighting, 3)

        def losses(point: Tensor = point, heads: list[Tensor] = heads) -> list[Tensor]:
            return [
                (point - corner).square().sum() + (head - 1) ** 2 for corner, head in zip(corners, heads, strict=True)
            ]

        for step in range(HEAD_STEPS):
            optimizer.zero_grad()
            others = [losses(), losses()] if Need.CROSS_GRAMIAN in weighting.needs else []
            weights = balancer.backward(losses(), shared=[point], others=others)
            optimizer.step()
            balancer.after_step(losses())
            farthest = max(abs(head.item() - 1) for head in heads)
            require(
                farthest <= STRAY * 0.1,
                f"three tasks, float32, a stationary point, step {step}: weights {shown(weights)} throw a head from "
                f"0.1 to {farthest:.3g} away from its optimum",
            )


def _sizes() -> list[tuple[int, torch.dtype]]:
    return list(product(TASK_COUNTS, DTYPES))


def _solves(weighting: Weighting) -> bool:
    run = hard_problems(1, torch.float64)[:1]
    return any(weighting.certificate(state) is not None for _, state in play(weighting, run, Draws.seeded(0, (1,))))


def _outcomes(
    weighting: Weighting, tasks: int, dtype: torch.dtype, change: Change = lambda evidence: evidence, steps: int = 1
) -> Iterator[_Outcome]:
    run = [change(evidence) for evidence in hard_problems(tasks, dtype)[:steps]]
    kinds = list(kinds_for(tasks))
    before = torch.zeros(len(kinds))
    played = play(weighting, run, Draws.seeded(0, (len(kinds),)))
    for step, (evidence, (answer, state)) in enumerate(zip(run, played, strict=True)):
        certificate = weighting.certificate(state)
        fallbacks = before if certificate is None else certificate.fallbacks
        for i, kind in enumerate(kinds):
            where = f"{tasks} tasks, {str(dtype).removeprefix('torch.')}, {kind} gradients, step {step}"
            measured = evidence.gradients[i].double()
            yield _Outcome(
                where,
                kind,
                evidence.norms[i],
                _replaced(answer, i, measured),
                measured,
                answer.weights[i].double(),
                bool(fallbacks[i] == before[i]),
            )
        before = fallbacks


def _replaced(answer: Answer, i: int, measured: Tensor) -> Tensor:
    return measured if answer.gradients is None else answer.gradients[i].double()


def _rotated(evidence: Evidence) -> Evidence:
    elements = evidence.gradients.shape[-1]
    noise = torch.randn(elements, elements, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return evidence_of(evidence.gradients.double() @ torch.linalg.qr(noise).Q, evidence.losses)


def _in_random_directions(evidence: Evidence) -> Evidence:
    noise = torch.randn(evidence.gradients.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    unit = noise / noise.norm(dim=-1, keepdim=True)
    return evidence_of((unit * evidence.norms[..., None]).to(evidence.gradients.dtype), evidence.losses)


def _reversed(evidence: Evidence) -> Evidence:
    return evidence_of(evidence.gradients.flip(-2), evidence.losses.flip(-1))


def _same_in_reverse(weighting: Weighting, tasks: int, dtype: torch.dtype) -> None:
    both = zip(_outcomes(weighting, tasks, dtype), _outcomes(weighting, tasks, dtype, _reversed), strict=True)
    for one, other in both:
        if one.solved != other.solved:  # on the edge of what has a solution, rounding may decide
            continue
        slack = AGREED * one.update.norm() + TOLERANCE * one.terms
        require(
            (one.update - other.update).norm() <= slack,
            f"{one.where}: claims {Claim.PERMUTATION_EQUIVARIANT.value!r}; the update is {shown(one.update)}, and in "
            f"reverse order {shown(other.update)}",
        )


def _non_negative(outcome: _Outcome) -> None:
    complaint = f"{outcome.where}: claims {Claim.NON_NEGATIVE.value!r}, got {shown(outcome.weights)}"
    require((outcome.weights >= 0).all(), complaint)


def _sums_to_one(outcome: _Outcome) -> None:
    complaint = f"{outcome.where}: claims {Claim.SIMPLEX.value!r}, got {shown(outcome.weights)}"
    require((outcome.weights.sum(0) - 1).abs().max() <= TOLERANCE, complaint)


def _sums_to_tasks(outcome: _Outcome) -> None:
    tasks = len(outcome.weights)
    complaint = f"{outcome.where}: claims {Claim.SUM_TO_TASKS.value!r}, got {shown(outcome.weights)}"
    require((outcome.weights.sum(0) - tasks).abs().max() <= TOLERANCE * tasks, complaint)


def _non_conflicting(outcome: _Outcome) -> None:
    products = outcome.measured @ outcome.update
    slack = TOLERANCE * outcome.norms * outcome.terms
    complaint = f"{outcome.where}: claims {Claim.NON_CONFLICTING.value!r}, got {shown(products)}"
    require((products >= -slack).all(), complaint)


ALONE: dict[Claim, Callable[[_Outcome], None]] = {  # what one answer can show
    Claim.NON_NEGATIVE: _non_negative,
    Claim.SIMPLEX: _sums_to_one,
    Claim.SUM_TO_TASKS: _sums_to_tasks,
    Claim.NON_CONFLICTING: _non_conflicting,
}
