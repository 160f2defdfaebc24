"""The exact references agree with answers that are known, and with the transcriptions where these are accurate."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from tests.references import aligned_mtl, exact_averse, exact_bargaining, exact_cone, exact_hull, exact_spectral
from tests.references.cagrad import cagrad
from tests.references.dualproj import dualproj
from tests.references.exact_linear import combine, exact, gramian_of, null_space, solve
from tests.references.imtl_g import imtl_g
from tests.references.upgrad import upgrad

PAIR = exact(torch.tensor([[1.0, 0.0], [-3.0, 4.0]]))
OPPOSITE = exact(torch.tensor([[1.0, 2.0], [-0.5, -1.0], [3.0, 0.0]]))
TRIANGLE = exact(torch.tensor([[2.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]))  # a half, one and one of them are zero


def random_gradients(seed: int) -> torch.Tensor:
    return torch.randn(4, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def update(weights: list | None, rows: list) -> np.ndarray:
    assert weights is not None
    return np.array([float(number) for number in combine(weights, rows)])


def test_a_tensor_of_any_precision_is_held_exactly() -> None:
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        tensor = torch.tensor([[0.1, -3.3]], dtype=dtype)
        assert [[float(number) for number in row] for row in exact(tensor)] == tensor.double().tolist()


def test_a_system_is_solved_and_a_singular_one_is_told() -> None:
    matrix = [[Fraction(2), Fraction(1)], [Fraction(4), Fraction(3)]]
    assert solve(matrix, [[Fraction(1), Fraction(1)]]) == [[Fraction(1), Fraction(-1)]]
    singular = [[Fraction(1), Fraction(2)], [Fraction(2), Fraction(4)]]
    assert solve(singular, [[Fraction(1), Fraction(1)]]) is None
    assert null_space(singular) == [[Fraction(-2), Fraction(1)]]
    assert null_space(matrix) == []


def test_inner_products_of_any_fractions_are_exact() -> None:
    rows = [[Fraction(1, 3), Fraction(1, 4)], [Fraction(2, 5), Fraction(0)]]
    assert gramian_of(rows) == [[Fraction(25, 144), Fraction(2, 15)], [Fraction(2, 15), Fraction(4, 25)]]


def test_two_gradients_have_the_known_answers() -> None:
    assert exact_hull.shortest(PAIR) == [Fraction(7, 8), Fraction(1, 8)]
    assert exact_cone.dualproj(PAIR) == [Fraction(3, 2), Fraction(1, 2)]
    assert exact_cone.upgrad(PAIR) == [Fraction(2), Fraction(14, 25)]
    bargained = exact_bargaining.bargain(PAIR)
    assert bargained is not None
    assert float(bargained[0]) == pytest.approx(2.5**0.5, rel=1e-15)
    assert float(bargained[1]) == pytest.approx(0.1**0.5, rel=1e-15)
    assert update(exact_averse.conicgrad(PAIR, 0.5), PAIR) == pytest.approx([1.2320508, 1.8660254], rel=1e-7)
    assert update(exact_spectral.config(PAIR), PAIR) == pytest.approx([1.2, 2.4], rel=1e-15)


@pytest.mark.parametrize("rows", [OPPOSITE, TRIANGLE], ids=["weak", "strong"])
def test_at_a_stationary_point_nothing_is_solved_but_projections(rows: list) -> None:
    assert exact_hull.is_stationary(rows)
    assert exact_hull.shortest_square(rows) == 0
    assert exact_bargaining.bargain(rows) is None
    assert exact_averse.conicgrad(rows, 0.5) is None
    nearest = update(exact_cone.dualproj(rows), rows)
    assert update(exact_averse.cagrad(rows, 2.0), rows) == pytest.approx(nearest, abs=1e-90)


def test_opposite_gradients_have_no_equal_projections_and_equal_ones_have() -> None:
    assert exact_spectral.equal_projections(OPPOSITE) is None
    twice = exact(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]))
    assert [float(weight) for weight in exact_spectral.equal_projections(twice) or []] == pytest.approx([0.5, 0.5, 1])


@pytest.mark.parametrize("seed", range(5))
def test_random_gradients_agree_with_the_transcriptions(seed: int) -> None:
    gradients = random_gradients(seed)
    rows, numbers = exact(gradients), gradients.numpy()
    assert update(exact_cone.upgrad(rows), rows) == pytest.approx(upgrad(numbers), rel=1e-10)
    assert update(exact_cone.dualproj(rows), rows) == pytest.approx(dualproj(numbers), rel=1e-10)
    assert update(exact_averse.cagrad(rows, 0.4), rows) == pytest.approx(cagrad(numbers, 0.4), rel=1e-4)
    assert [float(w) for w in exact_spectral.imtl_g(rows) or []] == pytest.approx(imtl_g(numbers), rel=1e-10)
    for scale in ("min", "median", "rmse"):
        mean = aligned_mtl.aligned(numbers, scale).mean(axis=0)
        assert update(exact_spectral.aligned(rows, scale), rows) == pytest.approx(mean, rel=1e-10)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 10.0])
def test_the_bargain_solves_its_equation_near_a_stationary_point_too(alpha: float) -> None:
    rows = [[*row, Fraction(1, 10**9)] for row in TRIANGLE]
    weights = exact_bargaining.bargain(rows, alpha)
    assert weights is not None
    total = combine(weights, rows)
    for row, weight in zip(rows, weights, strict=True):
        product = sum(number * float(entry) for number, entry in zip(total, row, strict=True))
        assert float(product * weight ** (1 / alpha)) == pytest.approx(1, rel=1e-6)


def test_a_start_does_not_change_the_bargain() -> None:
    expected, got = exact_bargaining.bargain(PAIR), exact_bargaining.bargain(PAIR, start=[1e9, 1e-9])
    assert got is not None
    assert expected is not None
    assert all(abs(a / b - 1) < 1e-30 for a, b in zip(expected, got, strict=True))


def test_the_distance_from_a_stationary_point_does_not_depend_on_norms() -> None:
    assert exact_hull.relative_distance(TRIANGLE) == 0
    assert exact_hull.relative_distance(PAIR) == pytest.approx(0.2**0.5, rel=1e-12)
