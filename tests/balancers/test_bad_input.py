"""Wrong use is answered with a sentence that says what to do, and nothing is lost."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jaxtyping
import pytest
import torch
from torch import Tensor, nn

from balancers import (
    Answer,
    Balancer,
    Draws,
    Evidence,
    Need,
    NonFiniteError,
    NonFiniteGradientError,
    NonFiniteLossError,
    Stateless,
    create,
    load_plugin,
    names,
    registry,
)
from tests.balancers.network import small_network, take_step


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: create("pcgard"), "did you mean 'pcgrad'"),
        (lambda: create("gradnorm", alhpa=1.0), "did you mean 'alpha'"),
        (lambda: create("pcgrad", alpha=1.0), "it has none"),
        (lambda: create("gradnorm", alpha="high"), "cannot be made with"),
        (lambda: create("gradnorm", alpha=-1.0), "alpha of at least 0, got -1.0"),
        (lambda: create("gradnorm", learning_rate=2.0), "between 0 and 1"),
        (lambda: create("uncertainty", learning_rate=0.0), "positive learning_rate"),
        (lambda: create("fixed", weights=[float("nan")]), "finite weights"),
        (lambda: Balancer("fixed", 2, weights=[1.0, 2.0, 3.0]), "3 weights were given for 2 tasks"),
        (lambda: Balancer("fixed", ["a", "b"], weights={"a": 1.0, "c": 2.0}), "one value for each of"),
        (lambda: Balancer(create("fixed"), 2, weights=[1.0, 2.0]), "belong into the fixed object"),
        (lambda: Balancer("fixed", "depth"), "pass a list of names"),
        (lambda: Balancer("fixed", ["a", "a"]), "no name twice"),
        (lambda: Balancer("fixed", 0), "at least one task"),
        (lambda: Balancer("fixed", 2, lower_bounds=[0.0]), "expected 2 values"),
    ],
)
def test_a_balancer_that_cannot_be_is_refused(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        make()


def losses_and(change: Callable[[list[Tensor]], object], **more: object) -> Callable[[], object]:
    def call() -> object:
        network = small_network(2)
        return Balancer("pcgrad", ["a", "b"]).backward(
            change(network.losses()),  # pyright: ignore[reportArgumentType]
            shared=network.encoder.parameters(),
            **more,  # pyright: ignore[reportArgumentType]
        )

    return call


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (losses_and(lambda losses: losses[:1]), "expected 2 losses, one per task, got 1"),
        (losses_and(lambda losses: [*losses, losses[0]]), "expected 2 losses, one per task, got 3"),
        (losses_and(lambda losses: torch.stack(losses)[:, None]), "shape (2,)"),
        (losses_and(lambda losses: {"a": losses[0], "c": losses[1]}), "a loss for 'c'"),
        (losses_and(lambda losses: [losses[0], losses[1].expand(3)]), "task 'b' has shape (3,)"),
        (losses_and(lambda losses: [losses[0], losses[1].detach()]), "task 'b' has no graph"),
        (losses_and(lambda losses: [losses[0], losses[1] / 0]), "task 'b' is inf"),
        (losses_and(lambda losses: [losses[0], losses[1] * float("nan")]), "task 'b' is nan"),
        (losses_and(lambda _: [None, None]), "no task is present"),
    ],
)
def test_losses_that_cannot_be_balanced_are_named(call: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        call()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Balancer("fixed", 2, heads="none"), "expected heads to be one of"),  # pyright: ignore
        (losses_and(lambda losses: [losses[0], losses[1].item()]), "task 'b' is a float"),
        (lambda: Balancer("gls", 2, lower_bounds=-5.0), "lower_bounds: expected one value per task"),  # pyright: ignore
        (lambda: Balancer("gls", 2, observe="gramian"), "expected observe to be a Need"),  # pyright: ignore
        (losses_and(lambda losses: losses, others={}), "others is a list of batches"),
    ],
)
def test_wrong_types_are_named_without_a_type_checker_too(
    call: Callable[[], object], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=re.escape(says)):
        call()


@pytest.mark.parametrize("method", names())
def test_a_loss_that_is_not_finite_changes_neither_gradients_nor_state(method: str) -> None:
    network = small_network(2)
    balancer = Balancer(method, 2)
    before = [part.clone() for part in balancer.state]
    losses = network.losses()
    with pytest.raises(NonFiniteLossError, match="as they were"):
        take_step(network, balancer, [losses[0], losses[1] * float("inf")])
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(map(torch.equal, before, balancer.state))


def shared_as(choose: Callable[..., dict], method: str = "pcgrad") -> Callable[[], object]:
    def call() -> object:
        network = small_network(2)
        features = network.features()
        return take_step(network, Balancer(method, 2), network.losses(features), **choose(network, features))

    return call


def anywhere(method: str) -> bool:
    """Whether a method can be measured at every place."""
    return Need.CROSS_GRAMIAN not in create(method).needs and not Balancer(method, 2).keeps_gradients


@pytest.mark.parametrize("method", [name for name in names() if anywhere(name)])
@pytest.mark.parametrize(
    ("choose", "says"),
    [
        (lambda n, z: {"shared": [nn.Parameter(torch.ones(1))]}, "none of the 1 shared parameters is reached"),
        (lambda n, z: {"shared": []}, "shared is empty"),
        (lambda n, z: {"shared": n.encoder[0].weight}, "shared is one tensor"),
        (lambda n, z: {"shared": [nn.Parameter(torch.ones(1), requires_grad=False)]}, "are frozen"),
        (lambda n, z: {"shared": [z]}, "shared holds a computed tensor"),
        (lambda n, z: {"features": z.detach()}, "features have no graph"),
        (lambda n, z: {"features": n.features()}, "not on the path"),
        (lambda n, z: {"features": z * 1}, "not on the path"),
        (lambda n, z: {"features": z, "shared": n.parameters()}, "reached around the features"),
        (lambda n, z: {"features": z, "at": n.encoder.parameters()}, "pass one of them"),
    ],
)
def test_parameters_that_contradict_the_graph_are_refused(choose: Callable, says: str, method: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        shared_as(choose, method)()


MEASURED = Need.GRAMIAN | Need.CROSS_GRAMIAN | Need.GRADIENTS
UNUSED = nn.Parameter(torch.ones(1))


@pytest.mark.parametrize(
    ("choose", "says"),
    [
        (lambda n, z: {"shared": [*n.encoder.parameters(), UNUSED], "at": [UNUSED]}, "in at= is reached"),
        (lambda n, z: {"at": n.heads[0].parameters()}, "2 of the 2 parameters in at are not shared"),
        (lambda n, z: {"at": []}, "at is empty"),
    ],
)
def test_a_place_that_no_loss_reaches_is_refused(choose: Callable, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        shared_as(choose)()


def test_a_tensor_beside_the_features_that_leaves_the_encoder_is_noticed() -> None:
    network = small_network(2)
    hidden = network.encoder[0](network.inputs)
    features = network.encoder[1:](hidden)
    losses = network.losses(features)
    with pytest.raises(ValueError, match="reached around the features"):
        Balancer("pcgrad", 2).backward([losses[0], losses[1] + hidden.mean()], features=features)
    Balancer("pcgrad", 2).backward(network.losses(features := network.features()), features=[features])


def test_features_that_are_computed_from_each_other_are_refused() -> None:
    network = small_network(2)
    hidden = network.encoder[0](network.inputs)
    features = network.encoder[1:](hidden)
    losses = network.losses(features)
    with pytest.raises(ValueError, match="computed from another"):
        Balancer("pcgrad", 2).backward([losses[0], losses[1] + hidden.mean()], features=[hidden, features])


def test_losses_in_one_tensor_need_to_be_told_what_is_shared_and_who_is_absent() -> None:
    network = small_network(2)
    with pytest.raises(ValueError, match="do not show what is shared"):
        Balancer("pcgrad", 2).backward(torch.stack(network.losses()))
    with pytest.raises(ValueError, match="pass them as a list or a mapping"):
        Balancer("pcgrad", 2).backward(
            torch.stack(network.losses()), shared=network.encoder.parameters(), present=[True, False]
        )


@pytest.mark.parametrize("method", [name for name in names() if MEASURED & create(name).needs])
def test_a_gradient_that_is_not_finite_changes_neither_gradients_nor_state(method: str) -> None:
    point = torch.zeros(2, requires_grad=True)
    balancer = Balancer(method, ["fine", "steep"])
    before = [part.clone() for part in balancer.state]
    steps = [[(point - 1).square().sum(), point.abs().sqrt().sum()] for _ in range(3)]
    crossed = steps[1:] if Need.CROSS_GRAMIAN in balancer.weighting.needs else []
    with pytest.raises(NonFiniteGradientError, match=r"tasks \['steep'\] are not finite"):
        balancer.backward(steps[0], shared=[point], others=crossed)
    assert point.grad is None
    assert all(map(torch.equal, before, balancer.state))


def test_weights_that_are_not_finite_are_blamed_on_the_method(tmp_path: Path) -> None:
    text = GOOD.format(name="not-a-number").replace("torch.ones_like(seen.losses)", "0 * seen.losses / 0")
    load_plugin(plugin(tmp_path, text))
    point = torch.ones(2, requires_grad=True)
    with pytest.raises(NonFiniteError, match="not-a-number gave the weights"):
        Balancer("not-a-number", 2).backward(list(point.square().unbind()), shared=[point])
    assert point.grad is None


class BreaksHeads(Stateless):
    name = "breaks-heads"
    needs = Need.LOSSES
    heads = "own"

    def weigh(self, evidence: Evidence, draws: Draws) -> Answer:
        return Answer(torch.ones_like(evidence.losses), heads=torch.full_like(evidence.losses, torch.inf))


def test_factors_of_heads_that_are_not_finite_are_blamed_on_the_method() -> None:
    network = small_network(2)
    with pytest.raises(NonFiniteError, match="breaks-heads gave the factors for the heads"):
        Balancer(BreaksHeads(), 2).backward(network.losses())
    assert all(parameter.grad is None for parameter in network.encoder.parameters())


def test_one_loss_alone_asks_for_the_shared_parameters() -> None:
    network = small_network(1)
    with pytest.raises(ValueError, match="pass shared="):
        Balancer("pcgrad", 1).backward(network.losses())


def test_a_task_of_another_encoder_is_named() -> None:
    network, other = small_network(2), small_network(2, seed=1)
    losses = {"mine": network.losses()[0], "foreign": other.losses()[1]}
    with pytest.raises(ValueError, match="the loss of task 'foreign' depends on no parameter"):
        Balancer("mgda", ["mine", "foreign"]).backward(losses, shared=network.encoder.parameters())
    assert all(parameter.grad is None for parameter in network.encoder.parameters())


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda n: Balancer("fixed", 2).backward(n.losses(), shared=n.encoder), "holds a Linear"),
        (lambda n: Balancer("fixed", 2).backward(n.losses(), shared=n.encoder.named_parameters()), "holds a tuple"),
        (lambda n: Balancer("graddrop", 2).backward(n.losses(), n.encoder.parameters(), at=[]), "leave out at="),
        (lambda n: Balancer("gls", 2, lower_bounds={"c": -5.0}), "lower_bounds: there is no task 'c'"),
        (lambda n: Balancer("PCGrad", 2), "did you mean 'pcgrad'"),
    ],
)
def test_a_mistake_in_a_call_is_answered_with_what_to_write(call: Callable[..., object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call(small_network(2))


def test_a_loss_below_its_own_bound_is_told_with_the_bound() -> None:
    point = torch.full((2,), -94.0, requires_grad=True)
    with pytest.raises(ValueError, match="needs losses of at least their lower bound, -50"):
        Balancer("gls", ["a", "b"], lower_bounds={"a": -50.0}).backward(list(point.unbind()), shared=[point])


def test_a_frozen_encoder_is_noticed() -> None:
    network = small_network(2)
    network.encoder.requires_grad_(False)
    with pytest.raises(ValueError, match="is the encoder frozen"):
        Balancer("pcgrad", 2).backward(network.losses())


GOOD = """
from dataclasses import dataclass
import torch
from balancers import Need, Stateless, register

