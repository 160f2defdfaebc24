"""Methods of TorchJD under this library's interface: what they answer, and what they refuse because of their memory."""

import pickle
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torchjd import aggregation, scalarization

from balancers import Answer, Balancer, Draws, Evidence, Need, Sizes, create, reference, registry
from balancers.conformance import CHECKS
from balancers.conformance.problems import all_answers, all_updates, all_weights, problems
from balancers.contract.evidence import as_answer
from balancers.step.products import cross_gramian_of, gramian_of
from balancers.torchjd import names as from_torchjd
from tests.balancers.jacobians import first_weights, regular
from tests.balancers.network import small_network

# Of those that have no default.
PARAMETERS: dict[str, dict[str, Any]] = {
    "CAGrad": {"c": 0.4},
    "CAGradWeighting": {"c": 0.4},
    "Constant": {"weights": [1.0, 2.0, 3.0]},
    "ConstantWeighting": {"weights": [1.0, 2.0, 3.0]},
    "COSMOS": {"lambda_": 1.0, "weights": [0.2, 0.3, 0.5]},
    "FairGrad": {"alpha": 2.0},
    "FairGradWeighting": {"alpha": 2.0},
    "Krum": {"n_byzantine": 0},
    "KrumWeighting": {"n_byzantine": 0},
    "PBI": {"theta": 1.0, "weights": [0.2, 0.3, 0.5]},
    "STCH": {"mu": 0.5},
    "TrimmedMean": {"trim_number": 1},
}
ROWS = [[-4.0, 1, 1], [6, 1, 1]]


def of(name: str, **parameters: Any) -> Any:
    return create(f"torchjd:{name}", **(PARAMETERS.get(name, {}) | parameters))


@pytest.mark.filterwarnings("ignore:You are solving a parameterized problem")  # cvxpy, which some of them ask
@pytest.mark.parametrize("name", from_torchjd.names())
def test_every_class_answers_three_tasks_in_a_training_loop(name: str) -> None:
    network = small_network(3)
    balancer = Balancer(of(name), 3)
    for _ in range(2):
        others = [network.losses(), network.losses()] if Need.CROSS_GRAMIAN in balancer.weighting.needs else []
        weights = balancer.backward(network.losses(), shared=network.encoder.parameters(), others=others)
        balancer.after_step(network.losses())
        assert weights.shape == (3,)
        assert all(gradient.isfinite().all() for gradient in network.take_gradients())


@pytest.mark.parametrize("name", ["UPGrad", "MGDAWeighting", "PCGrad", "ConFIG", "GradDrop", "Mean", "Random"])
@pytest.mark.parametrize("check", CHECKS)
def test_classes_without_memory_keep_every_promise(check: str, name: str) -> None:
    CHECKS[check](of(name))


def test_the_known_pair_has_the_weights_of_torchjds_manual() -> None:
    weights = first_weights(of("UPGrad"), torch.tensor(ROWS, dtype=torch.float64))
    torch.testing.assert_close(weights, torch.tensor([1.1109, 0.7894], dtype=torch.float64), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["UPGrad", "MGDA", "ConFIG", "TrimmedMean", "AlignedMTL", "Sum", "ExcessMTL"])
def test_the_update_is_that_of_torchjds_aggregator(name: str) -> None:
    run = problems(3)
    theirs = getattr(aggregation, name)(**PARAMETERS.get(name, {}))
    for evidence, update in zip(run, all_updates(of(name), run), strict=True):
        torch.testing.assert_close(update, theirs(evidence.gradients))


def test_an_aggregator_without_weights_fills_the_encoder_and_leaves_heads_their_own_loss() -> None:
    network = small_network(3)
    encoder = list(network.encoder.parameters())
    gradients = [torch.autograd.grad(network.losses()[i], encoder) for i in range(3)]
    rows = torch.stack([torch.cat([part.flatten() for part in row]) for row in gradients])
    torch.stack(network.losses()).sum().backward()
    own = network.take_gradients()[len(encoder) :]
    weights = Balancer(of("ConFIG"), 3).backward(network.losses(), shared=encoder)
    got = network.take_gradients()
    expected = aggregation.ConFIG()(rows.double()).float()
    torch.testing.assert_close(torch.cat([part.flatten() for part in got[: len(encoder)]]), expected)
    for head, want in zip(got[len(encoder) :], own, strict=True):
        torch.testing.assert_close(head, want)
    torch.testing.assert_close(weights, torch.full((3,), 1 / 3))


