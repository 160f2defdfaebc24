"""Invariances are measured: what is known by proof comes out, and what methods claim is confirmed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from balancers import Claim, Draws, Evidence, Need, Stateless, create, names
from benchmarks.reporting.findings import invariances, probes
from benchmarks.reporting.findings.invariances import (
    AGAINST,
    ALL_STILL,
    CONSTANT,
    COPY,
    FACTOR,
    ON_AVERAGE,
    ORDER,
    PRECISION,
    PROBES,
    SOME_STILL,
    UNITS,
    YES,
)
from tests.benchmarks import synthetic

METHODS = names()


@pytest.fixture(scope="module")
def verdicts() -> dict[str, dict[str, str]]:
    return {name: invariances.verdicts(create(name)) for name in METHODS}


@pytest.mark.parametrize(
    ("name", "column", "starts"),
    [
        # A sum of gradients: rescaled losses weigh otherwise, all losses times 8 are 7/8 of the larger update apart.
        ("fixed", UNITS, "no"),
        ("fixed", FACTOR, "no (0.88)"),
        ("fixed", ORDER, YES),
        ("fixed", COPY, "no"),
        ("fixed", CONSTANT, YES),
        ("fixed", AGAINST, "no"),
        # The gradient of a sum of logarithms.
        ("scale-invariant", UNITS, YES),
        ("scale-invariant", FACTOR, YES),
        # The shortest vector of the convex hull: copies change no hull, and the point 0 is in it with a constant task.
        ("mgda", COPY, YES),
        ("mgda", CONSTANT, "no (1)"),
        ("mgda", AGAINST, YES),
        ("mgda", ALL_STILL, YES),
        ("mgda", SOME_STILL, YES),
        ("mgda", UNITS, "no"),
        # Nash's axioms: invariance to affine scales, and Pareto stationarity.
        ("nash-mtl", UNITS, YES),
        ("nash-mtl", ALL_STILL, YES),
        # The projection of the mean onto the dual cone moves along what helps the free task and hurts no other.
        ("upgrad", AGAINST, YES),
        ("upgrad", ALL_STILL, YES),
        ("upgrad", SOME_STILL, "no"),
        # Random orders: alike in distribution, and not draw by draw.
        ("pcgrad", ORDER, ON_AVERAGE),
        ("rlw", ORDER, ON_AVERAGE),
        ("rlw", AGAINST, "no"),
    ],
)
def test_what_is_known_by_proof_is_measured(
    verdicts: dict[str, dict[str, str]], name: str, column: str, starts: str
) -> None:
    assert verdicts[name][column].startswith(starts)


@pytest.mark.parametrize("name", METHODS)
def test_measured_and_declared_properties_agree(verdicts: dict[str, dict[str, str]], name: str) -> None:
    method, found = create(name), verdicts[name]
    assert Claim.NON_CONFLICTING not in method.claims or found[AGAINST] == YES
    assert Claim.PERMUTATION_EQUIVARIANT not in method.claims or found[ORDER] == YES
    if method.degree is not None:
        assert (found[FACTOR] == YES) == (method.degree == 0)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_of_this_library_can_be_measured(verdicts: dict[str, dict[str, str]], name: str) -> None:
    assert not any(verdict.startswith(invariances.FAILED) for verdict in verdicts[name].values())
    assert "not finite" not in " ".join(verdicts[name].values())


@dataclass(frozen=True)
class Weights(Stateless):
    """Weights by position, with random ones around them."""

    noise: float = 0.0
    slope: float = 0.0

    needs = Need.LOSSES

    @property
    def stochastic(self) -> bool:  # pyright: ignore
        return self.noise > 0

    def weigh(self, seen: Evidence, draws: Draws) -> Tensor:
        tasks = seen.losses.shape[-1]
        random = self.noise * (draws.uniform(seen.losses) - 0.5)
        return 1 + self.slope * torch.arange(tasks, dtype=torch.float64) + random


def test_random_weights_do_not_hide_a_preference() -> None:
    order, _ = PROBES[ORDER]
    assert order(Weights(noise=0.5)).by_chance
    assert not order(Weights(noise=0.5, slope=0.3)).by_chance
    assert order(Weights()).size < 1e-12


def test_a_violation_has_its_size() -> None:
    """Weights 1 and 1 + s of two tasks whose gradients u, v change places: by hand."""
    slope = 0.3
    found = probes.Unchanged(probes.reordered)(Weights(slope=slope)).size
    wanted = 0.0
    for tasks in probes.TASKS:
        weights = 1 + slope * torch.arange(tasks, dtype=torch.float64)
        for seen in probes.problems(tasks, batch=probes.PROBLEMS):
            before = torch.einsum("k,bkd->bd", weights, seen.gradients)
            after = torch.einsum("k,bkd->bd", weights.roll(-1), seen.gradients)
            longer = torch.maximum(before.norm(dim=-1), after.norm(dim=-1))
            wanted = max(wanted, float(((after - before).norm(dim=-1) / longer).max()))
    assert found == pytest.approx(wanted)


def test_cancelling_gradients_have_zero_in_their_convex_hull() -> None:
    rows = torch.randn(3, 5, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moved = probes._cancelling(rows, 4)
    shares = torch.arange(1.0, 5, dtype=torch.float64)
    torch.testing.assert_close(torch.einsum("k,bkd->bd", shares, moved[:, :4]), torch.zeros(3, 12, dtype=torch.float64))
    assert torch.equal(moved[:, 4], rows[:, 4])


@dataclass(frozen=True)
class Raises(Stateless):
    """Works for two tasks alone."""

    needs = Need.LOSSES

    def weigh(self, seen: Evidence, draws: Draws) -> Tensor:
        if seen.losses.shape[-1] > 2:
            raise RuntimeError("two tasks at most\nand more words")
        return torch.ones_like(seen.losses)


@dataclass(frozen=True)
class NotFinite(Stateless):
    """Divides by zero."""

    needs = Need.LOSSES

    def weigh(self, seen: Evidence, draws: Draws) -> Tensor:
        return torch.full_like(seen.losses, float("nan"))


def test_a_method_that_raises_is_said_to_fail_with_its_reason() -> None:
    assert set(invariances.verdicts(Raises()).values()) == {"failed: two tasks at most"}


def test_numbers_that_are_not_finite_are_a_violation() -> None:
    assert set(invariances.verdicts(NotFinite()).values()) == {"no (not finite)"}


def test_a_method_that_is_not_known_here_has_dashes() -> None:
    found = invariances.measured(synthetic.cell("one", "mine", ("a", "b"), 0, balancer="from-a-plugin"))
    assert set(found.values()) == {"–"}


def test_settings_that_are_refused_are_a_failure() -> None:
    cell = synthetic.cell("one", "fixed", ("a", "b"), 0, hyperparameters={"wieghts": [1]})
    assert all(verdict.startswith("failed: ") for verdict in invariances.measured(cell).values())


def test_two_measurements_are_the_same() -> None:
    assert invariances.verdicts(create("pcgrad")) == invariances.verdicts(create("pcgrad"))


def test_precision_is_that_of_gradients() -> None:
    probe, _ = PROBES[PRECISION]
    assert 0 < probe(create("fixed")).size < 1e-6
