"""How exact gradients are follows from their dtype, their length and the number of processes, in one place."""

import torch

from balancers import Balancer, measure
from balancers.contract.exactness import COSINE, DOUBLE, least_eigenvalue, resolution_of

EPS = {dtype: torch.finfo(dtype).eps for dtype in (torch.float32, torch.float16, torch.bfloat16)}


def test_coarser_numbers_show_less() -> None:
    assert [resolution_of(dtype) for dtype in EPS] == [4 * eps for eps in EPS.values()]
    assert resolution_of(torch.float64) == DOUBLE == COSINE**0.5


def test_longer_sums_and_more_processes_show_less() -> None:
    assert resolution_of(torch.float64, 10**9) > resolution_of(torch.float64, 10**6) > DOUBLE
    assert resolution_of(torch.float32, processes=4) == 2 * resolution_of(torch.float32)
    assert resolution_of(torch.float32, 10**9) == resolution_of(torch.float32)  # its own rounding is far larger


def test_a_direction_is_zero_below_the_square_of_the_shortest_length() -> None:
    assert least_eigenvalue(1, 1e-3) == 1e-6 + COSINE


def test_a_balancer_and_a_measurement_know_the_dtype_of_the_parameters() -> None:
    for dtype in (torch.float64, *EPS):
        point = torch.ones(3, dtype=dtype, requires_grad=True)
        losses = [point.sum(), (2 * point).sum()]
        assert measure(losses, shared=[point]).resolution == resolution_of(dtype)
        balancer = Balancer("mgda", 2)
        balancer.backward(losses, shared=[point])
        assert balancer.evidence.resolution == resolution_of(dtype)
