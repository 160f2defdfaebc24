"""MGDA against what defines the shortest vector, the closed form for two tasks, the paper's solver, and TorchJD."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torchjd.aggregation import MGDAWeighting

from balancers import Balancer, create
from balancers.conformance import check
from tests.balancers.descent import STARTS, descend, distance_from_stationary
from tests.balancers.jacobians import KINDS, first_weights, generator, regular, spread
from tests.balancers.network import small_network
from tests.balancers.optimality import TOLERANCE, combined
from tests.balancers.witness import witness
from tests.references.mgda import frank_wolfe

NORMALIZATIONS = ["l2", "loss", "loss+"]


def losses_of(tasks: int, seed: int) -> Tensor:
    return 10 ** (4 * torch.rand(tasks, generator=generator(seed), dtype=torch.float64) - 2)


@witness("mgda", "closed form")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_two_tasks_have_the_paper_s_analytic_shares(kind: str, seed: int) -> None:
    first, second = rows = KINDS[kind](2, 5, seed)
    share = ((second - first) @ second / (first - second).square().sum()).clamp(0, 1)
    torch.testing.assert_close(first_weights(create("mgda"), rows), torch.stack([share, 1 - share]))


@witness("mgda", "closed form")
@pytest.mark.parametrize("tasks", [1, 3, 20])
def test_orthogonal_gradients_have_weights_in_inverse_proportion_to_their_squared_norms(tasks: int) -> None:
    norms = 10 ** torch.linspace(-3, 3, tasks, dtype=torch.float64)
    weights = first_weights(create("mgda"), torch.diag(norms))
    torch.testing.assert_close(weights, norms**-2 / (norms**-2).sum(), rtol=1e-9, atol=0)


@witness("mgda", "optimality")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("tasks", "dimension"), [(2, 5), (5, 3), (9, 30), (40, 60)])
def test_every_loss_falls_at_least_by_the_squared_length_of_the_update(kind: str, tasks: int, dimension: int) -> None:
    rows = KINDS[kind](tasks, dimension, 1)
    weights = first_weights(create("mgda"), rows)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum().item(), 1.0)
    update, products = combined(rows, weights)
    least = update.square().sum() / rows.norm(dim=-1) / (weights * rows.norm(dim=-1)).sum()
    assert (products >= least - TOLERANCE).all()
    assert (products <= least + TOLERANCE)[weights > 0].all()


@witness("mgda", "transcription")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tasks", [1, 2, 4, 8])
def test_the_papers_solver_comes_near_and_never_below(kind: str, tasks: int) -> None:
    rows = KINDS[kind](tasks, 12, 2)
    update = first_weights(create("mgda"), rows) @ rows
    approximate = torch.from_numpy(frank_wolfe(rows.numpy(), iterations=2000)) @ rows
    size = rows.norm(dim=-1).max()
    assert update.norm() <= approximate.norm() + 1e-12 * size
    assert (approximate - update).norm() <= 0.02 * size


@witness("mgda", "torchjd")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "spread"])
@pytest.mark.parametrize("tasks", [1, 2, 3, 5])
def test_torchjds_solver_comes_near_where_norms_are_alike(kind: str, tasks: int) -> None:
    rows = KINDS[kind](tasks, 20, 3)
    update = first_weights(create("mgda"), rows) @ rows
    theirs = MGDAWeighting(epsilon=1e-9, max_iters=3000)(rows @ rows.T) @ rows
    assert (theirs - update).norm() <= 0.01 * rows.norm(dim=-1).max()


def test_norms_that_differ_by_six_decades_do_not_stop_it_short_as_they_do_torchjd() -> None:
    rows = spread(9, 12, 1)
    update = first_weights(create("mgda"), rows) @ rows
    theirs = MGDAWeighting()(rows @ rows.T) @ rows
    assert (rows @ update >= update @ update * (1 - 1e-9)).all()
    assert (rows @ theirs).min() < 0


@witness("mgda", "identity")
@pytest.mark.parametrize("tasks", [2, 3, 10])
def test_orthogonal_gradients_of_one_norm_have_equal_weights(tasks: int) -> None:
    weights = first_weights(create("mgda"), 7 * torch.eye(tasks, dtype=torch.float64))
    torch.testing.assert_close(weights, torch.full((tasks,), 1 / tasks, dtype=torch.float64))


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("tasks", [2, 5, 11])
def test_a_normalization_gives_the_weights_of_the_normalized_gradients(normalization: str, tasks: int) -> None:
    rows, losses = spread(tasks, 20, tasks), losses_of(tasks, seed=tasks)
    divisors = {"l2": rows.norm(dim=-1), "loss": losses, "loss+": losses * rows.norm(dim=-1)}[normalization]
    expected = first_weights(create("mgda"), rows / divisors[:, None])
    weights = first_weights(create("mgda", normalization=normalization), rows, losses)
    torch.testing.assert_close(weights, expected)


def test_two_gradients_divided_by_their_norms_have_equal_weights() -> None:
    weights = first_weights(create("mgda", normalization="l2"), spread(2, 5, 4))
    torch.testing.assert_close(weights, torch.full((2,), 0.5, dtype=torch.float64))


def test_only_the_gradients_as_they_are_give_an_update_without_conflict() -> None:
    rows = torch.tensor([[10.0, 0.0], [-1.0, 1.0]], dtype=torch.float64)
    assert (rows @ (first_weights(create("mgda"), rows) @ rows) > 0).all()
    assert (rows @ (first_weights(create("mgda", normalization="l2"), rows) @ rows)).min() < 0


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_every_normalization_keeps_its_promises(normalization: str) -> None:
    assert [result for result in check(create("mgda", normalization=normalization)) if not result.passed] == []


@pytest.mark.parametrize("normalization", ["loss", "loss+"])
@pytest.mark.parametrize("losses", [[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
def test_a_loss_of_zero_leaves_finite_weights(normalization: str, losses: list[float]) -> None:
    method = create("mgda", normalization=normalization)
    weights = first_weights(method, regular(3, 5, 0), torch.tensor(losses, dtype=torch.float64))
    assert weights.isfinite().all()
    torch.testing.assert_close(weights.sum().item(), 1.0)


def test_tasks_with_a_gradient_of_zero_share_all_weight() -> None:
    rows = regular(4, 6, 0)
    rows[[1, 3]] = 0
    assert first_weights(create("mgda"), rows).tolist() == [0, 0.5, 0, 0.5]


def test_gradients_at_the_shared_representation_make_it_mgda_ub() -> None:
    network = small_network()
    features = network.features()
    rows = torch.stack(
        [torch.autograd.grad(loss, features, retain_graph=True)[0].flatten() for loss in network.losses(features)]
    )
    weights = Balancer("mgda", 3).backward(network.losses(features), features=features)
    torch.testing.assert_close(weights, first_weights(create("mgda"), rows.double()).float())


def test_heads_follow_their_own_loss_unless_they_are_told_to_be_weighted() -> None:
    network = small_network()
    sum(network.losses()).backward()  # pyright: ignore[reportAttributeAccessIssue]
    plain = network.take_gradients()
    Balancer("mgda", 3).backward(network.losses(), shared=network.encoder.parameters())
    own = network.take_gradients()
    weighted = Balancer("mgda", 3, heads="weighted").backward(network.losses(), shared=network.encoder.parameters())
    scaled = network.take_gradients()
    first_head = len(list(network.encoder.parameters()))
    torch.testing.assert_close(own[first_head], plain[first_head])
    torch.testing.assert_close(scaled[first_head], weighted[0] * plain[first_head])


@pytest.mark.parametrize("start", STARTS)
def test_gradient_descent_ends_on_the_pareto_set(start: tuple[float, float]) -> None:
    assert distance_from_stationary(descend(start, create("mgda"))) < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_every_problem_is_solved(kind: str) -> None:
    balancer = Balancer("mgda", 6)
    rows = KINDS[kind](6, 10, 5)
    point = torch.zeros(10, dtype=torch.float64, requires_grad=True)
    balancer.backward(rows @ point, shared=[point])
    assert balancer.certificate is not None
    assert balancer.certificate.fallbacks == 0
    assert balancer.certificate.residual < 1e-7  # relative to an update that may be no more than rounding


@pytest.mark.parametrize("bad", ["norm", "L2"])
def test_an_unknown_normalization_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="normalization"):
        create("mgda", normalization=bad)


def test_the_analytic_line_search_of_the_reference_has_its_three_cases() -> None:
    one = np.array([1.0, 0.0])
    shares = [frank_wolfe(np.stack([one, other]), 1)[0] for other in (2 * one, np.array([0.0, 1.0]), one / 2)]
    assert shares == [1.0, 0.5, 0.0]
