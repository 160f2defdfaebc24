"""The Gramian of gradients in single and half precision is that of the very numbers, whatever cancels."""

from fractions import Fraction

import pytest
import torch
from torch import Tensor

from balancers.step.gradients import task_gradients
from balancers.step.graph import Leaves
from balancers.step.products import cross_gramian_of, gramian_of


def exact(left: Tensor, right: Tensor) -> list[list[Fraction]]:
    rows, others = ([[Fraction(x) for x in row] for row in matrix.tolist()] for matrix in (left, right))
    return [[sum((a * b for a, b in zip(x, y, strict=True)), Fraction()) for y in others] for x in rows]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("seed", range(3))
def test_inner_products_lose_nothing_of_what_the_gradients_say(dtype: torch.dtype, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    common = torch.randn(1, 300, generator=generator)
    rows = (common + 1e-3 * torch.randn(3, 300, generator=generator)).to(dtype)
    gramian = gramian_of(rows)
    wanted = exact(rows, rows)
    assert torch.equal(gramian, gramian.T)
    for i in range(3):
        for j in range(3):
            assert abs(Fraction(gramian[i, j].item()) - wanted[i][j]) <= Fraction(1, 2**48) * wanted[i][i]


@pytest.mark.parametrize("scale", [1e-44, 1e-30, 1.0, 1e30, 1e38])
def test_squares_of_single_precision_stay_in_range(scale: float) -> None:
    rows = torch.tensor([[1.0, 0.0], [-1.0, 1.0]]) * scale
    torch.testing.assert_close(gramian_of(rows), gramian_of(rows.double()), rtol=1e-12, atol=0)
    assert (gramian_of(rows).diagonal() > 0).all()


@pytest.mark.parametrize("scale", [1e-300, 1e-180, 1.0, 1e160])
def test_rows_of_double_precision_are_scaled_where_products_would_leave_the_range(scale: float) -> None:
    rows = torch.tensor([[1.0, 0.0], [-1.0, 1.0]], dtype=torch.float64)
    crossed = cross_gramian_of(rows * scale, rows / scale)
    torch.testing.assert_close(crossed, rows @ rows.T)


def test_gradients_at_several_tensors_and_their_matrix_have_the_same_gramian() -> None:
    first, second = torch.ones(3, requires_grad=True), torch.ones(2, 2, dtype=torch.bfloat16, requires_grad=True)
    losses = [first.sum() + second.float().sum(), (first * torch.tensor([1.0, -2.0, 3.0])).sum(), 3 * second.sum()]
    gradients = task_gradients(losses, Leaves([first, second], []))
    torch.testing.assert_close(gradients.gramian, gramian_of(gradients.matrix), rtol=0, atol=0)
    assert gradients.gramian.tolist() == [[7.0, 2.0, 12.0], [2.0, 14.0, 0.0], [12.0, 0.0, 36.0]]
