"""Complex parameters: the real inner product is measured, and a real view in the place of one changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from balancers import Balancer, Need, create, measure, names
from balancers.step.gradients import task_gradients
from balancers.step.graph import Leaves

TASKS, STEPS = 3, 2


class Model:
    """An encoder and heads with real and complex parameters; ``real`` holds the complex ones as their real views."""

    def __init__(self, *, real: bool, dtype: torch.dtype = torch.complex128) -> None:
        generator = torch.Generator().manual_seed(0)
        self.dtype, self.real = dtype, real

        def leaf(*shape: int, complex_: bool = True) -> Tensor:
            values = torch.randn(*shape, 2, generator=generator, dtype=torch.float64)
            values = torch.view_as_complex(values).to(dtype) if complex_ else values[..., 0].to(dtype.to_real())
            return (torch.view_as_real(values) if complex_ and real else values).clone().requires_grad_()

        self.first, self.mix, self.last = leaf(4), leaf(4, 5, complex_=False), leaf(5)
        self.heads = [(leaf(5), leaf(10, complex_=False)) for _ in range(TASKS)]
        self.inputs = torch.randn(STEPS * 4, 7, 4, 2, generator=generator, dtype=torch.float64)
        self.targets = torch.randn(TASKS, 7, generator=generator, dtype=torch.float64).to(dtype.to_real())

    @property
    def shared(self) -> list[Tensor]:
        return [self.first, self.mix, self.last]

    def parameters(self) -> list[Tensor]:
        return [*self.shared, *(part for head in self.heads for part in head)]

    def number(self, parameter: Tensor) -> Tensor:
        """A complex parameter, whichever way it is kept."""
        return torch.view_as_complex(parameter) if self.real else parameter

    def features(self, batch: int) -> Tensor:
        """The representation (7, 5), complex or its real view (7, 5, 2)."""
        x = torch.view_as_complex(self.inputs[batch]).to(self.dtype) * self.number(self.first)
        hidden = (torch.tanh(x.real @ self.mix) + 1j * torch.tanh(x.imag @ self.mix)) * self.number(self.last)
        return torch.view_as_real(hidden) if self.real else hidden

    def losses(self, features: Tensor, adapted: dict[str, Tensor] | None = None) -> list[Tensor]:
        losses = []
        for i, ((complex_head, real_head), target) in enumerate(zip(self.heads, self.targets, strict=True)):
            part = features if adapted is None else adapted[str(i)].unflatten(-1, (5, 2))
            z = part if part.is_complex() else torch.view_as_complex(part.contiguous())
            answer = (z * self.number(complex_head)).real.sum(-1) + torch.view_as_real(z).flatten(1) @ real_head
            losses.append((answer - target).square().mean() * (1 + i))
        return losses


def trained(method: str, place: str, *, real: bool) -> tuple[list[Tensor], list[Tensor]]:
    """The weights of some steps and the gradients of all parameters, complex ones as real views."""
    model, balancer, weights = Model(real=real), Balancer(method, TASKS, seed=1), []
    for step in range(STEPS):
        features = model.features(step)
        where: dict[str, Any] = {"shared": model.shared}
        adapted = None
        if balancer.adapts:  # rotations turn a real representation
            flat = torch.view_as_real(features) if features.is_complex() else features
            where["features"] = flat = flat.flatten(1)
            adapted = balancer.adapt(flat)
        elif place == "last":
            where["at"] = [model.last]
        elif place == "features":
            where = {"features": features}
        losses = model.losses(features, adapted)
        if Need.CROSS_GRAMIAN in balancer.weighting.needs:
            where["others"] = [model.losses(model.features(STEPS * i + step)) for i in (1, 2)]
        weights.append(balancer.backward(losses, **where))
        balancer.after_step(model.losses(model.features(step)))
    gradients = []
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert parameter.grad.dtype == parameter.dtype
        gradients.append(torch.view_as_real(parameter.grad) if parameter.is_complex() else parameter.grad)
    return weights, gradients


def possible(method: str, place: str) -> bool:
    needs, balancer = create(method).needs, Balancer(method, TASKS)
    if balancer.adapts:
        return place == "features"
    if place == "features":
        return Need.CROSS_GRAMIAN not in needs and not balancer.keeps_gradients
    return place == "shared" or Need.GRADIENTS not in needs


@pytest.mark.parametrize(
    ("method", "place"),
    [(method, place) for method in names() for place in ("shared", "last", "features") if possible(method, place)],
)
def test_the_real_view_in_the_place_of_a_complex_parameter_changes_nothing(method: str, place: str) -> None:
    complex_weights, complex_gradients = trained(method, place, real=False)
    real_weights, real_gradients = trained(method, place, real=True)
    for got, want in zip([*complex_weights, *complex_gradients], [*real_weights, *real_gradients], strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)


def test_the_gramian_of_complex_gradients_is_the_real_part_of_their_inner_products() -> None:
    model = Model(real=False, dtype=torch.complex64)
    losses = model.losses(model.features(0))
    rows = [torch.autograd.grad(loss, model.shared, retain_graph=True) for loss in losses]
    wanted = torch.tensor(
        [[sum((a.conj() * b).sum().real for a, b in zip(left, right, strict=True)) for right in rows] for left in rows]
    )
    torch.testing.assert_close(measure(losses, model.shared).gramian.float(), wanted)


def test_mgda_of_two_complex_quadratics_is_the_shortest_combination() -> None:
    point = torch.zeros(2, dtype=torch.complex64, requires_grad=True)
    slopes = [torch.tensor([1.0, 1 + 2j]), torch.tensor([3.0, 0.0 + 0j])]
    losses = [(slope.conj() * point).real.sum() for slope in slopes]
    weights = Balancer("mgda", 2).backward(losses, shared=[point])
    # Squares 6 and 9, product 3: the weight of the first is (9 - 3) / (6 + 9 - 6) = 2/3.
    assert weights.tolist() == pytest.approx([2 / 3, 1 / 3], rel=1e-6)
    assert point.grad is not None
    torch.testing.assert_close(point.grad, torch.tensor([5 / 3, (2 + 4j) / 3]))


def test_complex_numbers_at_the_ends_of_the_range_are_brought_together_too() -> None:
    point = torch.zeros(2, dtype=torch.complex64, requires_grad=True)
    head = torch.ones(1, dtype=torch.complex64, requires_grad=True)
    slope = torch.tensor([1.0, 1 + 2j]) * 1e-30
    losses = [(slope.conj() * point).real.sum() + 1e-30 * (1j * head).real.sum(), 1e-30 * (3 * point[0]).real]
    Balancer("fixed", 2, weights=[1e40, 1e40]).backward(losses, shared=[point])
    assert point.grad is not None
    assert head.grad is not None
    torch.testing.assert_close(point.grad, torch.tensor([4, 1 + 2j]) * 1e10)
    torch.testing.assert_close(head.grad, torch.tensor([-1j]) * 1e10)


def test_rows_of_complex_gradients_are_real_and_places_too() -> None:
    point, plain = torch.ones(3, dtype=torch.complex64, requires_grad=True), torch.ones(2, requires_grad=True)
    gradients = task_gradients([point.real.sum() + plain.sum(), point.imag.sum()], Leaves([point, plain], []))
    assert gradients.matrix.tolist() == [[1, 0, 1, 0, 1, 0, 1, 1], [0, 1, 0, 1, 0, 1, 0, 0]]
    assert [tuple(place.shape) for place in gradients.places] == [(3, 2), (2,)]
