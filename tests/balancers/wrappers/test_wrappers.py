"""Weightings around a weighting: what they make of its weights, of its memory and of what it says of itself."""

import io
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float
from torch import Tensor
from torchjd.aggregation import CRMOGMWeighting, UPGradWeighting

from balancers import Answer, Balancer, Claim, Draws, Evidence, Need, Sizes, Stateless, Weighting, create, names
from balancers.conformance import CHECKS
from balancers.conformance.problems import DIMENSION, all_answers, all_updates, all_weights, problems
from balancers.contract.solution import Certificate, Solution
from balancers.contract.solving import Solving
from balancers.step.state_axes import task_axes
from balancers.wrappers.wrapper import innermost
from balancers.wrappers.wrappers import Every, Rescaled, Smoothed
from tests.balancers.jacobians import KINDS, first_weights
from tests.balancers.network import Network, small_network


@dataclass(frozen=True)
class Signs(Stateless):
    """Elementwise: what every task wants of its larger half."""

    name = "signs"
    needs = Need.GRADIENTS
    heads = "own"
    degree = 1

    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        size = evidence.gradients.abs()
        return (size >= size.median(-1, keepdim=True).values).double()


@dataclass(frozen=True)
class Doubled(Stateless):
    """Puts gradients of its own in place, and heads at a third of their loss."""

    name = "doubled"
    needs = Need.GRADIENTS
    heads = "own"
    degree = 1

    def weigh(self, evidence: Evidence, draws: Draws) -> Answer:
        ones = torch.ones_like(evidence.losses)
        return Answer(ones, 2 * evidence.gradients, ones / 3)


class Progress(NamedTuple):
    losses: Float[Tensor, "*B K"]


@dataclass(frozen=True)
class LastLosses(Weighting[Progress]):
    """Weights are the losses after the step before; 1 at first."""

    name = "last-losses"
    needs = Need.LOSSES | Need.LOSSES_AFTER

    def init(self, sizes: Sizes) -> Progress:
        return Progress(sizes.per_task() + 1)

    def update(self, evidence: Evidence, state: Progress, draws: Draws) -> tuple[Tensor, Progress]:
        return state.losses, state

    def after(self, losses: Tensor, state: Progress) -> Progress:
        return Progress(losses)


@dataclass(frozen=True)
class Stubborn(Solving):
    """Finds a solution for the first problem of a run at best."""

    name = "stubborn"
    needs = Need.GRAMIAN

    def solve(self, evidence: Evidence, draws: Draws) -> Solution:
        half = torch.full_like(evidence.losses, 0.5)
        return Solution(half, half[..., 0], torch.zeros_like(half[..., 0], dtype=torch.bool))


@dataclass(frozen=True)
class Inverse(Stateless):
    name = "inverse"
    needs = Need.LOSSES

    def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
        return 1 / evidence.losses


WRAPPED = [
    *(create(f"{wrapper}:{method}") for wrapper in ("every:2", "smoothed:0.7") for method in ("pcgrad", "gradnorm")),
    *(create(f"rescaled:{to}:{method}") for to, method in (("mean", "gradnorm"), ("sum", "pcgrad"), ("unit", "fixed"))),
    *(Rescaled(method, to) for method in (Signs(), Doubled()) for to in ("mean", "unit")),
    create("every:3:smoothed:0.5:rescaled:unit:gradnorm"),
    create("rescaled:mean:every:2:uncertainty"),
    Smoothed(LastLosses(), 0.5),
    Smoothed(Doubled(), 0.5),
]


@pytest.mark.parametrize("weighting", WRAPPED, ids=lambda weighting: weighting.name)
@pytest.mark.parametrize("name", CHECKS)
def test_wrapped_methods_keep_every_promise(name: str, weighting: Weighting) -> None:
    CHECKS[name](weighting)


REFUSALS = "element by element|gradients of its own|losses after each step"


def train(network: Network, balancer: Balancer) -> Tensor:
    """One step without an optimizer; the update of the encoder."""
    encoder = list(network.encoder.parameters())
    balancer.backward(network.losses(), shared=encoder, others=[network.losses(), network.losses()])
    balancer.after_step(network.losses())
    return torch.cat([gradient.flatten() for gradient in network.take_gradients()[: len(encoder)]])


@pytest.mark.parametrize("method", names())
@pytest.mark.parametrize("wrapper", ["every:2", "smoothed:0.9"])
def test_every_registered_method_trains_in_a_wrapper_or_is_refused_with_the_reason(wrapper: str, method: str) -> None:
    network = small_network(3)
    refusal, updates = "", []
    try:
        balancer = Balancer(f"{wrapper}:{method}", 3)
        updates = [train(network, balancer) for _ in range(3)]
    except ValueError as error:
        refusal = str(error)
    assert re.search(REFUSALS, refusal) or len(updates) == 3
    assert all(update.isfinite().all() for update in updates)