@register("{name}")
@dataclass(frozen=True)
class Mine(Stateless):
    needs = Need.LOSSES
    def weigh(self, seen, draws):
        return torch.ones_like(seen.losses)
"""


def plugin(folder: Path, text: str) -> Path:
    path = folder / "plugin.py"
    path.write_text(text)
    return path


def test_a_plugin_file_adds_a_balancer(tmp_path: Path) -> None:
    assert load_plugin(plugin(tmp_path, GOOD.format(name="from-a-file"))) == ["from-a-file"]
    assert "from-a-file" in names()
    assert create("from-a-file").needs.name == "LOSSES"


def test_a_plugin_file_that_changed_has_another_digest(tmp_path: Path) -> None:
    digests = []
    for text in (GOOD, GOOD, GOOD + "# changed"):
        load_plugin(plugin(tmp_path, text.format(name="edited")))
        digests.append(registry.get("edited").digest)
    assert digests[0] == digests[1] != digests[2]
    assert registry.get("pcgrad").digest == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("x = 1", "registers no balancer"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        (GOOD.format(name="half-way") + "raise RuntimeError('late')", "RuntimeError: late"),
        (GOOD.format(name="pcgrad"), "'pcgrad' is already registered"),
        (GOOD.format(name="thawed").replace("(frozen=True)", ""), "put @dataclass(frozen=True)"),
        (GOOD.format(name="needless").replace("needs =", "wants ="), "must say `needs"),
    ],
)
def test_a_plugin_that_fails_says_why_and_leaves_nothing_behind(tmp_path: Path, text: str, says: str) -> None:
    before = names()
    with pytest.raises(ValueError, match=re.escape(says)):
        load_plugin(plugin(tmp_path, text))
    assert names() == before


def test_a_missing_plugin_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.py is not a file"):
        load_plugin(tmp_path / "nowhere.py")


class EntryPoint(NamedTuple):
    value: str
    load: Callable[[], object]


def test_a_broken_balancer_of_an_installed_package_is_left_out_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ImportError("no such module")

    loaded = []
    points = [EntryPoint("other.package", fail), EntryPoint("fine.package", lambda: loaded.append("fine"))]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == "balancers" else [])
    registry._discover.cache_clear()
    with pytest.warns(RuntimeWarning, match="balancers of 'other.package' are left out: ImportError: no such module"):
        assert "pcgrad" in names()
    assert loaded == ["fine"]
