"""The lean Gramian is the ordinary one, whatever the graph of the losses looks like."""

import copy
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as fn
from torch.utils.checkpoint import checkpoint

from balancers.step.gradients import TaskGradients, task_gradients
from balancers.step.graph import Leaves
from balancers.step.lean.gramian import lean_gramian
from balancers.step.products import gramian_of

TASKS = 4
ROUNDING = {torch.float32: 2e-6, torch.bfloat16: 2e-2}


def full(losses: Sequence[Tensor], shared: Sequence[Tensor]) -> TaskGradients:
    return task_gradients(losses, Leaves(list(shared), []), retain_graph=True)


def require_equal(losses: Sequence[Tensor], shared: Sequence[Tensor], rounding: float = 2e-6) -> None:
    """Gramians agree relative to the lengths of the gradients, and so does what each loss reaches."""
    lean, ordinary = lean_gramian(losses, shared), full(losses, shared)
    lengths = ordinary.gramian.diagonal().sqrt()
    allowed = rounding * lengths[:, None] * lengths
    assert lean.gramian.dtype == torch.float64
    assert ((lean.gramian - ordinary.gramian).abs() <= allowed).all()
    assert torch.equal(lean.gramian, lean.gramian.mT)
    assert lean.reached == [any(gradient is not None for gradient in row) for row in ordinary.rows]


def head_losses(features: Tensor, tasks: int = TASKS) -> list[Tensor]:
    """Nonlinear losses of heads of their own."""
    flat = features.flatten(1)
    return [(flat @ torch.randn(flat.shape[1], 3, dtype=flat.dtype)).abs().square().mean() for _ in range(tasks)]


