"""SDMGrad against its algorithm, TorchJD, and the minimum that its inner steps look for."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor
from torchjd.aggregation import SDMGradWeighting

from balancers import Balancer, Draws, Evidence, Sizes, Weighting, create
from balancers.conformance import check
from balancers.contract.evidence import as_answer
from balancers.methods.sdmgrad import normalised
from tests.balancers.jacobians import KINDS, evidence_from, first_weights, regular
from tests.balancers.network import small_network
from tests.balancers.witness import witness
from tests.references.sdmgrad import Inner, sdmgrad
from tests.references.simplex import gap

SOLVING = {"iterations": 1500, "learning_rate": 0.2, "momentum": 0.5}


def crossed(first: Tensor, second: Tensor) -> Evidence:
    return Evidence(torch.ones(len(first), dtype=torch.float64), measured_cross_gramian=first @ second.T)


def play(weighting: Weighting, run: list[Evidence]) -> Iterator[Tensor]:
    state = weighting.init(Sizes(run[0].losses.shape[-1]))
    for shown in run:
        answer, state = weighting.update(shown, state, Draws.seeded(0))
        yield as_answer(answer).weights


def pairs(kind: str, tasks: int = 4, steps: int = 4) -> list[tuple[Tensor, Tensor]]:
    """Gradients of two batches in every step: equal in the main, with noise of their own."""
    rows = KINDS[kind](tasks, 9, 0)
    size = rows.norm(dim=1, keepdim=True)
    return [
        (rows + size * regular(tasks, 9, 2 * step + 1) / 9, rows + size * regular(tasks, 9, 2 * step + 2) / 9)
        for step in range(steps)
    ]


@witness("sdmgrad", "transcription")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("lambda_", "inner"), [(0.3, Inner(20, 10.0, 0.5)), (0.0, Inner(5, 0.1, 0.0))])
def test_it_is_the_papers_algorithm(kind: str, lambda_: float, inner: Inner) -> None:
    run = pairs(kind)
    weights_by_step = play(create("sdmgrad", lambda_=lambda_, **inner._asdict()), [crossed(*pair) for pair in run])
    expected = sdmgrad([(first.numpy(), second.numpy()) for first, second in run], lambda_, inner)
    for weights, want in zip(weights_by_step, expected, strict=True):
        np.testing.assert_allclose(weights, want, rtol=0, atol=1e-9)


@witness("sdmgrad", "torchjd")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tasks", [1, 2, 5])
def test_it_is_torchjds_where_gradients_are_long_enough_for_an_absolute_epsilon(kind: str, tasks: int) -> None:
    theirs = SDMGradWeighting(lr=0.5, momentum=0.5, n_iter=20, lambda_=0.3)
    run = [(1e4 * first, 1e4 * second) for first, second in pairs(kind, tasks)]
    weights_by_step = play(create("sdmgrad", learning_rate=0.5), [crossed(*pair) for pair in run])
    for weights, (first, second) in zip(weights_by_step, run, strict=True):
        torch.testing.assert_close(weights, theirs(first @ second.T), rtol=0, atol=1e-6)


@witness("sdmgrad", "optimality")
@pytest.mark.parametrize("lambda_", [0.0, 0.3, 2.0])
def test_on_exact_gradients_small_steps_solve_the_problem(lambda_: float) -> None:
    rows = torch.stack([kind(4, 9, 2) for name, kind in KINDS.items() if name != "spread"])  # all kinds at once
    batch_weights = first_weights(create("sdmgrad", lambda_=lambda_, **SOLVING), rows)
    for gramian, weights in zip((rows @ rows.mT).numpy(), batch_weights.numpy(), strict=True):
        # The weights are (w + lambda m) / (1 + lambda): the slope in w is that in the weights, up to a factor.
        inner = (1 + lambda_) * weights - lambda_ / 4
        assert inner.min() > -1e-12
        assert gap(inner, gramian @ weights) < 1e-9 * gramian.max()


@witness("sdmgrad", "closed form")
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("lambda_", [0.0, 0.5])
def test_of_two_tasks_it_finds_the_minimum_on_their_segment(seed: int, lambda_: float) -> None:
    rows = regular(2, 3, seed)
    difference, mean = rows[0] - rows[1], rows.mean(0)
    share = (-(rows[1] + lambda_ * mean) @ difference / (difference @ difference)).clamp(0, 1)
    expected = (torch.stack([share, 1 - share]) + lambda_ / 2) / (1 + lambda_)
    weights = first_weights(create("sdmgrad", lambda_=lambda_, **SOLVING), rows)
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-9)


def test_a_large_lambda_is_the_mean() -> None:
    weights = first_weights(create("sdmgrad", lambda_=1e9), regular(4, 9, 1))
    torch.testing.assert_close(weights, torch.full((4,), 0.25, dtype=torch.float64), rtol=0, atol=1e-8)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e12])
def test_the_scale_of_the_gradients_does_not_matter(scale: float) -> None:
    rows = regular(4, 9, 1)
    method = create("sdmgrad", learning_rate=0.1)
    torch.testing.assert_close(first_weights(method, scale * rows), first_weights(method, rows))


@pytest.mark.parametrize("sign", [0, -1])
def test_where_two_batches_agree_on_no_task_the_weights_stay(sign: int) -> None:
    rows = regular(3, 9, 1)
    weights = list(play(create("sdmgrad"), [evidence_from(rows), crossed(rows, sign * rows)]))
    assert torch.equal(weights[0], weights[1])


def test_what_two_batches_agree_on_by_less_than_rounding_is_no_scale() -> None:
    products = torch.tensor([[1e-40, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    assert torch.equal(normalised(products), torch.zeros(2, 2, dtype=torch.float64))
    assert normalised(products.abs()).isfinite().all()


@pytest.mark.parametrize("flavour", ["paper", "official"])
def test_an_absent_task_does_not_disturb_the_others(flavour: str) -> None:
    point = torch.zeros(4, requires_grad=True)
    batches = [regular(3, 4, seed).float() for seed in range(3)]

    def step(balancer: Balancer, rows: list[Tensor], present: list[bool]) -> Tensor:
        first, *others = (list((batch @ point).unbind()) for batch in rows)
        return balancer.backward(first, shared=[point], present=present, others=others)

    options = {"flavour": flavour, "learning_rate": 0.1}
    weights = step(Balancer("sdmgrad", 3, **options), batches, [True, False, True])
    expected = step(Balancer("sdmgrad", 2, **options), [rows[[0, 2]] for rows in batches], [True, True])
    assert torch.equal(weights[[0, 2]], expected)


def test_its_official_flavour_crosses_no_batches() -> None:
    network = small_network()
    parameters = list(network.encoder.parameters())
    official = Balancer("sdmgrad", 3, flavour="official", learning_rate=0.1)
    weights = official.backward(network.losses(), shared=parameters)
    crossing = Balancer("sdmgrad", 3, learning_rate=0.1)
    with pytest.raises(ValueError, match="needs others="):
        crossing.backward(network.losses(), shared=parameters)
    same = [network.losses(), network.losses()]
    torch.testing.assert_close(crossing.backward(network.losses(), shared=parameters, others=same), weights)


def test_its_official_flavour_keeps_its_promises_too() -> None:
    assert [result for result in check(create("sdmgrad", flavour="official")) if not result.passed] == []


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"lambda_": -1.0}, "sdmgrad: expected a lambda_ of at least 0, got -1.0"),
        ({"iterations": 0}, "sdmgrad: expected iterations to be a whole number of at least 1, got 0"),
        ({"learning_rate": 0.0}, "sdmgrad: expected a positive learning_rate, got 0.0"),
        ({"momentum": 1.0}, "sdmgrad: expected a momentum of at least 0 and below 1, got 1.0"),
    ],
)
def test_bad_values_are_errors(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("sdmgrad", **bad)
