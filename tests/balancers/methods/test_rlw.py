"""Random loss weighting against the laws of its distributions, the paper on the same numbers, and another library."""

from itertools import product
from typing import get_args

import jaxtyping
import numpy as np
import pytest
import torch
from scipy import stats
from torchjd.scalarization import Random

from balancers import Draws, create
from balancers.conformance import check
from balancers.methods.rlw import Distribution, nonempty_subset
from tests.balancers.histories import losses_like, weights_at, weights_over
from tests.balancers.witness import witness

DISTRIBUTIONS = get_args(Distribution)
SIZE = 4000
RARE = 1e-4  # a p-value below which a law is not believed; seeds are fixed, so that a test passes for good or never


def sample(distribution: str, tasks: int) -> np.ndarray:
    return weights_over(create("rlw", distribution=distribution), torch.ones(SIZE, tasks, dtype=torch.float64)).numpy()


@witness("rlw", "torchjd")
def test_the_weighted_sum_is_torchjds_for_the_same_normal_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = losses_like(1, 5, seed=0)[0]
    weights = weights_at(create("rlw"), losses)
    drawn = Draws.seeded(0).normal(losses)
    monkeypatch.setattr(torch, "randn", lambda *_, **__: drawn)
    torch.testing.assert_close((weights * losses).sum(), Random()(losses))


@witness("rlw", "transcription")
@pytest.mark.parametrize(("distribution", "draw"), [("normal", Draws.normal), ("uniform", Draws.uniform)])
def test_weights_are_the_softmax_of_what_was_drawn(distribution: str, draw: type) -> None:
    losses = torch.ones(4, dtype=torch.float64)
    terms = np.exp(draw(Draws.seeded(0), losses).numpy())
    torch.testing.assert_close(
        weights_at(create("rlw", distribution=distribution), losses), torch.from_numpy(terms / terms.sum())
    )


@witness("rlw", "closed form")
@pytest.mark.parametrize("tasks", [2, 5])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_on_average_all_tasks_weigh_the_same(distribution: str, tasks: int) -> None:
    weights = sample(distribution, tasks)
    error = weights.std(0) / SIZE**0.5
    assert (np.abs(weights.mean(0) - 1 / tasks) < 4 * error).all()


@witness("rlw", "closed form")
def test_the_logarithm_of_the_ratio_of_two_weights_is_normal() -> None:
    weights = sample("normal", 3)
    ratio = np.log(weights[:, 0] / weights[:, 2])
    assert stats.kstest(ratio / 2**0.5, "norm").pvalue > RARE


@witness("rlw", "closed form")
@pytest.mark.parametrize("tasks", [2, 3, 6])
def test_every_dirichlet_weight_has_the_law_of_a_uniform_point_of_the_simplex(tasks: int) -> None:
    weights = sample("dirichlet", tasks)
    for column in weights.T:
        assert stats.kstest(column, stats.beta(1, tasks - 1).cdf).pvalue > RARE


@witness("rlw", "closed form")
@pytest.mark.parametrize("tasks", [1, 2, 3])
def test_every_nonempty_subset_is_as_likely(tasks: int) -> None:
    chosen = sample("bernoulli", tasks) > 0
    subsets = [subset for subset in product([False, True], repeat=tasks) if any(subset)]
    counts = [int((chosen == subset).all(1).sum()) for subset in subsets]
    assert sum(counts) == SIZE
    assert stats.chisquare(counts).pvalue > RARE or tasks == 1


def test_a_subset_is_never_empty_whatever_is_drawn() -> None:
    for value in (0.0, 0.5, 1 - 2**-53):
        chosen = nonempty_subset(torch.full((2, 100), value, dtype=torch.float64))
        assert (chosen.sum(-1) >= 1).all()


def test_the_constrained_bernoulli_distribution_picks_one_task() -> None:
    weights = sample("c-bernoulli", 4)
    assert set(map(tuple, weights)) == set(map(tuple, np.eye(4)))


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_every_distribution_keeps_all_promises(distribution: str) -> None:
    assert [result for result in check(create("rlw", distribution=distribution)) if not result.passed] == []


def test_a_distribution_that_the_paper_does_not_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=r"expected a distribution out of .*'c-bernoulli'.*, got 'gamma'"):
        create("rlw", distribution="gamma")