@pytest.mark.parametrize("name", ["STCH", "COSMOS", "PBI", "GeometricMean", "Mean", "Constant"])
def test_a_scalarizers_weights_are_its_slopes_in_the_losses(name: str) -> None:
    losses = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64)
    arguments = {k: torch.tensor(v).double() if isinstance(v, list) else v for k, v in PARAMETERS.get(name, {}).items()}
    theirs = getattr(scalarization, name)(**arguments)
    weighting = of(name)
    answer, _ = weighting.update(Evidence(losses), weighting.init(Sizes(3)), Draws.seeded(0))
    slopes = []
    for i in range(3):  # central differences, exact to about 1e-8
        step = torch.zeros(3, dtype=torch.float64)
        step[i] = 1e-5
        slopes.append((theirs(losses + step) - theirs(losses - step)) / 2e-5)
    torch.testing.assert_close(as_answer(answer).weights, torch.stack(slopes), rtol=1e-6, atol=1e-6)


def test_famo_is_shown_the_losses_after_the_step() -> None:
    run = problems(3)
    theirs = scalarization.FAMO(3).double()
    expected = []
    for evidence in run:
        losses = evidence.losses.clone().requires_grad_()
        expected.append(torch.autograd.grad(theirs(losses), losses)[0])
        theirs.update(0.9 * evidence.losses)
    for got, want in zip(all_weights(of("FAMO"), run), expected, strict=True):
        torch.testing.assert_close(got, want)


def test_modo_is_shown_the_gramian_across_two_batches() -> None:
    first, second = regular(3, 8, 0), regular(3, 8, 1)
    cross = cross_gramian_of(first, second)
    evidence = Evidence(torch.ones(3, dtype=torch.float64), gramian_of(first), None, cross)
    weighting = of("MoDoWeighting")
    answer, _ = weighting.update(evidence, weighting.init(Sizes(3)), Draws.seeded(0))
    torch.testing.assert_close(as_answer(answer).weights, aggregation.MoDoWeighting()(cross))


