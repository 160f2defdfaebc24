"""The shell: the same gradients as autograd's where they are known, one contract for all methods."""

import copy
import io
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from balancers import Balancer, Need, create, names
from balancers.contract.weighting import Heads
from tests.balancers.network import Network, small_network, take_step
from tests.references.pcgrad import pcgrad

PLACES: dict[str, Callable[[Network, Tensor], dict]] = {
    "shared": lambda network, _: {"shared": network.encoder.parameters()},
    "found": lambda *_: {},
    "at": lambda network, _: {"shared": network.encoder.parameters(), "at": network.encoder[2].parameters()},
    "features": lambda _, features: {"features": features},
}


def balanced(network: Network, balancer: Balancer, place: str) -> list[Tensor]:
    features = network.features()
    take_step(network, balancer, network.losses(features), **PLACES[place](network, features))
    return network.take_gradients()


def possible(method: str, place: str) -> bool:
    """Whether a method can be measured there: not every one acts on gradients by their inner products alone."""
    if place == "found" and Balancer(method, 2).keeps_gradients:
        return False  # what is remembered needs one order of the parameters
    return place in ("shared", "found") or not (create(method).needs & (Need.CROSS_GRAMIAN | Need.GRADIENTS))


def task_rows(network: Network) -> Tensor:
    """The tasks' gradients at the encoder, each from a graph of its own."""
    encoder = list(network.encoder.parameters())
    rows = []
    for task in range(len(network.heads)):
        gradients = torch.autograd.grad(network.losses()[task], encoder)
        rows.append(torch.cat([gradient.flatten() for gradient in gradients]))
    return torch.stack(rows)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("heads", ["own", "weighted"])
@pytest.mark.parametrize("tasks", [1, 2, 3, 7])
def test_equal_weights_give_bit_for_bit_the_gradients_of_the_sum(tasks: int, heads: Heads, place: str) -> None:
    if tasks == 1 and place == "found":
        pytest.skip("one loss alone does not show what is shared")
    network = small_network(tasks)
    torch.stack(network.losses()).sum().backward()
    expected = network.take_gradients()
    got = balanced(network, Balancer("fixed", tasks, heads=heads), place)
    assert all(map(torch.equal, expected, got))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("observe", [Need.LOSSES, Need.GRAMIAN], ids=["unobserved", "observed"])
def test_weights_reach_the_encoder_and_only_the_chosen_heads(place: str, observe: Need) -> None:
    network, weights = small_network(3), torch.tensor([0.5, 2.0, -1.0])
    (torch.stack(network.losses()) * weights).sum().backward()
    weighted = network.take_gradients()
    torch.stack(network.losses()).sum().backward()
    plain = network.take_gradients()
    shared = len(list(network.encoder.parameters()))
    cases: list[tuple[Heads, list[Tensor]]] = [("weighted", weighted), ("own", weighted[:shared] + plain[shared:])]
    for heads, expected in cases:
        balancer = Balancer("fixed", 3, heads=heads, observe=observe, weights=weights.tolist())
        for got, want in zip(balanced(network, balancer, place), expected, strict=True):
            torch.testing.assert_close(got, want)


def test_pcgrad_fills_the_gradients_of_the_papers_algorithm() -> None:
    network = small_network(2)
    encoder = list(network.encoder.parameters())
    rows = task_rows(network)
    assert rows[0] @ rows[1] < 0
    Balancer("pcgrad", 2).backward(network.losses(), shared=encoder)
    got = torch.cat([p.grad.flatten() for p in encoder if p.grad is not None])
    expected = torch.from_numpy(pcgrad(rows.double().numpy(), [[0, 1], [1, 0]])).float()
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", names())
def test_gradients_are_added_to_those_that_are_there(method: str) -> None:
    network = small_network()
    once = balanced(network, Balancer(method, 3), "shared")
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    for got, want in zip(balanced(network, Balancer(method, 3), "shared"), once, strict=True):
        torch.testing.assert_close(got, want + 1)