@pytest.mark.parametrize("method", names())
def test_every_registered_method_can_be_brought_to_the_length_of_the_mean_gradient(method: str) -> None:
    network = small_network(3)
    balancer = Balancer(f"rescaled:mean:{method}", 3)
    mean = train(network, Balancer("fixed", 3)) / 3
    for _ in range(2):
        torch.testing.assert_close(train(network, balancer).norm(), mean.norm(), rtol=1e-4, atol=0)


@pytest.mark.parametrize("weighting", WRAPPED[:7] + WRAPPED[-4:-2], ids=lambda weighting: weighting.name)
def test_a_name_makes_the_same_wrapped_method_again(weighting: Weighting) -> None:
    assert create(weighting.name) == weighting


@pytest.mark.parametrize("name", ["every:4:gradnorm", "smoothed:0.9:gradnorm", "rescaled:mean:gradnorm"])
def test_facts_are_those_of_the_method_inside(name: str) -> None:
    wrapped, plain = create(name), create("gradnorm")
    for fact in ("stochastic", "positive_losses", "heads", "place", "degree", "digest"):
        assert getattr(wrapped, fact) == getattr(plain, fact)
    assert wrapped.version == plain.version + name.startswith("rescaled")  # whose own mathematics changed once
    assert wrapped.needs == plain.needs
    assert innermost(wrapped) == plain


def test_only_claims_that_survive_are_made() -> None:
    claims = frozenset(Claim)

    @dataclass(frozen=True)
    class Perfect(Signs):
        claims = frozenset(Claim)

    sums = {Claim.NON_NEGATIVE, Claim.SIMPLEX, Claim.SUM_TO_TASKS}
    assert Every(Perfect(), 2).claims == Smoothed(Perfect(), 0.5).claims == sums
    assert Every(Perfect(), 1).claims == Smoothed(Perfect(), 0.0).claims == claims
    assert Rescaled(Perfect()).claims == claims - {Claim.SIMPLEX, Claim.SUM_TO_TASKS}


def test_a_state_is_flat_and_says_which_axes_count_tasks() -> None:
    state = create("every:2:smoothed:0.5:gradnorm").init(Sizes(3))
    own = {"weights": (-1,), "heads": (-1,), "left": (-1,)}
    average = {"inner_weights": (-1,), "inner_steps": (-1,)}
    axes = task_axes(type(state))
    assert list(axes)[:5] == [*own, *average]
    assert axes["inner_inner_first_losses"] == (-1,)
    assert type(create("every:9:smoothed:0.5:gradnorm").init(Sizes(2))) is type(state)


# Every


def test_every_asks_the_method_in_every_nth_step_and_keeps_the_weights_in_between() -> None:
    run = problems(3) + problems(3, seed=1)
    asked = all_weights(create("gradnorm"), [run[0], run[3]])
    for step, weights in enumerate(all_weights(create("every:3:gradnorm"), run)):
        assert torch.equal(weights, asked[step >= 3] if step < 6 else weights)


def test_every_step_in_between_costs_one_backward_pass_through_the_encoder() -> None:
    passes = []

    class Counted(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, tensor: Tensor) -> Tensor:
            return tensor.clone()

        @staticmethod
        def backward(ctx: object, *gradients: Tensor) -> Tensor:
            passes.append(1)
            return gradients[0]

    network = small_network(3)
    for heads in ("own", "weighted"):
        balancer = Balancer("every:3:pcgrad", 3, heads=heads)
        counts = []
        for _ in range(7):
            passes.clear()
            features = network.encoder[2:](Counted.apply(network.encoder[:2](network.inputs)))
            balancer.backward(network.losses(features), shared=network.encoder.parameters())
            counts.append(len(passes))
        assert counts == [3, 1, 1, 3, 1, 1, 3]


def test_a_step_in_between_applies_the_kept_weights_to_todays_gradients() -> None:
    network = small_network(3)
    balancer = Balancer("every:2:pcgrad", 3)
    kept = balancer.backward(network.losses(), shared=network.encoder.parameters())
    network.take_gradients()
    changed = network._replace(inputs=network.inputs.flip(0) + 1)
    (torch.stack(changed.losses()) * kept).sum().backward()
    expected = network.take_gradients()[: len(list(network.encoder.parameters()))]
    weights = balancer.backward(changed.losses(), shared=network.encoder.parameters())
    assert torch.equal(weights, kept)
    for got, want in zip(network.take_gradients(), expected, strict=False):
        torch.testing.assert_close(got, want)


