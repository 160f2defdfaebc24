"""A plain step, and the same step with a balancer in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from balancers import Balancer, Draws, Evidence, Need, Stateless, Weighting
from balancers.contract.evidence import WITHOUT_GRADIENTS
from balancers.contract.weighting import Heads
from benchmarks.studies.step_cost.models import Problem
from benchmarks.studies.timing import Step

PLACES = ("shared", "last", "features")


class Sort(NamedTuple):
    """What of a method decides the cost of its step around the weights."""

    needs: Need
    heads: Heads


def sort_of(weighting: Weighting) -> Sort:
    """The sort of a method; a Gramian of one batch costs next to nothing where those across batches are measured.

    Scores come from evaluations, which are no part of a step.
    """
    crossed = Need.CROSS_GRAMIAN in weighting.needs
    needs = weighting.needs | Need.LOSSES | (Need.GRAMIAN if crossed else Need.LOSSES)
    return Sort(needs & ~Need.SCORES, weighting.heads)


def places(weighting: Weighting) -> tuple[str, ...]:
    """Where it makes a difference to measure, and is possible."""
    needs = weighting.needs
    if not needs & ~WITHOUT_GRADIENTS or Balancer(weighting, 2).keeps_gradients:
        return ("shared",)
    if Need.CROSS_GRAMIAN in needs:
        return ("shared", "last")
    return ("shared", "features") if Need.GRADIENTS in needs else PLACES


def probe(sort: Sort) -> Weighting:
    """A method of a sort that gives every task weight 1."""
    return type("Probe", (_Probe,), {"needs": sort.needs, "heads": sort.heads, "name": "probe"})()


@dataclass(frozen=True)
class _Probe(Stateless):
    def weigh(self, seen: Evidence, draws: Draws) -> Tensor:  # noqa: ARG002
        """One."""
        return torch.ones_like(seen.losses)


def plain_step(problem: Problem) -> Step:
    """``losses.sum().backward()``, the step that every ratio refers to."""

    def step() -> None:
        torch.stack(problem.losses(problem.features())).sum().backward()

    return step


def bound_step(problem: Problem) -> Step:
    """The forward pass, and a backward pass of each loss to all parameters that it reaches: F + B_1 + ... + B_K."""
    shared = list(problem.encoder.parameters())

    def step() -> None:
        for loss, head in zip(problem.losses(problem.features()), problem.heads, strict=True):
            torch.autograd.grad(loss, [*shared, *head.parameters()], retain_graph=True)

    return step


def balanced_step(problem: Problem, balancer: Balancer, place: str) -> Step:
    """A step that measures at ``place``, with all that the method needs: more batches, the losses after the step."""
    shared, last = list(problem.encoder.parameters()), list(problem.last.parameters())
    needs = balancer.weighting.needs

    def step() -> None:
        features = problem.features()
        crossed = Need.CROSS_GRAMIAN in needs
        balancer.backward(
            problem.losses(features),
            shared,
            at=last if place == "last" else None,
            features=features if place == "features" else None,
            others=[problem.losses(problem.features()) for _ in range(2)] if crossed else [],
        )
        if Need.LOSSES_AFTER in needs:
            with torch.no_grad():
                balancer.after_step(problem.losses(problem.features()))

    return step
