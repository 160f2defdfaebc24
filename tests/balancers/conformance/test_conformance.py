"""The registry's methods pass the public kit, and the kit notices methods that break their promises."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float
from torch import Tensor

from balancers import Claim, Draws, Evidence, Need, Sizes, Solution, Solving, Stateless, Weighting, create, names
from balancers.conformance import CHECKS, check
from balancers.conformance.claims import CLAIM_TESTS, has_degree
from tests.balancers.counterexamples import VARIATIONS, Key
from tests.balancers.jacobians import KINDS


@pytest.mark.parametrize("method", names())
@pytest.mark.parametrize("name", CHECKS)
def test_every_registered_method_conforms(name: str, method: str) -> None:
    CHECKS[name](create(method))


CLAIMED = [(create(name), claim) for name in names() for claim in sorted(create(name).claims, key=str)]
SCALED = [create(name) for name in names() if create(name).degree is not None]
SEARCH = settings(max_examples=12, deadline=None, derandomize=True)

any_problem = st.builds(
    Key, st.sampled_from(sorted(KINDS)), st.integers(1, 15), st.integers(0, 10_000), st.sampled_from(sorted(VARIATIONS))
)


def called(value: Weighting | Claim) -> str:
    return value.name


@pytest.mark.parametrize(("weighting", "claim"), CLAIMED, ids=called)
@given(problem=any_problem)
@SEARCH
def test_a_claim_holds_on_gradients_of_every_kind(weighting: Weighting, claim: Claim, problem: Key) -> None:
    CLAIM_TESTS[claim](weighting, problem.run())


@pytest.mark.parametrize("weighting", SCALED, ids=called)
@given(problem=any_problem)
@SEARCH
def test_a_degree_holds_on_gradients_of_every_kind(weighting: Weighting, problem: Key) -> None:
    has_degree(weighting, problem.run(), float(weighting.degree or 0))


def failed(weighting: Weighting) -> set[str]:
    return {result.name for result in check(weighting) if not result.passed}


class Broken(Stateless):
    name = "broken"
    needs = Need.GRAMIAN


@dataclass(frozen=True)
class WrongShape(Broken):
    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return evidence.gramian


@dataclass(frozen=True)
class ForgetsReplicas(Broken):
    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return evidence.norms / evidence.norms.sum()


@dataclass(frozen=True)
class WritesIntoItsEvidence(Broken):
    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        evidence.losses.add_(1)
        return torch.ones_like(evidence.losses)


@dataclass(frozen=True)
class DividesByNorms(Broken):
    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return 1 / evidence.norms


@dataclass(frozen=True)
class HasAnAbsoluteEpsilon(Broken):
    degree = 1

    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        weights = 1 / (evidence.norms + 1e-8)
        return weights / weights.sum(-1, keepdim=True)


@dataclass(frozen=True)
class UsesTheGlobalGenerator(Broken):
    stochastic = True

    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return torch.rand(evidence.losses.shape, dtype=torch.float64)


@dataclass(frozen=True)
class HidesThatItDraws(Broken):
    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return draws.uniform(evidence.losses)


@dataclass(frozen=True)
class OverstatesItself(Broken):
    claims = frozenset({Claim.NON_CONFLICTING, Claim.SIMPLEX})

    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return torch.ones_like(evidence.losses)


@dataclass(frozen=True)
class ForgetsThatASimplexIsNonNegative(Broken):
    claims = frozenset({Claim.SIMPLEX})

    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return torch.full_like(evidence.losses, 1 / evidence.losses.shape[-1])


@dataclass(frozen=True)
class MeasuresAnywhere(Broken):
    place = "anywhere"  # pyright: ignore[reportAssignmentType]

    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return torch.ones_like(evidence.losses)


@dataclass(frozen=True)
class HasNoWeightForAHead(Broken):
    needs = Need.GRADIENTS
    heads = "weighted"

    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return torch.ones_like(evidence.gradients)


@dataclass(frozen=True)
class WeighsInSinglePrecision(Broken):
    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return torch.ones_like(evidence.losses).float()


@dataclass(frozen=True)
class LooksAtWhatItDoesNotAskFor(Broken):
    needs = Need.LOSSES

    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return torch.ones_like(evidence.losses) if evidence.measured_gramian is None else evidence.norms


@dataclass(frozen=True)
class InvertsTheGramian(Broken):
    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return torch.linalg.inv(evidence.gramian).sum(-1)


@dataclass(frozen=True)
class TakesLogarithmsOfLosses(Broken):
    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return torch.log(evidence.losses)


@dataclass(frozen=True)
class TakesHighPowers(Broken):
    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return evidence.norms**27


@dataclass(frozen=True)
class TakesRootsOfProductsAcrossBatches(Broken):
    needs = Need.CROSS_GRAMIAN

    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return evidence.cross_gramian.diagonal(dim1=-2, dim2=-1).sqrt()


@dataclass(frozen=True)
class SolvesBadly(Solving):
    name = "sloppy"
    needs = Need.LOSSES

    def solve(self, evidence: Evidence, draws: Draws) -> Solution:
        return Solution(torch.ones_like(evidence.losses), evidence.losses.amax(-1), evidence.losses.amax(-1) > 0)


class Count(NamedTuple):
    steps: Float[Tensor, "*B"]


class PerTask(NamedTuple):
    steps: Float[Tensor, "*B K"]


@dataclass(frozen=True)
class WritesIntoItsState(Weighting[Count]):
    name = "writer"
    needs = Need.LOSSES_AFTER

    def init(self, sizes: Sizes) -> Count:
        return Count(sizes.scalar())

    def update(self, evidence: Evidence, state: Count, draws: Draws) -> tuple[Tensor, Count]:
        return torch.ones_like(evidence.losses), state

    def after(self, losses: Tensor, state: Count) -> Count:
        return Count(state.steps.add_(1))


@dataclass(frozen=True)
class BreaksWhenATaskArrivesLate(Weighting[PerTask]):
    name = "impatient"
    needs = Need.LOSSES

    def init(self, sizes: Sizes) -> PerTask:
        return PerTask(sizes.per_task())

    def update(self, evidence: Evidence, state: PerTask, draws: Draws) -> tuple[Tensor, PerTask]:
        return 1 / (state.steps == state.steps.amax(-1, keepdim=True)).double(), PerTask(state.steps + 1)


@dataclass(frozen=True)
class KeepsItsStateOnTheObject(Weighting[Count]):
    name = "hidden"
    needs = Need.LOSSES

    def init(self, sizes: Sizes) -> Count:
        object.__setattr__(self, "calls", 0)
        return Count(sizes.scalar())

    def update(self, evidence: Evidence, state: Count, draws: Draws) -> tuple[Tensor, Count]:
        calls = self.calls + 1  # pyright: ignore[reportAttributeAccessIssue]
        object.__setattr__(self, "calls", calls)
        return calls * torch.ones_like(evidence.losses), state


@pytest.mark.parametrize(
    ("weighting", "check_name"),
    [
        (MeasuresAnywhere(), "facts"),
        (HasNoWeightForAHead(), "facts"),
        (WrongShape(), "shapes"),
        (WeighsInSinglePrecision(), "shapes"),
        (ForgetsReplicas(), "batch axes"),
        (WritesIntoItsEvidence(), "purity"),
        (WritesIntoItsState(), "purity"),
        (LooksAtWhatItDoesNotAskFor(), "needs"),
        (DividesByNorms(), "degenerate gradients"),
        (InvertsTheGramian(), "degenerate gradients"),
        (TakesLogarithmsOfLosses(), "degenerate losses"),
        (TakesHighPowers(), "extreme scales"),
        (TakesRootsOfProductsAcrossBatches(), "unlike batches"),
        (BreaksWhenATaskArrivesLate(), "absent tasks"),
        (SolvesBadly(), "certificates"),
        (HasAnAbsoluteEpsilon(), "declared degree"),
        (UsesTheGlobalGenerator(), "determinism"),
        (HidesThatItDraws(), "determinism"),
        (OverstatesItself(), "declared claims"),
        (ForgetsThatASimplexIsNonNegative(), "declared claims"),
        (KeepsItsStateOnTheObject(), "resume"),
    ],
)
def test_a_method_that_breaks_a_promise_is_told_which(weighting: Weighting, check_name: str) -> None:
    assert check_name in failed(weighting)