@pytest.mark.parametrize("method", names())
def test_losses_may_be_a_tensor_a_sequence_or_a_mapping(method: str) -> None:
    network, tasks = small_network(), ["a", "b", "c"]
    shapes: list[Callable[[list[Tensor]], object]] = [
        torch.stack,
        tuple,
        lambda losses: dict(zip(tasks, losses, strict=True)),
        lambda losses: dict(reversed(list(zip(tasks, losses, strict=True)))),
    ]
    results = []
    for shape in shapes:
        balancer = Balancer(method, tasks)
        weights = take_step(network, balancer, shape(network.losses()))
        assert len(weights) == 3
        results.append([weights, *network.take_gradients()])
    for other in results[1:]:
        assert all(map(torch.equal, results[0], other))


def test_at_the_features_the_encoder_is_passed_once_whatever_the_number_of_tasks() -> None:
    passes = []

    class Counted(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, tensor: Tensor) -> Tensor:
            return tensor.clone()

        @staticmethod
        def backward(ctx: object, *gradients: Tensor) -> Tensor:
            passes.append(1)
            return gradients[0]

    network = small_network(5)
    for kind, expected in (("features", 1), ("shared", 5)):
        passes.clear()
        inner = Counted.apply(network.encoder[:2](network.inputs))
        features = network.encoder[2:](inner)
        Balancer("pcgrad", 5).backward(network.losses(features), **PLACES[kind](network, features))
        assert len(passes) == expected


def test_the_evidence_of_the_last_step_can_be_read() -> None:
    network = small_network(2)
    balancer = Balancer("pcgrad", 2)
    with pytest.raises(ValueError, match="before the first call"):
        _ = balancer.evidence
    weights = balancer.backward(network.losses(), shared=network.encoder.parameters())
    evidence = balancer.evidence
    rows = task_rows(network).double()
    torch.testing.assert_close(evidence.norms, rows.norm(dim=1), rtol=1e-5, atol=0)
    torch.testing.assert_close(
        evidence.cosines[0, 1], torch.cosine_similarity(rows[0], rows[1], dim=0), rtol=1e-4, atol=0
    )
    assert evidence.conflicts.item() == 1.0
    assert torch.equal(balancer.weights, weights)


def test_what_was_not_measured_says_how_to_have_it_measured() -> None:
    network = small_network(2)
    balancer = Balancer("fixed", 2)
    balancer.backward(network.losses(), shared=network.encoder.parameters())
    with pytest.raises(ValueError, match=r"observe=Need\.GRAMIAN"):
        _ = balancer.evidence.norms


@pytest.mark.parametrize(("method", "place"), [(m, place) for m in names() for place in PLACES if possible(m, place)])
def test_an_absent_task_leaves_its_head_alone_and_does_not_disturb_the_others(method: str, place: str) -> None:
    network = small_network(3)
    both = Balancer(method, ["a", "c"])
    features = network.features()
    first, _, third = network.losses(features)
    pair = network._replace(heads=nn.ModuleList([network.heads[0], network.heads[2]]), targets=network.targets[[0, 2]])
    expected_weights = take_step(pair, both, [first, third], **PLACES[place](network, features))
    expected = network.take_gradients()
    everyone = Balancer(method, ["a", "b", "c"])
    features = network.features()
    first, second, third = network.losses(features)
    losses = [first, second * float("nan"), third]
    weights = take_step(network, everyone, losses, [True, False, True], **PLACES[place](network, features))
    assert all(map(torch.equal, expected, network.take_gradients()))
    assert torch.equal(weights[[0, 2]], expected_weights)
    assert (weights[1] == 0).all()


def test_an_absent_task_may_be_left_out_of_a_mapping_or_be_none() -> None:
    network = small_network(3)
    for losses in ({"a": 0, "c": 2}, [0, None, 2]):
        computed = network.losses()
        chosen = (
            {k: computed[i] for k, i in losses.items()}
            if isinstance(losses, dict)
            else [None if i is None else computed[i] for i in losses]
        )
        weights = Balancer("fixed", ["a", "b", "c"]).backward(chosen, shared=network.encoder.parameters())
        assert weights.tolist() == [1, 0, 1]


@pytest.mark.parametrize("method", names())
def test_tasks_that_take_turns_do_not_freeze_each_other(method: str) -> None:
    network = small_network(3)
    balancer = Balancer(method, 3)
    for step in range(9):
        present = [i != step % 3 for i in range(3)]
        weights = take_step(network, balancer, present=present)
        assert (weights[step % 3] == 0).all()
        assert (weights != 0).any() or (method == "pcd" and step % 3 == 0)  # it stands still without its primary task
        assert all(g.isfinite().all() for g in network.take_gradients())