def test_factors_of_heads_are_kept_with_the_weights() -> None:
    @dataclass(frozen=True)
    class Thirds(Stateless):
        name = "thirds"
        needs = Need.LOSSES

        def weigh(self, evidence: Evidence, draws: Draws) -> Answer:
            return Answer(evidence.losses, heads=evidence.losses / 3)

    run = problems(2)
    first, second, third = all_answers(Every(Thirds(), 2), run)[:3]
    assert first.heads is not None
    assert second.heads is not None
    assert torch.equal(first.heads, second.heads)
    assert third.heads is not None
    assert not torch.equal(third.heads, first.heads)


def test_a_task_that_has_no_weight_yet_has_all_weights_found_anew() -> None:
    network = small_network(3)
    balancer = Balancer("every:4:pcgrad", 3)
    seen_weights = []
    for present in ([True, True, False], [True, True, False], [True, True, True], [True, False, True]):
        weights = balancer.backward(network.losses(), shared=network.encoder.parameters(), present=present)
        assert (weights != 0).tolist() == present
        seen_weights.append(weights)
    assert torch.equal(seen_weights[0], seen_weights[1])
    assert not torch.equal(seen_weights[1][:2], seen_weights[2][:2])
    assert torch.equal(seen_weights[3][[0, 2]], seen_weights[2][[0, 2]])


def test_a_checkpoint_between_two_solutions_goes_on_with_the_kept_weights() -> None:
    network = small_network(3)

    def step(balancer: Balancer) -> list[Tensor]:
        balancer.backward(network.losses(), shared=network.encoder.parameters())
        return network.take_gradients()

    ahead = Balancer("every:3:smoothed:0.5:pcgrad", 3, seed=1)
    step(ahead)
    file = io.BytesIO()
    torch.save(ahead.state_dict(), file)
    file.seek(0)
    resumed = Balancer("every:3:smoothed:0.5:pcgrad", 3, seed=2)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for _ in range(4):
        assert all(map(torch.equal, step(ahead), step(resumed)))
    with pytest.raises(ValueError, match="of another balancer"):
        Balancer("every:4:smoothed:0.5:pcgrad", 3).load_state_dict(ahead.state_dict())


def test_a_balancer_around_a_wrapped_method_can_be_pickled() -> None:
    network = small_network(3)
    ahead = Balancer("every:2:smoothed:0.5:pcgrad", 3)
    ahead.backward(network.losses(), shared=network.encoder.parameters())
    other = pickle.loads(pickle.dumps(ahead))
    for _ in range(3):
        want = ahead.backward(network.losses(), shared=network.encoder.parameters())
        assert torch.equal(other.backward(network.losses(), shared=network.encoder.parameters()), want)


