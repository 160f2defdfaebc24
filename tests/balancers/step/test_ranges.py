"""Steps whose weights, gradients or products lie near the ends of a dtype's range, or beyond."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from balancers import (
    Answer,
    Balancer,
    Draws,
    Evidence,
    Need,
    NonFiniteError,
    OutOfRangeError,
    Sizes,
    Stateless,
    Weighting,
    create,
    names,
)
from balancers.step.ranges import Factors, Magnitudes, in_range, range_of
from tests.balancers.network import Network, small_network, take_step

SCALES = [10.0**e for e in (-36, -30, -20, -8, 8, 20, 30, 36)]
WRAPPED = ["every:3:pcgrad", "smoothed:0.9:mgda", "rescaled:mean:pcgrad", "rescaled:unit:mgda", "rescaled:sum:graddrop"]


@dataclass(frozen=True)
class Given(Stateless):
    """Weights and factors of heads that a test chooses."""

    values: tuple[float, ...]
    factors: tuple[float, ...] | None = None
    by_elements: bool = False
    replaced: float | None = None  # gradients of the method's own: the measured ones times this
    measured: Need = Need.GRAMIAN

    name = "given"
    heads = "own"

    @property
    def needs(self) -> Need:
        return Need.LOSSES | self.measured

    def weigh(self, evidence: Evidence, draws: Draws) -> Answer:
        weights = torch.tensor(self.values, dtype=torch.float64)
        if self.by_elements:
            weights = weights[:, None].expand(evidence.gradients.shape)
        gradients = None if self.replaced is None else evidence.gradients * self.replaced
        factors = None if self.factors is None else torch.tensor(self.factors, dtype=torch.float64)
        return Answer(weights, gradients, factors)


MEASURED = {
    "losses alone": {"measured": Need.LOSSES},
    "gramian": {},
    "elements": {"measured": Need.GRADIENTS, "by_elements": True},
    "own gradients": {"measured": Need.GRADIENTS, "replaced": 1.0},
}


PLACES = [  # methods that act on gradients need those of all shared parameters
    (kind, place)
    for kind in MEASURED
    for place in ("shared", "last", "features")
    if place != "last" or MEASURED[kind].get("measured") != Need.GRADIENTS
]


def scaled_losses(network: Network, scales: tuple[float, ...]) -> list[Tensor]:
    return [loss * scale for loss, scale in zip(network.losses(), scales, strict=True)]


def plain_gradients(weights: tuple[float, ...], heads: tuple[float, ...]) -> list[Tensor]:
    """What autograd finds for the weighted losses in double precision, heads with factors of their own."""
    network = small_network(2)
    exact = Network(network.encoder.double(), network.heads.double(), network.inputs.double(), network.targets.double())
    losses = exact.losses()
    shared = torch.autograd.grad(
        torch.stack([w * loss for w, loss in zip(weights, losses, strict=True)]).sum(),
        list(exact.encoder.parameters()),
        retain_graph=True,
    )
    own = torch.autograd.grad(
        torch.stack([f * loss for f, loss in zip(heads, losses, strict=True)]).sum(),
        list(exact.heads.parameters()),
    )
    return [*shared, *own]


@pytest.mark.parametrize(("kind", "place"), PLACES)
@pytest.mark.parametrize("exponent", [-44, -36, 28, 36])
def test_a_weight_beyond_float32_on_a_gradient_that_makes_up_for_it_is_a_fine_update(
    exponent: int, kind: str, place: str
) -> None:
    loss_scale = 10.0 ** min(max(-exponent, -33), 33)
    weight = 10.0**exponent / 3
    network = small_network(2)
    features = network.features()
    losses = [loss * scale for loss, scale in zip(network.losses(features), (1.0, loss_scale), strict=True)]
    where: dict[str, Any] = {"shared": network.encoder.parameters()}
    if place == "last":
        where["at"] = network.encoder[2].parameters()
    if place == "features":
        where = {"features": features}
    balancer = Balancer(Given((0.5, weight), (1.0, 1 / loss_scale), **MEASURED[kind]), 2)
    weights = balancer.backward(losses, **where)
    wanted = plain_gradients((0.5, weight * loss_scale), (1.0, 1.0))
    for parameter, want in zip(network.parameters(), wanted, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad.double(), want, rtol=2e-5, atol=2e-6 * float(want.abs().max()))
    largest = weights.reshape(2, -1)[:, 0].double()
    torch.testing.assert_close(largest, torch.tensor([0.5, weight], dtype=torch.float64), rtol=1e-4, atol=0)


@pytest.mark.parametrize("heads", ["own", "weighted"])
@pytest.mark.parametrize("kind", ["losses alone", "gramian"])
def test_heads_follow_factors_beyond_the_range_too(kind: str, heads: str) -> None:
    network = small_network(2)
    method = Given((1e40, 1.0), (1e40, 2.0), **MEASURED[kind])
    Balancer(method, 2, heads=heads).backward(  # pyright: ignore[reportArgumentType]
        scaled_losses(network, (1e-33, 1.0)), shared=network.encoder.parameters()
    )
    wanted = plain_gradients((1e7, 1.0), (1e7, 2.0 if heads == "own" else 1.0))
    for parameter, want in zip(network.parameters(), wanted, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad.double(), want, rtol=2e-5, atol=2e-6 * float(want.abs().max()))


def refused(balancer: Balancer, scales: tuple[float, ...], error: type[Exception], match: str) -> None:
    network = small_network(2)
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    before = copy.deepcopy(balancer.state_dict())
    with pytest.raises(error, match=match):
        balancer.backward(scaled_losses(network, scales), shared=network.encoder.parameters())
    assert all((parameter.grad == 7).all() for parameter in network.parameters())
    after = balancer.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("kind", MEASURED)
@pytest.mark.parametrize("scale", [1.0, 1e20])
def test_an_update_too_large_for_float32_is_refused_with_task_and_scale(kind: str, scale: float) -> None:
    says = r"leaves the range of float32: task '1' has the weight 1e\+(39|19) and a gradient with elements up to"
    weight = 1e39 if scale == 1 else 1e19
    refused(Balancer(Given((1.0, weight), **MEASURED[kind]), 2), (1.0, scale), OutOfRangeError, says)


@pytest.mark.parametrize("kind", MEASURED)
def test_an_update_too_small_for_float32_is_refused_instead_of_written_as_0(kind: str) -> None:
    says = "is 0 in the range of float32: task '1' has the weight 1e-30 and a gradient"
    refused(Balancer(Given((0.0, 1e-30), **MEASURED[kind]), 2), (1.0, 1e-25), OutOfRangeError, says)


def test_a_head_that_leaves_the_range_stops_the_encoder_from_being_written_too() -> None:
    says = "leaves the range of float32: task '0' has the weight 1e\\+39"
    refused(Balancer(Given((1.0, 1.0), (1e39, 1.0)), 2), (1.0, 1.0), OutOfRangeError, says)


class Means(NamedTuple):
    means: Float[Tensor, "*B K D"]


@dataclass(frozen=True)
class DrawsAndRemembers(Weighting[Means]):
    name = "draws-and-remembers"
    needs = Need.GRADIENTS
    stochastic = True
    heads = "own"

    def init(self, sizes: Sizes) -> Means:
        return Means(sizes.per_element())

    def update(self, evidence: Evidence, state: Means, draws: Draws) -> tuple[Tensor, Means]:
        return 1e39 * (1 + draws.uniform(evidence.losses)), Means(evidence.gradients)


def test_random_numbers_and_room_for_gradients_are_given_back_after_a_refusal() -> None:
    refused(Balancer(DrawsAndRemembers(), 2), (1.0, 1.0), OutOfRangeError, "leaves the range of float32")


@pytest.mark.parametrize("method", ["mgda", "pcgrad", "graddrop", "nash-mtl", "gls", "scale-invariant"])
def test_an_update_that_is_0_because_autograd_lost_a_gradient_is_refused(method: str) -> None:
    refused(Balancer(method, 2), (1e-45, 1e-45), OutOfRangeError, "update is 0: the loss of task '[01]' is .*e-4")


def test_terms_that_cancel_are_no_reason_to_refuse() -> None:
    point = torch.ones(3, requires_grad=True)
    Balancer(Given((1e-20, 1e-20)), 2).backward([1e-20 * point.sum(), -1e-20 * point.sum()], shared=[point])
    assert point.grad is not None
    assert point.grad.tolist() == [0, 0, 0]


def test_zero_gradients_are_no_reason_to_refuse() -> None:
    point = torch.ones(3, requires_grad=True)
    Balancer(Given((1e-45, 1e-40)), 2).backward([0 * point.sum(), 0 * point.sum()], shared=[point])
    assert point.grad is not None
    assert point.grad.tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", MEASURED)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(("weight", "scale"), [(1e-6, 2.0**10), (1e6, 2.0**-12), (0.5, 1.0)])
def test_parameters_of_other_dtypes_get_the_rounded_update(
    weight: float, scale: float, dtype: torch.dtype, kind: str
) -> None:
    point = torch.ones(3, dtype=dtype, requires_grad=True)
    slope = torch.tensor([1.0, 2.0, -2.5], dtype=dtype)
    losses = [(slope * point).sum() * scale, (slope.flip(0) * point).sum() * scale]
    balancer = Balancer(Given((weight, 2 * weight), **MEASURED[kind]), 2)
    weights = balancer.backward(losses, shared=[point]).double().reshape(2, -1)[:, 0]
    wanted = weight * scale * (slope.double() + 2 * slope.flip(0).double())
    assert point.grad is not None
    assert point.grad.dtype == dtype
    assert point.grad.tolist() == pytest.approx(wanted.tolist(), rel=4 * torch.finfo(dtype).eps)
    assert weights.tolist() == pytest.approx([weight, 2 * weight], rel=0.05)


@pytest.mark.parametrize("method", [*names(), *WRAPPED])
@pytest.mark.parametrize("pattern", ["all", "one", "spread"])
def test_no_method_writes_infinities_at_any_scale(method: str, pattern: str) -> None:
    for scale in SCALES:
        network, balancer = small_network(3), Balancer(method, 3)
        scales = {"all": (scale,) * 3, "one": (1, 1, scale), "spread": (1 / scale, 1, scale)}[pattern]
        for _ in range(2):
            before = copy.deepcopy(balancer.state_dict())
            network.take_gradients()
            try:
                weights = step(network, balancer, scales)
            except NonFiniteError:
                after = balancer.state_dict()
                assert all(torch.equal(before[key], after[key]) for key in before)
                assert all(parameter.grad is None for parameter in network.parameters())
                break
            assert weights.isfinite().all()
            gradients = network.take_gradients()
            assert all(gradient.isfinite().all() for gradient in gradients)
            assert any(gradient.any() for gradient in gradients[:4])


def step(network: Network, balancer: Balancer, scales: tuple[float, ...]) -> Tensor:
    """One step of a method on losses that are multiplied by ``scales``."""
    features = network.features()
    adapted = balancer.adapt(features) if balancer.adapts else dict.fromkeys(balancer.tasks, features)
    losses = [
        (head(adapted[task]) - target).square().mean() * scale
        for task, head, target, scale in zip(balancer.tasks, network.heads, network.targets, scales, strict=True)
    ]
    where: dict[str, Any] = {"shared": network.encoder.parameters()}
    if balancer.adapts:
        where["features"] = features
    if Need.CROSS_GRAMIAN in balancer.weighting.needs:
        where["others"] = [scaled_losses(network, scales), scaled_losses(network, scales)]
    weights = balancer.backward(losses, **where)
    balancer.after_step(scaled_losses(network, scales))
    return weights


LAWFUL = [name for name in names() if create(name).degree is not None and not create(name).stochastic]


@pytest.mark.parametrize("method", LAWFUL)
def test_the_update_scales_by_its_law_over_the_whole_range_of_float32(method: str) -> None:
    degree = create(method).degree
    assert degree is not None
    updates = {}
    for scale in (1.0, 1e-30, 1e-20, 1e20, 1e30):
        network = small_network(2)
        step(network, Balancer(method, 2), (scale, scale))
        updates[scale] = torch.cat([g.flatten() for g in network.take_gradients()[:4]]).double()
    for scale, update in updates.items():
        wanted = updates[1.0] * scale**degree
        assert (update - wanted).norm() <= 1e-4 * wanted.norm(), scale


@pytest.mark.parametrize(
    ("weights", "losses", "lengths", "fine"),
    [
        ([0.5, 0.5], [1.0, 1.0], [1.0, 1.0], True),
        ([0.5, 0.5], [1e-12, 1e12], [1e-12, 1e12], True),
        ([0.0, 0.0], [1.0, 1.0], [1.0, 1.0], True),
        ([1.0, 1e-60], [1.0, 1.0], [1.0, 1.0], True),  # 1e-60 of a gradient is nothing beside the other
        ([1.0, 1e-42], [1.0, 1.0], [1.0, 1e42], False),
        ([1.0, 1e39], [1.0, 0.0], [1.0, 0.0], False),
        ([1.0, 1e20], [1.0, 1.0], [1.0, 1e19], False),
        ([1e-20, 1e-20], [1.0, 1.0], [1e-19, 1e-19], False),
        ([1.0, 1.0], [1e38, 1.0], None, False),
    ],
)
def test_which_steps_need_care(weights: list[float], losses: list[float], lengths: list | None, fine: bool) -> None:
    limits = range_of([torch.ones(1)])
    assert in_range(Factors(weights), Magnitudes(losses, lengths), limits, elements=100) is fine


def test_weights_are_returned_in_double_precision_where_float32_cannot_hold_them() -> None:
    point = nn.Parameter(torch.ones(2))
    ordinary = Balancer(Given((2.0, 3.0)), 2).backward(list(point), shared=[point])
    assert ordinary.dtype == torch.float32
    small = Balancer(Given((1e-60, 1e60)), 2).backward([point[0], 1e-36 * point[1] * 1e-9], shared=[point])
    assert (small.dtype, small.tolist()) == (torch.float64, [1e-60, 1e60])


class Total(NamedTuple):
    total: Float[Tensor, "*B K"]


@dataclass(frozen=True)
class RemembersPowers(Weighting[Total]):
    name = "remembers-powers"
    needs = Need.LOSSES

    def init(self, sizes: Sizes) -> Total:
        return Total(sizes.per_task())

    def update(self, evidence: Evidence, state: Total, draws: Draws) -> tuple[Tensor, Total]:
        return torch.ones_like(evidence.losses), Total(evidence.losses**20)


def test_a_state_that_overflows_is_refused() -> None:
    balancer = Balancer(RemembersPowers(), 2)
    take_step(small_network(2), balancer)
    refused(
        balancer,
        (1.0, 1e30),
        NonFiniteError,
        r"remembers-powers cannot remember the total of the tasks \['0', '1'\], whose losses are .*e\+3",
    )