@pytest.mark.parametrize("method", names())
def test_a_fresh_balancer_resumes_from_a_saved_file(method: str) -> None:
    network = small_network()
    ahead = Balancer(method, ["a", "b", "c"], seed=3)
    for _ in range(3):
        take_step(network, ahead)
    file = io.BytesIO()
    torch.save(ahead.state_dict(), file)
    file.seek(0)
    resumed = Balancer(method, ["a", "b", "c"], seed=4)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    network.take_gradients()
    for _ in range(3):
        take_step(network, ahead)
        expected = network.take_gradients()
        take_step(network, resumed)
        assert all(map(torch.equal, expected, network.take_gradients()))
    assert all(map(torch.equal, ahead.state, resumed.state))


def test_a_checkpoint_of_another_balancer_is_refused_before_anything_is_loaded() -> None:
    saved = Balancer("gradnorm", ["a", "b"]).state_dict()
    others = [("gradnorm", ["a", "c"], {}), ("uncertainty", ["a", "b"], {}), ("gradnorm", ["a", "b"], {"alpha": 0.5})]
    for other in (Balancer(name, tasks, **hyperparameters) for name, tasks, hyperparameters in others):
        before = copy.deepcopy(other.state)
        with pytest.raises(ValueError, match="checkpoint is of another balancer"):
            other.load_state_dict(saved)
        assert all(map(torch.equal, before, other.state))


def test_a_balancer_inside_a_model_is_saved_with_it_and_keeps_its_precision() -> None:
    model = nn.Module()
    model.balancer = Balancer("gradnorm", 2)
    model.half()
    saved = model.state_dict()
    assert {value.dtype for name, value in saved.items() if "state_" in name and "extra" not in name} == {torch.float64}
    assert "balancer.state_weights" in saved


def test_parameters_that_no_loss_reaches_keep_having_no_gradient() -> None:
    network = small_network(2)
    unused = nn.Parameter(torch.ones(3))
    Balancer("pcgrad", 2).backward(network.losses(), shared=[*network.encoder.parameters(), unused])
    assert unused.grad is None


def test_gradients_have_the_strides_of_their_parameters_and_are_added_in_place() -> None:
    convolution = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    inputs = torch.randn(2, 3, 8, 8)

    def step() -> Tensor | None:
        outputs = convolution(inputs)
        losses = [outputs.square().mean(), (outputs - 1).abs().mean()]
        Balancer("pcgrad", 2).backward(losses, shared=convolution.parameters())
        return convolution.weight.grad

    first = step()
    assert first is not None
    assert first.stride() == convolution.weight.stride()
    once = first.clone()
    assert step() is first
    torch.testing.assert_close(first, 2 * once)


def test_sparse_gradients_are_balanced_too() -> None:
    table = nn.Embedding(5, 3, sparse=True)
    rows = table(torch.tensor([1, 3]))
    Balancer("fixed", 2, observe=Need.GRAMIAN).backward([rows.sum(), (2 * rows).sum()], shared=table.parameters())
    assert table.weight.grad is not None
    assert table.weight.grad.sum(1).tolist() == [0, 9, 0, 9, 0]


def test_models_of_several_precisions_are_measured_in_the_highest() -> None:
    parameters = [nn.Parameter(torch.ones(2, dtype=dtype)) for dtype in (torch.bfloat16, torch.float32, torch.bfloat16)]
    third = 1 / 3
    losses = [torch.stack([(p.float() * third).sum() for p in parameters]).sum() for _ in range(2)]
    balancer = Balancer("pcgrad", 2)
    balancer.backward(losses, shared=parameters)
    rounded = float(torch.tensor(third, dtype=torch.bfloat16))
    expected = 2 * third**2 + 4 * rounded**2
    torch.testing.assert_close(balancer.evidence.gramian[0, 0].item(), expected, rtol=1e-6, atol=0)


def test_autocast_around_the_call_does_not_coarsen_the_weights() -> None:
    network = small_network(2)
    outside, inside = Balancer("pcgrad", 2), Balancer("pcgrad", 2)
    outside.backward(network.losses(), shared=network.encoder.parameters())
    expected = network.take_gradients()
    losses = network.losses()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside.backward(losses, shared=network.encoder.parameters())
    assert torch.equal(inside.evidence.gramian, outside.evidence.gramian)
    assert all(map(torch.equal, expected, network.take_gradients()))


