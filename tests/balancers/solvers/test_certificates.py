"""A certificate says no: where rounding hides the answer, and where the solver of programmes is wrong."""

import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from balancers import Draws, Evidence, Solution, solvers
from balancers.methods.aligned_mtl import AlignedMTL
from balancers.solvers import bargain, equal_projections, programmes
from tests.references import exact_bargaining
from tests.references.exact_linear import exact

GRAMIAN = torch.tensor([[1.0, -3.0, 0.5], [-3.0, 25.0, 2.0], [0.5, 2.0, 4.0]], dtype=torch.float64)
HALF = torch.full((3,), 1 / 3, dtype=torch.float64)


def broken(solve: Callable) -> Callable:
    """The solver of programmes, whose answers are off by a thousandth and certified."""

    def off(*arguments: object) -> Solution:
        solution = solve(*arguments)
        wrong = solution.point * (1 + 1e-3 * torch.arange(solution.point.shape[-1])) + 1e-4
        return Solution(wrong, torch.zeros_like(solution.residual), torch.ones_like(solution.solved))

    return off


CASES: dict[str, Callable[[Tensor], Solution]] = {
    "min_norm": solvers.min_norm,
    "dual_cone": lambda g: solvers.dual_cone(g, HALF.expand(len(g), 1, 3)),
    "conflict_averse": lambda g: solvers.conflict_averse(g, HALF.expand(len(g), 3), 0.4),
    "conic": lambda g: solvers.steepest_in_cone(g, HALF.expand(len(g), 3), 0.9),
}


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_answer_of_the_programme_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    replicas = GRAMIAN[None]  # one Gramian without replicas is solved by a twin, with a test of its own
    assert CASES[name](replicas).solved.all()
    module = sys.modules[f"balancers.solvers.{name}"]
    for inner in {"nonnegative", "search"} & set(vars(module)):
        monkeypatch.setattr(module, inner, broken(getattr(programmes, inner)))
    solution = CASES[name](replicas)
    assert not solution.solved.any()
    assert (solution.residual > 1e-6).all()


@pytest.mark.parametrize("alpha", [0.1, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("decades", [1, 8, 12, 16, 24])
def test_a_bargain_is_as_near_the_exact_one_as_it_says(decades: int, alpha: float) -> None:
    norms = torch.tensor([1.0, 10.0**decades, 10.0 ** (decades / 2)], dtype=torch.float64)
    generator = torch.Generator().manual_seed(decades)
    rows = norms[:, None] * torch.randn(3, 4, generator=generator, dtype=torch.float64)
    solution = bargain(rows @ rows.T, alpha)
    expected = exact_bargaining.bargain(exact(rows), alpha, solution.point.tolist())
    assert expected is not None
    error = max(abs(float(a / b - 1)) for a, b in zip(solution.point.tolist(), expected, strict=True))
    assert not solution.solved or error <= 2 * solution.residual + 1e-12
    assert solution.solved or decades > 8 or alpha < 0.5


def test_two_gradients_a_rounding_apart_have_no_equal_projections_that_can_be_told() -> None:
    angle = 1e-6
    away = torch.tensor([[1.0, 0.0], [-1.0, angle]], dtype=torch.float64)
    assert not equal_projections(away @ away.T).solved
    assert equal_projections(torch.tensor([[1.0, -0.9], [-0.9, 1.0]], dtype=torch.float64)).solved


def test_alignment_says_when_the_length_hangs_on_rounding() -> None:
    rows = torch.tensor([[1.0, 0.0], [1.0, 1e-6]], dtype=torch.float64)
    solution = AlignedMTL().solve(Evidence(HALF[:2], rows @ rows.T), Draws.seeded(0))
    assert not solution.solved
    assert solution.point.isfinite().all()


@pytest.mark.parametrize("decades", [2, 8, 12])
def test_alignment_is_exact_for_norms_of_many_decades(decades: int) -> None:
    # Two gradients: G^(-1/2) in closed form; the smallest eigenvalue from the determinant, so that nothing cancels.
    short, long = 10.0 ** -(decades / 2), 10.0 ** (decades / 2)
    rows = torch.tensor([[short, 0.0], [0.6 * long, 0.8 * long]], dtype=torch.float64)
    root = 0.8 * short * long  # of the determinant
    trace = short**2 + long**2
    scale = (trace + 2 * root) ** 0.5
    smallest = root**2 / ((trace + (trace**2 - 4 * root**2) ** 0.5) / 2)
    # (G + root I)^-1 scale, by the adjugate
    determinant = root * scale**2
    adjugate = torch.tensor([[long**2 + root, -0.6 * short * long], [-0.6 * short * long, short**2 + root]])
    expected = smallest**0.5 * scale / determinant * adjugate.double() @ HALF[:2] * 1.5
    solution = AlignedMTL().solve(Evidence(HALF[:2], rows @ rows.T), Draws.seeded(0))
    assert solution.solved
    terms = rows.norm(dim=1)
    torch.testing.assert_close(solution.point * terms, expected * terms, rtol=1e-6, atol=1e-9 * float(smallest**0.5))