class First(nn.Module):
    """The first output of a module that has several."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, inputs: Tensor) -> Tensor:
        return self.module(inputs)[0]


def without_biases() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 6, bias=False), nn.Tanh(), nn.Linear(6, 7, bias=False))


def convolutions() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.ConvTranspose2d(6, 2, 3))


def transformer(dropout: float = 0.0) -> nn.Module:
    layers = [nn.TransformerEncoderLayer(16, 4, 32, dropout=dropout, batch_first=True) for _ in range(2)]
    return nn.Sequential(*layers)


def words(rows: int = 40, **options: object) -> nn.Module:
    return nn.Sequential(nn.Embedding(rows, 4, **options), nn.LayerNorm(4))  # pyright: ignore[reportArgumentType]


ENCODERS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor]]] = {
    "mlp": (lambda: nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 7)), lambda: torch.randn(9, 5)),
    "mlp without biases": (without_biases, lambda: torch.randn(9, 5)),
    "convolutions and batch norm": (convolutions, lambda: torch.randn(4, 3, 10, 10)),
    "transformer": (transformer, lambda: torch.randn(3, 7, 16)),
    "transformer with dropout": (lambda: transformer(0.1), lambda: torch.randn(3, 7, 16)),
    "lstm": (lambda: First(nn.LSTM(5, 4, 2, batch_first=True, bidirectional=True)), lambda: torch.randn(3, 7, 5)),
    "gru": (lambda: First(nn.GRU(5, 4, batch_first=True)), lambda: torch.randn(3, 7, 5)),
    "more words than lookups": (words, lambda: torch.randint(0, 9, (3, 7))),
    "more lookups than words": (lambda: words(9), lambda: torch.randint(0, 9, (3, 7))),
    "padding": (lambda: words(padding_idx=2), lambda: torch.randint(0, 9, (3, 7))),
    "words by frequency": (lambda: words(scale_grad_by_freq=True), lambda: torch.randint(0, 9, (3, 7))),
    "sparse words": (lambda: words(sparse=True), lambda: torch.randint(0, 9, (3, 7))),
    "bag of words": (lambda: nn.EmbeddingBag(40, 4), lambda: torch.randint(0, 9, (3, 7))),
}  # fmt: skip


@pytest.mark.parametrize("name", ENCODERS)
def test_it_is_the_ordinary_gramian(name: str) -> None:
    torch.manual_seed(0)
    build, draw = ENCODERS[name]
    encoder = build()
    require_equal(head_losses(encoder(draw())), list(encoder.parameters()))


@pytest.mark.parametrize("outputs", [1, 2, 100])
def test_weights_of_linear_layers_are_measured_some_outputs_at_a_time(
    outputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr("balancers.step.lean.products.SLICE", outputs * TASKS * 6)
    encoder = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 7))
    require_equal(head_losses(encoder(torch.randn(2, 9, 5))), list(encoder.parameters()))


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_right_factors_of_any_product_count(scale: float) -> None:
    torch.manual_seed(0)
    first, second, bias = torch.randn(5, 6), torch.randn(6, 7), torch.randn(7)
    shared = [tensor.requires_grad_() for tensor in (first, second, bias)]
    features = torch.addmm(bias, (torch.randn(9, 5) @ first).tanh(), second, alpha=scale)
    require_equal(head_losses(features), shared)


def test_shared_weights_count_once() -> None:
    torch.manual_seed(0)
    layer, embedding = nn.Linear(4, 4), nn.Embedding(40, 4)
    hidden = layer(layer(embedding(torch.randint(0, 9, (3, 7)))).tanh())
    require_equal(head_losses(hidden @ embedding.weight.mT), [*layer.parameters(), embedding.weight])


def test_a_table_is_looked_up_twice() -> None:
    torch.manual_seed(0)
    embedding = nn.Embedding(40, 4)
    features = embedding(torch.randint(0, 9, (3, 7))) * embedding(torch.randint(0, 9, (7,)))
    require_equal(head_losses(features), [embedding.weight])


def test_some_losses_reach_some_parameters_only() -> None:
    torch.manual_seed(0)
    first, second, third = (nn.Linear(4, 4) for _ in range(3))
    unused = nn.Parameter(torch.ones(3))
    low = first(torch.randn(5, 4)).tanh()
    high = second(low).tanh()
    own = third(torch.randn(5, 4))
    losses = [low.square().sum(), high.square().sum(), (high + low).cos().sum(), (high * own).sum(), own.sin().sum()]
    shared = [p for layer in (first, second, third) for p in layer.parameters()]
    require_equal(losses, [*shared, unused])
    assert lean_gramian(losses, list(first.parameters())).reached == [True, True, True, True, False]


def test_heads_that_use_several_layers() -> None:
    torch.manual_seed(0)
    layers = [nn.Linear(4, 4) for _ in range(3)]
    levels = [torch.randn(5, 4)]
    for layer in layers:
        levels.append(layer(levels[-1]).tanh())
    heads = [nn.Linear(4, 4) for _ in range(TASKS)]
    losses = [(head(levels[3]).sin() * levels[1] + levels[2] * levels[2] + levels[1]).square().sum() for head in heads]
    shared = [parameter for layer in layers for parameter in layer.parameters()]
    require_equal(losses, shared)
    weighted = [loss + (layers[0].weight * task).sum() for task, loss in enumerate(losses)]
    require_equal(weighted, [*shared, heads[0].weight])


@pytest.mark.parametrize("seed", range(20))
def test_random_graphs(seed: int) -> None:
    torch.manual_seed(seed)
    layers = [nn.Linear(3, 3, bias=bool(torch.rand(()) < 0.5)) for _ in range(6)]
    values = [torch.randn(4, 3)]
    for _ in range(12):
        layer, left, right = (int(torch.randint(0, 1 << 20, ())) for _ in range(3))
        value = layers[layer % len(layers)](values[left % len(values)]).tanh()
        values.append(value * values[right % len(values)])
    picks = torch.randint(1, len(values), (TASKS, 3)).tolist()
    losses = [sum((values[i] * torch.randn(3)).sin().sum() for i in pick) for pick in picks]
    require_equal(losses, [parameter for layer in layers for parameter in layer.parameters()], 1e-5)  # pyright: ignore


def test_a_parameter_that_one_loss_alone_reaches_counts() -> None:
    point, other = torch.ones(2, requires_grad=True), torch.full((3,), 2.0, requires_grad=True)
    losses = [point.sum(), point.sum() + 2 * other.sum()]
    assert lean_gramian(losses, [point, other]).gramian.tolist() == [[2.0, 2.0], [2.0, 14.0]]


def test_rows_of_tasks_that_do_not_reach_a_parameter_are_zero_where_the_graph_is_infinite() -> None:
    base, root = torch.ones(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    steep = root.sqrt()
    shared = (base * 2).sum()
    losses = [shared + steep.sum(), shared * 3, shared + 2 * steep.sum()]
    gramian = lean_gramian(losses, [base, root]).gramian
    assert gramian[1, 1] == 36.0
    assert not gramian[0, 0].isfinite()
    assert gramian[0, 1] == 12.0 or not gramian[0, 1].isfinite()


@pytest.mark.parametrize("losses", ["same", "parts of one", "one", "leaf"])
def test_losses_of_every_kind(losses: str) -> None:
    point = torch.tensor([1.0, 2.0], requires_grad=True)
    scalar = torch.tensor(3.0, requires_grad=True)
    lists = {
        "same": [point.prod()] * 2,
        "parts of one": list((torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.0, 1.0]]) @ (2 * point)).unbind()),
        "one": [(2 * point).prod()],
        "leaf": [scalar, scalar * point.sum()],
    }
    require_equal(lists[losses], [point, scalar], 0.0)


def test_complex_parameters_count_by_their_real_inner_product() -> None:
    torch.manual_seed(0)
    encoder = nn.Sequential(*(nn.Linear(5, 5, dtype=torch.complex64) for _ in range(2)))
    scale = nn.Parameter(torch.randn(5, dtype=torch.complex64))
    features = encoder(torch.randn(7, 5, dtype=torch.complex64)) * scale
    require_equal(head_losses(features), [*encoder.parameters(), scale])


def test_dtypes_may_differ() -> None:
    torch.manual_seed(0)
    low, high = nn.Linear(4, 4, dtype=torch.bfloat16), nn.Linear(4, 4, dtype=torch.float64)
    features = high(low(torch.randn(6, 4, dtype=torch.bfloat16)).double())
    require_equal(head_losses(features), [*low.parameters(), *high.parameters()], ROUNDING[torch.bfloat16])
    require_equal(head_losses(features), list(high.parameters()), 1e-14)


def test_weights_that_autocast_casts() -> None:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 7))
    with torch.autocast("cpu", torch.bfloat16):
        features = encoder(torch.randn(9, 5))
    require_equal(head_losses(features.float()), list(encoder.parameters()), ROUNDING[torch.bfloat16])


def test_double_precision_that_leaves_the_range_of_its_squares() -> None:
    point = torch.ones(2, dtype=torch.float64, requires_grad=True)
    features = 1e-170 * point
    gramian = lean_gramian([1e20 * features.sum(), 1e160 * features[0]], [point]).gramian
    torch.testing.assert_close(
        gramian, torch.tensor([[2e-300, 1e-160], [1e-160, 1e-20]], dtype=torch.float64), rtol=1e-12, atol=0
    )


def test_parameters_in_any_order_of_memory() -> None:
    torch.manual_seed(0)
    weight, empty = torch.randn(4, 5, 3).permute(2, 0, 1).requires_grad_(), torch.ones(0, requires_grad=True)
    features = fn.conv1d(torch.randn(2, 4, 9), weight) + empty.sum()
    require_equal(head_losses(features), [weight, empty])


def test_a_checkpoint_is_computed_again() -> None:
    torch.manual_seed(0)
    first, second = nn.Linear(5, 5), nn.Sequential(nn.Linear(5, 6), nn.Dropout(0.5), nn.Linear(6, 6))
    features = checkpoint(second, first(torch.randn(7, 5)), use_reentrant=False)
    assert isinstance(features, Tensor)
    require_equal(head_losses(features), [*first.parameters(), *second.parameters()])


def test_hooks_on_parameters_see_their_gradients() -> None:
    torch.manual_seed(0)
    embedding, layer = nn.Embedding(40, 4), nn.Linear(4, 4)
    features = layer(embedding(torch.randint(0, 9, (3, 7))))
    for parameter in (embedding.weight, layer.weight):
        parameter.register_hook(lambda gradient: 3 * gradient)
    require_equal(head_losses(features), [embedding.weight, *layer.parameters()])


def test_the_mean_is_taken_of_rows() -> None:
    torch.manual_seed(0)
    encoder = nn.Sequential(words(), nn.Linear(4, 4))
    inputs, other = torch.randint(0, 9, (2, 3, 7))
    shared = list(encoder.parameters())
    losses = head_losses(encoder(inputs))
    matrices = [
        full(losses, shared).matrix,
        full([loss * 0 + encoder(other).sin().sum() for loss in losses], shared).matrix,
    ]
    assert torch.equal(lean_gramian(losses, shared, lambda rows: 0 * rows).gramian, torch.zeros(TASKS, TASKS).double())
    halved = lean_gramian(losses, shared, lambda rows: rows / 2).gramian
    torch.testing.assert_close(halved, gramian_of(matrices[0]) / 4)


def test_an_ordinary_backward_pass_follows() -> None:
    torch.manual_seed(0)
    encoder = nn.Sequential(words(), transformer_layer := nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True))
    heads = nn.ModuleList(nn.Linear(4, 2) for _ in range(TASKS))
    twin = copy.deepcopy(nn.ModuleList([encoder, heads]))
    inputs, weights = torch.randint(0, 9, (3, 7)), torch.rand(TASKS)
    for first, second, measured in ((encoder, heads, True), (*twin, False)):
        features = first(inputs)
        losses = [head(features).square().mean() for head in second]  # pyright: ignore
        if measured:
            lean_gramian(losses, list(first.parameters()))
            assert all(parameter.grad is None for parameter in [*first.parameters(), *second.parameters()])
        torch.stack(losses).backward(weights)
    pairs = zip([*encoder.parameters(), *heads.parameters()], twin.parameters(), strict=True)
    assert all(torch.equal(left.grad, right.grad) for left, right in pairs)  # pyright: ignore
    assert not any(parameter._backward_hooks for parameter in transformer_layer.parameters())
