"""Fixed weights against plain backward passes and another library."""

import pytest
import torch
from torchjd.scalarization import Constant, Sum

from balancers import Balancer, create
from tests.balancers.histories import losses_like, weights_over
from tests.balancers.jacobians import KINDS
from tests.balancers.witness import witness


@witness("fixed", "closed form")
def test_fixed_weights_are_given_by_position_or_by_name() -> None:
    point = torch.ones(2, requires_grad=True)
    by_name = Balancer("fixed", ["a", "b"], weights={"b": 3.0, "a": 0.5})
    by_position = Balancer("fixed", ["a", "b"], weights=[0.5, 3.0])
    for balancer in (by_name, by_position):
        point.grad = None
        assert balancer.backward(point.square(), shared=[point]).tolist() == [0.5, 3.0]
        torch.testing.assert_close(point.grad, torch.tensor([1.0, 6.0]))


@witness("fixed", "torchjd")
@pytest.mark.parametrize("kind", KINDS)
def test_the_update_is_that_of_torchjds_constant_scalarization(kind: str) -> None:
    rows = KINDS[kind](4, 7, 0)
    constants = torch.tensor([0.5, 0.0, -2.0, 3.0], dtype=torch.float64)
    for scalarize, weights in ((Sum(), None), (Constant(constants), constants.tolist())):
        ours, theirs = (torch.ones(7, dtype=torch.float64, requires_grad=True) for _ in range(2))
        Balancer("fixed", 4, weights=weights).backward(rows @ ours, shared=[ours])
        scalarize(rows @ theirs).backward()
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_nothing_that_happens_changes_the_weights() -> None:
    weights = weights_over(create("fixed", weights=[1.0, -2.0]), losses_like(5, 2, seed=0))
    torch.testing.assert_close(weights, torch.tensor([[1.0, -2.0]], dtype=torch.float64).expand(5, 2))
