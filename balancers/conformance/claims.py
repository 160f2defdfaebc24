"""What a method promises by declaring a `Claim` or a degree, one function per promise."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from balancers.conformance.problems import (
    TASK_COUNTS,
    TOLERANCE,
    all_answers,
    all_weights,
    evidence_of,
    problems,
    require,
    require_close,
    shown,
    terms_of,
    update_of,
)
from balancers.contract.weighting import Claim, Evidence, Weighting

SEEDS = 3  # problems of every number of tasks, for every claim
SCALES = (2.0**-40, 2.0**-20, 2.0**20, 2.0**40)  # about 1e-12 to 1e12; powers of two add no rounding of their own


def declared_claims(weighting: Weighting) -> None:
    """Every property that the method declares holds on random problems of several sizes."""
    implied = Claim.SIMPLEX not in weighting.claims or Claim.NON_NEGATIVE in weighting.claims
    require(implied, f"claims {Claim.SIMPLEX.value!r}: then claim {Claim.NON_NEGATIVE.value!r} too")
    for claim in weighting.claims:
        for tasks in TASK_COUNTS:
            for seed in range(SEEDS):
                CLAIM_TESTS[claim](weighting, problems(tasks, seed=seed))


def declared_degree(weighting: Weighting) -> None:
    """The update scales with the losses as the method's `degree` says; a method without one says None."""
    if weighting.degree is None:
        return
    for tasks in TASK_COUNTS:
        has_degree(weighting, problems(tasks), float(weighting.degree))


def has_degree(weighting: Weighting, run: list[Evidence], degree: float) -> None:
    """Losses times c make the update times c**degree.

    Example:
        >>> from balancers import create
        >>> from balancers.conformance.claims import has_degree
        >>> from balancers.conformance.problems import problems
        >>> has_degree(create("fixed"), problems(2), degree=1.0)
    """
    expected = _updates(weighting, run)
    for scale in SCALES:
        scaled = [evidence_of(evidence.gradients * scale, evidence.losses * scale) for evidence in run]
        for (got, _), (want, size) in zip(_updates(weighting, scaled), expected, strict=True):
            require_close(got / scale**degree, want, f"declares degree {degree:g}; at scale {scale:g}", size)


def _non_negative(weighting: Weighting, run: list[Evidence]) -> None:
    for weights in all_weights(weighting, run):
        require((weights >= 0).all(), f"claims {Claim.NON_NEGATIVE.value!r}, got {shown(weights)}")


def _sums_to(claim: Claim, weighting: Weighting, run: list[Evidence], total: float) -> None:
    for weights in all_weights(weighting, run):
        close = (weights.sum(-1) - total).abs() <= TOLERANCE * max(total, 1.0)
        require(close.all(), f"claims {claim.value!r}, got {shown(weights)}")


def _simplex(weighting: Weighting, run: list[Evidence]) -> None:
    _non_negative(weighting, run)
    _sums_to(Claim.SIMPLEX, weighting, run, 1.0)


def _sum_to_tasks(weighting: Weighting, run: list[Evidence]) -> None:
    _sums_to(Claim.SUM_TO_TASKS, weighting, run, float(run[0].losses.shape[-1]))


def _permutation_equivariant(weighting: Weighting, run: list[Evidence]) -> None:
    expected = _updates(weighting, run)
    positions = torch.arange(run[0].losses.shape[-1])
    for what, order in (("in reverse", positions.flip(0)), ("with the first one last", positions.roll(-1))):
        permuted = [evidence_of(evidence.gradients[order], evidence.losses[order]) for evidence in run]
        for (got, _), (want, size) in zip(_updates(weighting, permuted), expected, strict=True):
            require_close(got, want, f"claims {Claim.PERMUTATION_EQUIVARIANT.value!r}; tasks {what}", size)


def _non_conflicting(weighting: Weighting, run: list[Evidence]) -> None:
    for evidence, (update, size) in zip(run, _updates(weighting, run), strict=True):
        products = evidence.gradients @ update
        slack = TOLERANCE * evidence.norms * size
        require((products >= -slack).all(), f"claims {Claim.NON_CONFLICTING.value!r}, got {shown(products)}")


def _updates(weighting: Weighting, run: list[Evidence]) -> list[tuple[Tensor, Tensor]]:
    """Every update of a run, and the size of the terms that it is the sum of."""
    answers = zip(all_answers(weighting, run), run, strict=True)
    return [(update_of(answer, evidence), terms_of(answer, evidence)) for answer, evidence in answers]


CLAIM_TESTS: dict[Claim, Callable[[Weighting, list[Evidence]], None]] = {
    Claim.NON_NEGATIVE: _non_negative,
    Claim.SIMPLEX: _simplex,
    Claim.SUM_TO_TASKS: _sum_to_tasks,
    Claim.PERMUTATION_EQUIVARIANT: _permutation_equivariant,
    Claim.NON_CONFLICTING: _non_conflicting,
}
