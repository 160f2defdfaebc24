"""Singular values have all their digits when columns differ by many orders of magnitude."""

import mpmath
import pytest
import torch

from balancers.solvers.singular import singular_values

DIGITS = 60


def exact_values(matrix: torch.Tensor) -> list:
    with mpmath.workdps(DIGITS):
        whole = mpmath.matrix(matrix.tolist())
        return sorted((mpmath.sqrt(x) for x in mpmath.eigsy(whole.T * whole, eigvals_only=True)), reverse=True)


@pytest.mark.parametrize("decades", [0, 4, 12, 24, 60])
@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_every_value_and_vector_is_exact(size: int, decades: int) -> None:
    generator = torch.Generator().manual_seed(size)
    lengths = torch.logspace(-decades / 2, decades / 2, size, dtype=torch.float64)
    matrix = torch.randn(2, size, size, generator=generator, dtype=torch.float64) * lengths
    left, values, right, errors = singular_values(matrix, torch.tensor([size, size]))
    assert (errors < 1e-10).all()
    for one, of_one in zip(matrix, values, strict=True):
        for value, wanted in zip(of_one.tolist(), exact_values(one), strict=True):
            assert abs(value - wanted) <= 1e-11 * wanted
    rebuilt = left * values[:, None, :] @ right.mT
    assert ((rebuilt - matrix).norm(dim=-2) <= 1e-10 * matrix.norm(dim=-2)).all()


def test_values_beyond_the_rank_are_zero_and_say_nothing() -> None:
    matrix = torch.tensor([[[1.0, 1.0], [1.0, 1.0 + 1e-15]]], dtype=torch.float64)
    decomposed = singular_values(matrix, torch.tensor([1]))
    assert decomposed.values[0, 1] == 0
    assert decomposed.errors[0, 1] == 0
    torch.testing.assert_close(decomposed.values[0, 0].item(), 2.0)
