"""The properties by which Quinton and Rey tell aggregations of gradients apart, for every method of the registry.

Jacobian Descent for Multi-Objective Optimization, 2024, Section 2.2; their library tests its own methods for them. A
method that lacks a property is listed here with the reason, and has to lack it.
"""

from collections.abc import Iterator
from functools import cache

import pytest
import torch
from torch import Tensor

from balancers import Balancer, Claim, Need, Weighting, create, names
from balancers.conformance.problems import all_answers, evidence_of
from balancers.contract.evidence import Answer, Evidence
from tests.balancers.stationarity import NOT_STATIONARY, NOT_STRONG, SCALED, STRICTLY_WEAK, STRONG, TYPICAL

NOT_LINEAR = {
    "aligned-mtl": "the aligned gradients have one length",
    "cagrad": "how far the update may be from the mean gradient depends on the length of that",
    "conicgrad": "which direction in the cone is best depends on the lengths of all gradients",
    "db-mtl": "all gradients get the length of the longest",
    "dualproj": "one vector is projected, and a projection onto a cone is not additive",
    "epo": "which bounds hold depends on the inner products",
    "fairgrad": "a longer gradient gets a smaller weight",
    "graddrop": "which sign survives depends on the lengths",
    "imtl": "the projections on all gradients are equal",
    "imtl-g": "the projections on all gradients are equal",
    "krum": "which gradients are taken depends on the distances between them",
    "m-config": "the running averages of the gradients are brought to one length",
    "mgda": "the update is no longer than the shortest gradient",
    "moco": "its weights follow the inner products",
    "modo": "its weights follow the inner products",
    "nash-mtl": "the update does not depend on the lengths at all",
    "pivrg": "a longer gradient gets a smaller weight",
    "sam-gs": "gradients of unlike lengths are brought to one length",
    "sdmgrad": "its weights follow the inner products",
    "trimmed-mean": "which elements are left out depends on the lengths",
}
ALSO_ZERO = {
    "epo": "the bounds leave nothing but the shortest vector, which is zero where gradients are weakly stationary",
    "fairgrad": "where gradients are weakly stationary there is no solution, and the shortest vector stands for it",
    "mgda": "the shortest vector is zero where gradients are weakly stationary",
    "nash-mtl": "where gradients are weakly stationary there is no solution, and the shortest vector stands for it",
    "pcd": "where gradients are weakly stationary no update that helps all others may be left",
    "pivrg": "where gradients are weakly stationary there is no solution, and the shortest vector stands for it",
    "tchebycheff": "one task alone is followed, and its gradient may be zero",
}
VARIANTS = [
    create("cagrad", c=1.0),
    create("cagrad", c=2.0),
    create("fairgrad", alpha=1.0),
    create("fairgrad", alpha=10.0),
    create("aligned-mtl", scale="median"),
    create("aligned-mtl", scale="rmse"),
]
ALL = [*map(create, names()), *VARIANTS]
ROUNDING = 1e-6  # of an inner product or an update, relative to its terms
NOT_ROUNDING = 1e-3
ZERO_LENGTH = 1e-6  # of an update, relative to the longest gradient
RUNS = 1  # permutations, or pairs of scales, of every set of gradients


def called(weighting: Weighting) -> str:
    changed = {field: value for field, value in vars(weighting).items() if weighting in VARIANTS and field != "flavour"}
    return "-".join([weighting.name, *(f"{field}={value}" for field, value in changed.items())])


def losses_of(rows: Tensor) -> Tensor:
    return torch.linspace(0.5, 1.5, len(rows), dtype=torch.float64)


def answer_of(weighting: Weighting, rows: Tensor, losses: Tensor | None = None) -> tuple[Answer, Evidence]:
    """What a fresh method answers in its first step."""
    evidence = evidence_of(rows, losses_of(rows) if losses is None else losses)
    return all_answers(weighting, [evidence])[0], evidence