@pytest.mark.parametrize(
    ("method", "message"),
    [(Signs(), "element by element"), (Doubled(), "gradients of its own"), (LastLosses(), "losses after each step")],
)
def test_every_refuses_what_leaves_nothing_to_keep(method: Weighting, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        first_weights(Every(method), KINDS["regular"](3, 5, 0))


def test_smoothed_refuses_weights_per_element() -> None:
    with pytest.raises(ValueError, match="signs weighs element by element"):
        first_weights(Smoothed(Signs()), KINDS["regular"](3, 5, 0))


# Smoothed


def test_smoothed_weights_follow_their_recurrence() -> None:
    run = problems(4)
    inner = all_weights(create("pcgrad"), run)
    expected = inner[0]
    for step, weights in enumerate(all_weights(create("smoothed:0.8:pcgrad"), run)):
        expected = 0.8 * expected + 0.2 * inner[step]
        torch.testing.assert_close(weights, expected)


def test_smoothed_is_torchjds_cr_mogm() -> None:
    run = problems(3)
    theirs = CRMOGMWeighting(UPGradWeighting(), alpha=0.9)
    for seen_now, weights in zip(run, all_weights(create("smoothed:0.9:torchjd:UPGrad"), run), strict=True):
        torch.testing.assert_close(weights, theirs(seen_now.gramian))


def test_the_average_of_a_task_begins_when_it_first_appears() -> None:
    network = small_network(3)
    balancer = Balancer(Smoothed(Inverse(), 0.9), 3)
    for present in ([True, False, True], [True, True, True]):
        weights = balancer.backward(network.losses(), shared=network.encoder.parameters(), present=present)
    torch.testing.assert_close(weights, (1 / torch.stack(network.losses())).detach())


def test_wrappers_hand_the_losses_after_a_step_and_the_certificate_on() -> None:
    run = problems(2)
    inner = all_weights(LastLosses(), run)
    torch.testing.assert_close(
        all_weights(Rescaled(Smoothed(LastLosses(), 0.0), "sum"), run)[1].sign(), inner[1].sign()
    )
    assert torch.equal(all_weights(Smoothed(LastLosses(), 0.0), run)[3], inner[3])
    network = small_network(2)
    balancer = Balancer(Every(Rescaled(Stubborn()), 2), 2)
    for _ in range(5):
        balancer.backward(network.losses(), shared=network.encoder.parameters())
    certificate = balancer.certificate
    assert isinstance(certificate, Certificate)
    assert certificate.fallbacks == 3  # in steps 0, 2 and 4


def test_a_wrapped_method_still_stands_between_encoder_and_heads() -> None:
    @dataclass(frozen=True)
    class Doubling(Signs):
        def adapt(self, features: Tensor, state: tuple) -> Tensor:
            return torch.stack([features, 2 * features])

    wrapped = Rescaled(Smoothed(Doubling(), 0.5))
    features = torch.ones(3, 4)
    adapted = wrapped.adapt(features, wrapped.init(Sizes(2)))
    assert adapted is not None
    assert torch.equal(adapted[1], 2 * features)


# Rescaled


@pytest.mark.parametrize("method", [create("pcgrad"), create("gradnorm"), Signs(), Doubled()], ids=lambda m: m.name)
@pytest.mark.parametrize("to", ["mean", "sum", "unit"])
def test_an_update_has_the_wanted_length_and_the_methods_direction(to: str, method: Weighting) -> None:
    run = problems(5)
    for now, got, inner in zip(run, all_updates(Rescaled(method, to), run), all_updates(method, run), strict=True):
        mean = now.gradients.mean(0).norm()
        wanted = {"mean": mean, "sum": 5 * mean, "unit": torch.ones_like(mean)}[to]
        torch.testing.assert_close(got.norm(), wanted)
        torch.testing.assert_close(got / got.norm(), inner / inner.norm())


@given(st.sampled_from(sorted(KINDS)), st.integers(1, 8), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_no_update_is_longer_than_wanted_whatever_the_gradients(kind: str, tasks: int, seed: int) -> None:
    rows = KINDS[kind](tasks, 6, seed)
    for weighting in (create("rescaled:unit:pcgrad"), create("rescaled:unit:fixed")):
        length = (first_weights(weighting, rows) @ rows).norm()
        assert length <= 1 + 1e-6
        if kind == "friendly":
            torch.testing.assert_close(length, torch.ones_like(length))


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_terms_that_cancel_are_not_blown_up_to_full_length(scale: float) -> None:
    row = torch.randn(1, DIMENSION, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    opposite = scale * torch.cat([row, -row * (1 + 1e-9)])
    assert (first_weights(create("rescaled:unit:fixed"), opposite) @ opposite).norm() < 1e-3


def test_without_gradients_the_weights_stay_as_they_are() -> None:
    zeros = torch.zeros(3, 4, dtype=torch.float64)
    assert torch.equal(first_weights(create("rescaled:mean:fixed"), zeros), torch.ones(3, dtype=torch.float64))


def test_rescaled_measures_lengths_in_steps_whose_weights_are_kept() -> None:
    run = problems(3)
    for now, update in zip(run, all_updates(create("rescaled:mean:every:2:fixed"), run), strict=True):
        torch.testing.assert_close(update.norm(), now.gradients.mean(0).norm())
    weighting = create("rescaled:mean:every:2:uncertainty")
    state = weighting.init(Sizes(3))
    for shown in run[:2]:
        assert weighting.needs_now(state) == Need.LOSSES | Need.GRAMIAN
        _, state = weighting.update(shown, state, Draws.seeded(0))


def test_rescaled_says_what_becomes_of_the_degree() -> None:
    assert create("rescaled:sum:fixed").degree == 1
    assert create("rescaled:unit:fixed").degree == 0
    assert create("rescaled:unit:uncertainty").degree is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Every(create("pcgrad"), 0), "steps to be a whole number of at least 1, got 0"),
        (lambda: Smoothed(create("pcgrad"), 1.0), "momentum of at least 0 and below 1, got 1.0"),
        (lambda: Smoothed(create("pcgrad"), float("nan")), "momentum of at least 0 and below 1, got nan"),
        (lambda: Rescaled(create("pcgrad"), "max"), "a length out of mean, sum, unit, got 'max'"),
    ],
)
def test_bad_arguments_are_refused(make: Callable[[], Weighting], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_one_task_alone_has_the_inverse_of_its_norm_for_a_weight_at_unit_length() -> None:
    rows = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    assert first_weights(create("rescaled:unit:fixed"), rows).item() == pytest.approx(0.2)
