"""What `probe` answers is what a balancer does, and wrong shapes are refused."""

from typing import Any

import pytest
import torch

from balancers import Balancer, create, names, probe

GRADIENTS, LOSSES = [[1.0, 0.0], [-3.0, 4.0]], [1.0, 4.0]


def with_gradients(point: torch.Tensor) -> list[torch.Tensor]:
    """Losses of 1 and 4 at the origin, with the gradients above."""
    return [1 + point[0], 4 - 3 * point[0] + 4 * point[1]]


@pytest.mark.parametrize("name", names())
def test_the_first_response_is_the_first_step_of_a_balancer(name: str) -> None:
    point = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    others = [with_gradients(point), with_gradients(point)]
    weights = Balancer(name, 2).backward(with_gradients(point), shared=[point], others=others)
    response = probe(name, GRADIENTS, LOSSES)
    torch.testing.assert_close(response.weights, weights, rtol=1e-9, atol=1e-12)
    assert point.grad is not None
    torch.testing.assert_close(response.update, point.grad, rtol=1e-9, atol=1e-12)


def test_a_method_may_be_given_as_an_object_and_a_seed_is_that_of_its_random_numbers() -> None:
    method = create("rlw", distribution="normal")
    one, again, other = (probe(method, GRADIENTS, LOSSES, seed=seed).weights for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("gradients", "losses"),
    [(GRADIENTS, [1.0]), ([1.0, 2.0], LOSSES), ([GRADIENTS], [LOSSES, LOSSES]), (GRADIENTS, 1.0), (GRADIENTS, [])],
)
def test_shapes_that_do_not_fit_are_refused(gradients: Any, losses: Any) -> None:
    with pytest.raises(ValueError, match=r"expected gradients of shape \(tasks, elements\)"):
        probe("pcgrad", torch.tensor(gradients), torch.tensor(losses))