def update_and_terms(weighting: Weighting, rows: Tensor, losses: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The update (D,) in double precision, and the length of what it is the sum of."""
    answer, evidence = answer_of(weighting, rows, losses)
    gradients = (evidence.gradients if answer.gradients is None else answer.gradients).double()
    weights = answer.weights.double() if answer.weights.dim() > 1 else answer.weights[:, None]
    return (weights * gradients).sum(0), (weights.abs() * gradients.abs()).sum(0).norm()


def update(weighting: Weighting, rows: Tensor) -> Tensor:
    return update_and_terms(weighting, rows)[0]


@cache
def scales(tasks: int) -> list[tuple[Tensor, Tensor, float, float]]:
    generator = torch.Generator().manual_seed(tasks)
    pairs = torch.rand(RUNS, 2, tasks, generator=generator, dtype=torch.float64)
    shares = torch.rand(RUNS, 2, generator=generator, dtype=torch.float64).tolist()
    return [(first, second, a, b) for (first, second), (a, b) in zip(pairs, shares, strict=True)]


def departures(weighting: Weighting, rows: Tensor) -> Iterator[float]:
    """How far updates of scaled gradients are from the combinations of those of two scalings, relative to the terms."""
    for first, second, a, b in scales(len(rows)):
        one, size = update_and_terms(weighting, first[:, None] * rows)
        other, other_size = update_and_terms(weighting, second[:, None] * rows)
        both, both_size = update_and_terms(weighting, (a * first + b * second)[:, None] * rows)
        terms = a * size + b * other_size + both_size
        if terms > 0:
            yield float((both - a * one - b * other).norm() / terms)


def is_zero(vector: Tensor, rows: Tensor) -> bool:
    return bool(vector.norm() <= ZERO_LENGTH * rows.norm(dim=-1).max())


@pytest.mark.parametrize("weighting", ALL, ids=called)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_an_update_has_the_length_of_a_gradient_and_is_finite(weighting: Weighting, dtype: torch.dtype) -> None:
    for rows in TYPICAL if dtype == torch.float64 else SCALED:
        vector = update(weighting, rows.to(dtype))
        assert vector.shape == rows.shape[1:]
        assert vector.isfinite().all()


@pytest.mark.parametrize("weighting", [each for each in ALL if Claim.NON_CONFLICTING in each.claims], ids=called)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_no_loss_increases_where_that_is_claimed(weighting: Weighting, dtype: torch.dtype) -> None:
    for rows in TYPICAL:
        measured = rows.to(dtype)
        vector, terms = update_and_terms(weighting, measured)
        products = measured.double() @ vector
        assert (products >= -ROUNDING * measured.double().norm(dim=-1) * terms).all(), (len(rows), products.min())


def test_the_methods_that_are_known_not_to_conflict_claim_it() -> None:
    claimed = {each.name for each in ALL if Claim.NON_CONFLICTING in each.claims}
    assert {"dualproj", "mgda", "upgrad"} <= claimed
    assert all(Claim.NON_CONFLICTING in create("cagrad", c=c).claims for c in (1.0, 2.0))


@pytest.mark.parametrize(
    "weighting", [each for each in ALL if Claim.PERMUTATION_EQUIVARIANT in each.claims], ids=called
)
def test_the_order_of_the_tasks_does_not_matter_where_that_is_claimed(weighting: Weighting) -> None:
    generator = torch.Generator().manual_seed(0)
    for rows in TYPICAL:
        vector, terms = update_and_terms(weighting, rows)
        for _ in range(RUNS):
            order = torch.randperm(len(rows), generator=generator)
            permuted, _ = update_and_terms(weighting, rows[order], losses_of(rows)[order])
            assert (vector - permuted).norm() <= ROUNDING * terms


def test_the_methods_that_are_known_to_ignore_the_order_claim_it() -> None:
    independent_of_order = {"aligned-mtl", "config", "dualproj", "fixed", "imtl-g", "mgda", "trimmed-mean", "upgrad"}
    assert independent_of_order <= {each.name for each in ALL if Claim.PERMUTATION_EQUIVARIANT in each.claims}


@pytest.mark.parametrize("method", sorted(set(names()) - set(NOT_LINEAR)))
def test_the_update_is_linear_in_the_lengths_of_the_gradients(method: str) -> None:
    for rows in TYPICAL:
        assert max(departures(create(method), rows), default=0.0) <= ROUNDING


@pytest.mark.parametrize("method", NOT_LINEAR)
def test_a_method_that_is_listed_is_not_linear_in_the_lengths(method: str) -> None:
    weighting = create(method)
    assert any(each > NOT_ROUNDING for rows in TYPICAL for each in departures(weighting, rows)), NOT_LINEAR[method]


@pytest.mark.parametrize("method", sorted(set(names()) - set(ALSO_ZERO)))
def test_the_update_is_zero_at_most_where_gradients_are_strongly_stationary(method: str) -> None:
    weighting = create(method)
    for rows in NOT_STRONG:
        assert not is_zero(update(weighting, rows), rows)


@pytest.mark.parametrize("method", ALSO_ZERO)
def test_a_method_that_is_listed_stops_where_gradients_are_weakly_stationary(method: str) -> None:
    weighting = create(method)
    assert any(is_zero(update(weighting, rows), rows) for rows in STRICTLY_WEAK), ALSO_ZERO[method]


@pytest.mark.parametrize("method", ["fairgrad", "mgda", "nash-mtl"])
def test_such_a_method_moves_where_a_step_helps_all_tasks(method: str) -> None:
    weighting = create(method)
    for rows in NOT_STATIONARY:
        assert (rows @ update(weighting, rows) > 0).all() or (rows.norm(dim=-1) < 1e-12).any()


@pytest.mark.parametrize("method", ["dualproj", "mgda", "upgrad", "nash-mtl", "fairgrad"])
def test_there_is_no_update_where_gradients_are_strongly_stationary(method: str) -> None:
    for rows in STRONG:
        assert is_zero(update(create(method), rows), rows)


@pytest.mark.parametrize("method", names())
def test_a_step_leaves_no_graph_behind(method: str) -> None:
    point = torch.ones(5, requires_grad=True)
    rows = torch.arange(15.0).reshape(3, 5) - 4

    def losses() -> list[Tensor]:
        return [(row @ point).square() + 1 for row in rows]

    balancer = Balancer(method, 3)
    others = [losses(), losses()] if Need.CROSS_GRAMIAN in balancer.weighting.needs else []
    weights = balancer.backward(losses(), shared=[point], others=others)
    assert point.grad is not None
    assert not point.grad.requires_grad
    assert not weights.requires_grad


def test_only_methods_of_the_registry_are_listed() -> None:
    assert set(NOT_LINEAR) | set(ALSO_ZERO) <= set(names())