def test_random_numbers_come_from_the_balancer_and_the_global_generator_stays() -> None:
    run = problems(5)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, again, other = (all_weights(of("Random"), run, seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[0], first[1])


def test_replicas_of_a_class_without_memory_are_asked_one_by_one() -> None:
    run = problems(3, batch=(2, 2))
    for name in ("UPGrad", "ConFIG"):
        for evidence, answer in zip(run, all_answers(of(name), run), strict=True):
            alone = all_updates(
                of(name), [Evidence(evidence.losses[1, 0], evidence.gramian[1, 0], evidence.gradients[1, 0])]
            )[0]
            rows = evidence.gradients if answer.gradients is None else answer.gradients
            torch.testing.assert_close((answer.weights[1, 0, :, None] * rows[1, 0]).sum(0), alone)


STATEFUL = ["GradVac", "ExcessMTL", "FAMO", "PCD"]


def step(balancer: Balancer, tasks: list[int] | None = None) -> Tensor:
    network = small_network(3)
    losses = network.losses()
    chosen = [loss if tasks is None or i in tasks else None for i, loss in enumerate(losses)]
    weights = balancer.backward(chosen, shared=network.encoder.parameters())
    balancer.after_step(chosen)
    return weights


@pytest.mark.parametrize("name", STATEFUL)
def test_a_class_with_memory_refuses_replicas(name: str) -> None:
    with pytest.raises(ValueError, match="cannot run replicas"):
        of(name).init(Sizes(3, 4, (2,)))


@pytest.mark.parametrize("name", STATEFUL)
def test_a_class_with_memory_cannot_be_resumed_and_says_so(name: str) -> None:
    ahead = Balancer(of(name), 3)
    step(ahead)
    resumed = Balancer(of(name), 3)
    resumed.load_state_dict(ahead.state_dict())
    with pytest.raises(ValueError, match="which no checkpoint holds"):
        step(resumed)
    step(ahead)


def test_two_balancers_cannot_share_a_memory() -> None:
    weighting = of("GradVac")
    first = Balancer(weighting, 3)
    step(first)
    Balancer(weighting, 3)
    with pytest.raises(ValueError, match="no two balancers can share"):
        step(first)


@pytest.mark.parametrize("name", STATEFUL)
def test_a_class_with_memory_cannot_do_without_a_task(name: str) -> None:
    balancer = Balancer(of(name), 3)
    step(balancer)
    with pytest.raises(ValueError, match="remembers 3 tasks"):
        step(balancer, [0, 2])


def test_wrappers_stand_before_the_library_too() -> None:
    run = problems(3)
    weights = all_weights(create("every:2:torchjd:GradVac", beta=0.1), run)
    assert torch.equal(weights[0], weights[1])
    assert create("every:2:torchjd:GradVac", beta=0.1).name == "every:2:torchjd:GradVac"


@pytest.mark.parametrize(
    ("name", "hyperparameters", "message"),
    [
        ("UPgrad", {}, "TorchJD has no method 'UPgrad'; did you mean 'UPGrad'"),
        ("Aggregator", {}, "TorchJD has no method 'Aggregator'"),
        ("WeightedAggregator", {}, "TorchJD has no method 'WeightedAggregator'"),
        ("UW", {}, "must be in the optimizer"),
        ("CRMOGMWeighting", {}, "write smoothed:MOMENTUM:METHOD"),
        ("GradVac", {"betta": 1.0}, "has no hyperparameter 'betta'; did you mean 'beta'"),
        ("CAGrad", {}, "missing 1 required positional argument: 'c'"),
    ],
)
def test_a_mistake_in_a_name_is_told_with_what_there_is(
    name: str, hyperparameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        create(f"torchjd:{name}", **hyperparameters)


def test_a_value_that_torchjd_refuses_shows_when_a_balancer_is_made() -> None:
    with pytest.raises(ValueError, match=r"torchjd:STCH: .*strictly positive"):
        Balancer("torchjd:STCH", 3, mu=-1.0)


@pytest.fixture
def another_world() -> Iterator[None]:
    """What was found of TorchJD is not remembered, before or after."""
    for remembered in (from_torchjd.find, from_torchjd._classes):
        remembered.cache_clear()
    yield
    for remembered in (from_torchjd.find, from_torchjd._classes):
        remembered.cache_clear()


@pytest.mark.usefixtures("another_world")
def test_without_the_library_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_torchjd, "find_spec", lambda name: None)
    assert from_torchjd.names() == []
    with pytest.raises(ValueError, match=r"which is not here; install it: pip install 'torchjd>=0.18'"):
        create("torchjd:UPGrad")


@pytest.mark.usefixtures("another_world")
def test_a_release_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_torchjd, "version", lambda name: "0.9.1")
    assert from_torchjd.names() == []
    with pytest.raises(ValueError, match=r"which is too old here: 0.9.1; install it"):
        create("torchjd:UPGrad")


def test_a_balancer_can_be_pickled() -> None:
    balancer = Balancer("every:2:torchjd:CAGrad", 3, c=0.3)
    assert pickle.loads(pickle.dumps(balancer)).weighting == balancer.weighting


def test_a_step_that_torchjd_refuses_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_network(2)
    balancer = Balancer("torchjd:GradVac", 2)

    def refuse(algorithm: object, evidence: Evidence) -> Answer:
        raise ValueError("no")

    with monkeypatch.context() as patch:
        patch.setattr(type(balancer.weighting), "kind", balancer.weighting.kind._replace(ask=refuse))  # pyright: ignore
        with pytest.raises(ValueError, match="no"):
            balancer.backward(network.losses(), shared=network.encoder.parameters())
    balancer.backward(network.losses(), shared=network.encoder.parameters())


def test_facts_name_the_library_and_its_release() -> None:
    method = registry.get("torchjd:UPGrad")
    assert method.digest == "0.18.0"
    assert reference(method) == "TorchJD 0.18.0, torchjd.aggregation._upgrad, class UPGrad."
    assert not create("torchjd:UPGrad").claims