def test_a_model_that_contains_a_balancer_has_a_state_of_tensors_alone() -> None:
    assert all(isinstance(value, Tensor) for value in Balancer("pcgrad", 2).state_dict().values())


def test_half_precision_models_are_balanced_in_their_own_type() -> None:
    network = small_network(2)
    network.encoder.bfloat16()
    network.heads.bfloat16()
    halved = network._replace(inputs=network.inputs.bfloat16(), targets=network.targets.bfloat16())
    weights = Balancer("pcgrad", 2).backward(halved.losses(), shared=halved.encoder.parameters())
    assert {g.dtype for g in halved.take_gradients()} == {torch.bfloat16}
    assert weights.isfinite().all()


def test_lower_bounds_make_negative_losses_fit_for_methods_that_take_ratios() -> None:
    point = torch.ones(2, requires_grad=True)
    needy = [name for name in names() if create(name).positive_losses]
    assert needy
    for method in needy:
        with pytest.raises(ValueError, match="lower_bounds"):
            Balancer(method, 2).backward(point.square() - 5, shared=[point])
        balancer = Balancer(method, 2, lower_bounds=[-5.0, -6.0])
        balancer.backward(point.square() - 5, shared=[point])
        assert balancer.evidence.losses.tolist() == [1.0, 2.0]


def test_lower_bounds_may_be_given_for_some_tasks_by_name() -> None:
    point = torch.ones(2, requires_grad=True)
    balancer = Balancer("uncertainty", ["a", "b"], lower_bounds={"b": -5.0})
    balancer.backward(list(point.square().unbind()), shared=[point])
    assert balancer.evidence.losses.tolist() == [1.0, 6.0]


def test_a_sparse_gradient_that_is_there_already_is_added_to() -> None:
    words, heads = nn.Embedding(9, 4, sparse=True), [nn.Linear(4, 1) for _ in range(2)]
    tokens = torch.tensor([1, 3, 1])
    words(tokens).sum().backward()
    before = words.weight.grad
    assert before is not None
    losses = [head(words(tokens)).square().mean() for head in heads]
    weights = Balancer("mgda", 2).backward(losses, shared=words.parameters())
    again = [head(words(tokens)).square().mean() for head in heads]
    parts = [torch.autograd.grad(loss, words.weight)[0].to_dense() for loss in again]
    assert words.weight.grad is not None
    expected = before.to_dense() + sum(weight * part for weight, part in zip(weights, parts, strict=True))
    torch.testing.assert_close(words.weight.grad.to_dense(), expected)


def test_whoever_changes_the_returned_weights_changes_no_state() -> None:
    point, balancer = torch.ones(2, dtype=torch.float64, requires_grad=True), Balancer("fixed", 2)
    balancer.backward([point[0], point[1]], shared=[point]).mul_(0.5)
    assert balancer.backward([point[0], point[1]], shared=[point]).tolist() == [1.0, 1.0]


def test_a_balancer_made_where_the_default_device_is_another_works() -> None:
    with torch.device("meta"):
        balancer = Balancer("mgda", 2, lower_bounds=[-1.0, 0.0])
    point = torch.ones(2, requires_grad=True)
    balancer.backward([point[0], point[1]], shared=[point])
    assert balancer.evidence.losses.tolist() == [2.0, 1.0]


class Saved(torch.autograd.Function):
    """The sum of a tensor, whose gradient is a tensor that the user keeps."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, values: Tensor, slopes: Tensor) -> Tensor:
        """The sum."""
        ctx.slopes = slopes  # pyright: ignore[reportAttributeAccessIssue]
        return values.sum()

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *_: Tensor) -> tuple[Tensor, None]:  # pyright: ignore
        """The user's tensor itself."""
        return ctx.slopes, None  # pyright: ignore[reportAttributeAccessIssue]


def test_the_evidence_of_one_task_is_not_the_users_tensor() -> None:
    point, slopes = torch.zeros(3, requires_grad=True), torch.tensor([1.0, 2.0, 3.0])
    balancer = Balancer("graddrop", 1)
    balancer.backward([Saved.apply(point, slopes)], shared=[point])
    slopes.zero_()
    assert balancer.evidence.gradients.tolist() == [[1.0, 2.0, 3.0]]
