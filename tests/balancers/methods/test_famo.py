"""FAMO against the paper's algorithm, another library, the problem that it amortizes, and where it comes to rest."""

import jaxtyping
import pytest
import torch
from torch import Tensor
from torchjd.scalarization import FAMO

from balancers import Balancer, Draws, Evidence, Sizes, Weighting, create
from balancers.conformance import check
from balancers.contract.evidence import as_answer
from balancers.solvers.min_norm import min_norm
from balancers.step.products import gramian_of
from tests.balancers.histories import losses_like
from tests.balancers.jacobians import regular
from tests.balancers.witness import witness
from tests.references.famo import famo


def train(method: Weighting, before: Tensor, after: Tensor) -> Tensor:
    """The weights (S, K) for the losses (S, K) before and after every step."""
    state = method.init(Sizes(before.shape[-1]))
    weights_by_step = []
    for losses, following in zip(before, after, strict=True):
        answer, state = method.update(Evidence(losses), state, Draws.seeded(0))
        state = method.after(following, state)
        weights_by_step.append(as_answer(answer).weights)
    return torch.stack(weights_by_step)


@witness("famo", "transcription")
@pytest.mark.parametrize(("tasks", "beta", "gamma"), [(1, 0.025, 0.001), (3, 0.5, 0.1), (10, 2.0, 0.0)])
def test_the_weights_are_those_of_the_papers_algorithm(tasks: int, beta: float, gamma: float) -> None:
    before, after = losses_like(30, tasks, seed=tasks), losses_like(30, tasks, seed=tasks + 1)
    expected = torch.from_numpy(famo(list(before.numpy()), list(after.numpy()), beta, gamma))
    torch.testing.assert_close(train(create("famo", beta=beta, gamma=gamma), before, after), expected)


@witness("famo", "torchjd")
@pytest.mark.parametrize("gamma", [0.0, 0.001])
def test_the_official_flavour_is_torchjds(gamma: float) -> None:
    before, after = losses_like(30, 4, seed=0), losses_like(30, 4, seed=1)
    theirs = FAMO(4, weight_decay=gamma).double()
    weights = train(create("famo", flavour="official", gamma=gamma), before, after)
    for losses, following, ours in zip(before, after, weights, strict=True):
        losses = losses.clone().requires_grad_(True)  # noqa: PLW2901
        torch.testing.assert_close(ours, torch.autograd.grad(theirs(losses), losses)[0], rtol=1e-5, atol=0)
        theirs.update(following)


def settled(flavour: str, rows: Tensor, losses: Tensor, beta: float) -> Tensor:
    """z after many steps from the same place, where losses fall as the gradients ``rows`` of their logarithms say."""
    method = create("famo", beta=beta, gamma=0.0, flavour=flavour)
    state = method.init(Sizes(len(rows)))
    for _ in range(4000):
        answer, state = method.update(Evidence(losses), state, Draws.seeded(0))
        update = (as_answer(answer).weights * losses) @ rows
        state = method.after(losses * torch.exp(-0.01 * rows @ update / update.norm()), state)
    return torch.softmax(state[0], -1)


@witness("famo", "optimality")
@pytest.mark.parametrize(("flavour", "beta"), [("paper", 5.0), ("official", 1e-3)])
def test_z_converges_to_the_shortest_combination_of_the_gradients_of_the_logarithms(flavour: str, beta: float) -> None:
    rows = regular(3, 6, seed=1)
    expected = min_norm(gramian_of(rows)).point
    assert (expected > 0.05).all()
    shares = settled(flavour, rows, torch.tensor([0.1, 1.0, 20.0], dtype=torch.float64), beta)
    torch.testing.assert_close(shares, expected, rtol=0, atol=2e-3)


@witness("famo", "identity")
def test_where_z_settles_all_losses_fall_at_one_rate() -> None:
    rows = regular(4, 9, seed=3)
    shares = settled("paper", rows, torch.tensor([5.0, 0.3, 1.0, 2.0], dtype=torch.float64), beta=5.0)
    rates = rows @ (shares @ rows)
    torch.testing.assert_close(rates, rates.mean().expand(4), rtol=1e-2, atol=0)


@witness("famo", "optimality")
@pytest.mark.parametrize("flavour", ["paper", "official"])
def test_training_ends_where_the_logarithms_of_the_losses_add_up_to_the_least(flavour: str) -> None:
    centres = torch.tensor([[1.0, 0.0], [-1.0, 0.5]])
    point = torch.zeros(2, requires_grad=True)

    def losses() -> list[Tensor]:
        first, second = (point - centres).square().sum(-1).unbind()
        return [first + 1, 10 * (second + 2)]

    balancer = Balancer("famo", 2, gamma=0.5, beta=0.1, flavour=flavour)
    optimizer = torch.optim.SGD([point], lr=0.1)
    for _ in range(600):
        optimizer.zero_grad()
        balancer.backward(losses(), shared=[point])
        optimizer.step()
        with torch.no_grad():
            balancer.after_step(losses())
    slope = torch.autograd.grad(torch.stack(losses()).log().sum(), point)[0]
    assert slope.norm() < 1e-3


@pytest.mark.parametrize("flavour", ["paper", "official"])
def test_tasks_that_fall_at_one_rate_keep_equal_shares(flavour: str) -> None:
    before = losses_like(20, 5, seed=2)
    weights = train(create("famo", flavour=flavour, beta=1.0), before, 0.7 * before)
    torch.testing.assert_close(weights * before, (weights * before).mean(-1, keepdim=True).expand(20, 5))


@pytest.mark.parametrize("flavour", ["paper", "official"])
def test_a_task_that_falls_behind_gains_weight(flavour: str) -> None:
    before = torch.ones(3, 2, dtype=torch.float64)
    weights = train(create("famo", flavour=flavour), before, before * torch.tensor([0.9, 0.5]))
    assert (weights[1:, 0] > 0.5).all()
    assert weights[2, 0] > weights[1, 0]


@pytest.mark.parametrize("flavour", ["paper", "official"])
def test_losses_of_zero_give_finite_weights_that_sum_to_1(flavour: str) -> None:
    before = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1e-12, 1e12]], dtype=torch.float64)
    weights = train(create("famo", flavour=flavour), before, before.flip(0))
    assert weights.isfinite().all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(4, dtype=torch.float64))
    assert weights[0].tolist() == [0, 1]


def test_the_official_flavour_keeps_all_promises() -> None:
    assert [result for result in check(create("famo", flavour="official")) if not result.passed] == []


@pytest.mark.parametrize("bad", [{"beta": 0.0}, {"gamma": -0.1}, {"flavour": "libmtl"}])
def test_bad_hyperparameters_are_refused(bad: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="famo: expected a"):
        create("famo", **bad)
