"""What a method promises by declaring a `Claim`, one function per claim."""

from __future__ import annotations

from collections.abc import Callable

import torch

from balancers.base import Claim, Evidence, Weighting
from balancers.conformance.problems import (
    TASK_COUNTS,
    TOLERANCE,
    all_updates,
    all_weights,
    evidence,
    problems,
    require,
    require_close,
)


def declared_claims(weighting: Weighting) -> None:
    """Every property that the method declares holds on random problems of several sizes."""
    for claim in weighting.claims:
        for tasks in TASK_COUNTS:
            for seed in range(3):
                CLAIM_TESTS[claim](weighting, problems(tasks, seed=seed))


def _non_negative(weighting: Weighting, run: list[Evidence]) -> None:
    for weights in all_weights(weighting, run):
        require((weights >= 0).all(), f"claims {Claim.NON_NEGATIVE.value!r}, got {weights.tolist()}")


def _sums_to(claim: Claim, weighting: Weighting, run: list[Evidence], total: float) -> None:
    for weights in all_weights(weighting, run):
        close = (weights.sum(-1) - total).abs() <= TOLERANCE * max(total, 1.0)
        require(close.all(), f"claims {claim.value!r}, got {weights.tolist()}")


def _simplex(weighting: Weighting, run: list[Evidence]) -> None:
    _non_negative(weighting, run)
    _sums_to(Claim.SIMPLEX, weighting, run, 1.0)


def _sum_to_tasks(weighting: Weighting, run: list[Evidence]) -> None:
    _sums_to(Claim.SUM_TO_TASKS, weighting, run, float(run[0].losses.shape[-1]))


def _permutation_equivariant(weighting: Weighting, run: list[Evidence]) -> None:
    expected = all_updates(weighting, run)
    order = torch.arange(run[0].losses.shape[-1]).flip(0)
    permuted = [evidence(seen.gradients[order], seen.losses[order]) for seen in run]
    for got, want in zip(all_updates(weighting, permuted), expected, strict=True):
        require_close(got, want, f"claims {Claim.PERMUTATION_EQUIVARIANT.value!r}; tasks in reverse")


def _non_conflicting(weighting: Weighting, run: list[Evidence]) -> None:
    for seen, update in zip(run, all_updates(weighting, run), strict=True):
        products = seen.gradients @ update
        slack = TOLERANCE * seen.norms * update.norm()
        require((products >= -slack).all(), f"claims {Claim.NON_CONFLICTING.value!r}, got {products.tolist()}")


def declared_degree(weighting: Weighting) -> None:
    """The update scales with the losses as the method's `degree` says; a method without one says None."""
    if weighting.degree is None:
        return
    for tasks in TASK_COUNTS:
        run = problems(tasks)
        expected = all_updates(weighting, run)
        for scale in (1e-6, 1e6):
            scaled = [evidence(seen.gradients * scale, seen.losses * scale) for seen in run]
            for got, want in zip(all_updates(weighting, scaled), expected, strict=True):
                what = f"declares degree {weighting.degree:g}; at scale {scale:g}"
                require_close(got / scale**weighting.degree, want, what)


CLAIM_TESTS: dict[Claim, Callable[[Weighting, list[Evidence]], None]] = {
    Claim.NON_NEGATIVE: _non_negative,
    Claim.SIMPLEX: _simplex,
    Claim.SUM_TO_TASKS: _sum_to_tasks,
    Claim.PERMUTATION_EQUIVARIANT: _permutation_equivariant,
    Claim.NON_CONFLICTING: _non_conflicting,
}
