"""At Pareto stationary points in single and half precision: recognised, counted, and harmless for heads."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from balancers import Balancer, names
from balancers.contract.exactness import resolution_of

CORNERS = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.2], [0.3, 1.0, -0.1], [0.2, 0.4, 1.0]])  # of a simplex in space
BARGAINS = [("nash-mtl", {}), ("fairgrad", {}), ("fairgrad", {"alpha": 1.0}), ("fairgrad", {"alpha": 5.0})]
NOTHING_TO_GAIN = [*BARGAINS, ("conicgrad", {}), ("cagrad", {"c": 2.0})]


def inside(dtype: torch.dtype, count: int = 40) -> Iterator[Tensor]:
    """Points inside the simplex, where no direction decreases all squared distances from the corners."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        shares = torch.rand(4, generator=generator) + 0.1
        yield (shares / shares.sum() @ CORNERS).to(dtype).requires_grad_()


def distances(point: Tensor) -> list[Tensor]:
    return [(point - corner).square().sum() for corner in CORNERS.to(point.dtype)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("name", "hyperparameters"), NOTHING_TO_GAIN)
def test_no_step_counts_as_solved(name: str, hyperparameters: dict, dtype: torch.dtype) -> None:
    for point in inside(dtype):
        balancer = Balancer(name, 4, **hyperparameters)
        weights = balancer.backward(distances(point), shared=[point])
        assert balancer.certificate is not None
        assert balancer.certificate.fallbacks == 1
        assert weights.abs().max() < 20
        assert point.grad is not None
        if name != "conicgrad":  # whose way out keeps the length of the mean gradient
            assert point.grad.norm() < 40 * resolution_of(dtype)


@pytest.mark.parametrize("name", [n for n in names() if ":" not in n and n not in ("modo", "sdmgrad")])
def test_heads_stay_where_they_are(name: str) -> None:
    point = next(inside(torch.float32, 1))
    heads = [torch.tensor(0.9, requires_grad=True) for _ in CORNERS]
    balancer = Balancer(name, 4)
    optimizer = torch.optim.SGD([point, *heads], lr=0.01)
    for _ in range(8):
        optimizer.zero_grad()
        losses = [away + (head - 1).square() for away, head in zip(distances(point), heads, strict=True)]
        balancer.backward(losses, shared=[point])
        optimizer.step()
        if balancer.weighting.needs & balancer.weighting.needs.LOSSES_AFTER:
            balancer.after_step([loss.detach() for loss in losses])
    assert all(0.8 < head.item() < 1.1 for head in heads)
    assert all(loss.item() < 2 for loss in distances(point))


@pytest.mark.parametrize(("name", "hyperparameters"), BARGAINS)
def test_just_outside_there_is_a_solution_again(name: str, hyperparameters: dict) -> None:
    point = torch.tensor([0.3, -0.1, 0.0], requires_grad=True)  # beyond the edge between the first two corners
    balancer = Balancer(name, 4, **hyperparameters)
    balancer.backward(distances(point), shared=[point])
    assert balancer.certificate is not None
    assert balancer.certificate.fallbacks == 0
    assert point.grad is not None
    assert all((2 * (point - corner)).detach() @ point.grad > 0 for corner in CORNERS)
