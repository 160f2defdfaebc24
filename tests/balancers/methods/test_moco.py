"""MoCo against Algorithm 1, the authors' code, and the min-norm point that it follows."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from balancers import Answer, Balancer, Draws, Evidence, Sizes, Weighting, create
from balancers.conformance import check
from balancers.conformance.problems import update_of
from balancers.contract.evidence import as_answer
from tests.balancers.jacobians import KINDS, evidence_from, regular, spread
from tests.balancers.witness import witness
from tests.references.moco import Rates, moco, official_moco
from tests.references.simplex import gap

STANDING = {"beta": 1.0, "beta_sigma": 0.0, "gamma_sigma": 0.0}  # no averaging, no decay


def play(weighting: Weighting, run: list[Evidence]) -> Iterator[Answer]:
    *batch, tasks, elements = run[0].gradients.shape
    state = weighting.init(Sizes(tasks, elements, tuple(batch), run[0].gradients.dtype))
    for shown in run:
        answer, state = weighting.update(shown, state, Draws.seeded(0))
        yield as_answer(answer)


@witness("moco", "transcription")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rates", [Rates(0.5, 0.5, 0.1, 0.5, 0.0), Rates(0.99, 0.0, 0.3, 0.0, 0.2)])
def test_it_is_the_papers_algorithm(kind: str, rates: Rates) -> None:
    run = [KINDS[kind](4, 9, seed) for seed in range(6)]
    answers = play(create("moco", **rates._asdict()), [evidence_from(rows) for rows in run])
    for rows, answer, (weights, update) in zip(run, answers, moco([r.numpy() for r in run], rates), strict=True):
        np.testing.assert_allclose(answer.weights, weights, rtol=0, atol=1e-9)
        np.testing.assert_allclose(
            update_of(answer, evidence_from(rows)), update, rtol=0, atol=1e-9 * np.abs(update).max()
        )


@witness("moco", "transcription")
@pytest.mark.parametrize("kind", KINDS)
def test_its_official_flavour_is_the_authors_code(kind: str) -> None:
    rates = Rates(0.5, 0.5, 0.1, 0.5, 0.1)
    run = [(KINDS[kind](4, 9, seed), regular(1, 4, seed)[0].abs()) for seed in range(6)]
    answers = play(create("moco", flavour="official", **rates._asdict()), [evidence_from(*step) for step in run])
    expected = official_moco([(rows.numpy(), losses.numpy()) for rows, losses in run], rates)
    for (rows, _), answer, (weights, update) in zip(run, answers, expected, strict=True):
        np.testing.assert_allclose(answer.weights, weights, rtol=1e-9)
        np.testing.assert_allclose(
            update_of(answer, evidence_from(rows)), update, rtol=0, atol=1e-9 * np.abs(update).max()
        )


@witness("moco", "optimality")
@pytest.mark.parametrize("rho", [0.0, 0.1])
def test_on_exact_gradients_it_ends_at_the_min_norm_point(rho: float) -> None:
    rows = torch.stack([kind(4, 9, 2) / 6 for name, kind in KINDS.items() if name != "spread"])  # all kinds at once
    *_, last = play(create("moco", gamma=1.0, rho=rho, **STANDING), [evidence_from(rows)] * 1500)
    for gramian, weights in zip((rows @ rows.mT).numpy() + rho * np.eye(4), last.weights.numpy(), strict=True):
        assert np.linalg.eigvalsh(gramian).max() < 2  # or the steps would be too long
        assert gap(weights, gramian @ weights) < 1e-9 * gramian.max()


@witness("moco", "closed form")
def test_of_two_tasks_it_finds_the_point_of_their_segment_that_is_nearest_to_0() -> None:
    rows = torch.stack([regular(2, 3, seed) for seed in range(8)])
    difference = rows[:, 1] - rows[:, 0]
    shares = ((rows[:, 1] * difference).sum(-1) / difference.square().sum(-1)).clamp(0, 1)
    *_, last = play(create("moco", gamma=0.1, **STANDING), [evidence_from(rows)] * 900)
    torch.testing.assert_close(last.weights, torch.stack([shares, 1 - shares], -1), rtol=0, atol=1e-9)


@witness("moco", "identity")
def test_without_averaging_it_is_modo_on_one_batch() -> None:
    run = [evidence_from(regular(3, 8, seed)) for seed in range(5)]
    double = create("modo", gamma=0.05, rho=0.1)
    state = double.init(Sizes(3))
    for shown, answer in zip(run, play(create("moco", gamma=0.05, rho=0.1, **STANDING), run), strict=True):
        expected, state = double.update(shown, state, Draws.seeded(0))
        torch.testing.assert_close(answer.weights, as_answer(expected).weights)
        assert answer.gradients is not None
        torch.testing.assert_close(answer.gradients, shown.gradients)


def test_its_averages_bring_it_nearer_to_the_min_norm_point_of_the_mean_gradients() -> None:
    mean = torch.tensor([[3.0, 0, 0], [0, 1, 0]], dtype=torch.float64)  # the weights of its min-norm point: (0.1, 0.9)

    def error(**rates: float) -> float:
        run = [evidence_from(mean + 3 * regular(2, 3, seed)) for seed in range(600)]
        weights = [answer.weights[0] for answer in play(create("moco", gamma=0.01, gamma_sigma=0.0, **rates), run)]
        return abs(float(torch.stack(weights[300:]).mean()) - 0.1)

    averaged, raw = error(beta=0.02, beta_sigma=0.0), error(beta=1.0, beta_sigma=0.0)
    assert averaged < 0.5 * raw


def test_the_averages_are_the_gradients_of_the_update() -> None:
    point = torch.zeros(3, requires_grad=True)
    balancer = Balancer("moco", 2, beta=0.5, beta_sigma=0.0)
    first, second = regular(2, 3, 0).float(), regular(2, 3, 1).float()
    for rows in (first, second):
        point.grad = None
        weights = balancer.backward(list((rows @ point).unbind()), shared=[point])
    assert point.grad is not None
    torch.testing.assert_close(point.grad, weights @ (0.25 * first + 0.5 * second))


def test_a_task_that_comes_late_is_averaged_as_fast_as_the_others_were() -> None:
    point = torch.zeros(3, requires_grad=True)
    balancer = Balancer("moco", ["a", "b"])
    rows = regular(2, 3, 0).float()
    for _ in range(50):
        balancer.backward({"a": rows[0] @ point}, shared=[point])
    balancer.backward(dict(zip("ab", (rows @ point).unbind(), strict=True)), shared=[point])
    torch.testing.assert_close(balancer.state[0][1], 0.5 * rows[1])
    assert balancer.state[2].tolist() == [51, 1]


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_weights_are_on_the_simplex_at_any_scale(scale: float) -> None:
    for answer in play(create("moco"), [evidence_from(scale * spread(5, 9, seed)) for seed in range(4)]):
        torch.testing.assert_close(answer.weights.sum(), torch.tensor(1.0, dtype=torch.float64))


def test_in_its_official_flavour_a_task_without_loss_or_gradient_has_no_say() -> None:
    rows = regular(3, 6, 0)
    rows[1] = 0
    losses = torch.tensor([1.0, 1.0, -2.0], dtype=torch.float64)
    (answer,) = play(create("moco", flavour="official"), [evidence_from(rows, losses)])
    assert isinstance(answer.gradients, Tensor)
    assert (answer.gradients[1:] == 0).all()


def test_its_official_flavour_keeps_its_promises_too() -> None:
    assert [result for result in check(create("moco", flavour="official")) if not result.passed] == []


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"beta": 0.0}, "moco: expected a beta above 0 and at most 1, got 0.0"),
        ({"gamma": -1.0}, "moco: expected a positive gamma, got -1.0"),
        ({"rho": -0.1}, "moco: expected a rho of at least 0, got -0.1"),
        ({"beta_sigma": float("nan")}, "moco: expected a beta_sigma of at least 0, got nan"),
    ],
)
def test_bad_values_are_errors(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("moco", **bad)
