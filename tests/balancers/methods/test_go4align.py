"""GO4Align against the paper's equations with every grouping tried, and what holds at the best grouping."""

import jaxtyping
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from balancers import create
from balancers.conformance import check
from balancers.methods.go4align import centres
from tests.balancers.histories import losses_like, weights_at, weights_over
from tests.balancers.witness import witness
from tests.references.go4align import go4align, grouped


@witness("go4align", "transcription")
@pytest.mark.parametrize(("tasks", "groups", "beta"), [(1, 1, 1e-4), (3, 2, 1e-4), (5, 3, 0.3), (6, 2, 1.0)])
def test_the_weights_are_the_papers_with_the_best_of_all_groupings(tasks: int, groups: int, beta: float) -> None:
    history = losses_like(8, tasks, seed=tasks)
    expected = torch.from_numpy(go4align(history.numpy(), groups, beta))
    torch.testing.assert_close(weights_over(create("go4align", groups=groups, beta=beta), history), expected)


@witness("go4align", "optimality")
@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_every_indicator_belongs_to_the_nearest_centre_and_every_centre_is_a_mean(
    tasks: int, groups: int, seed: int
) -> None:
    values = losses_like(1, tasks, seed)[0]
    group_centres = centres(values, groups)
    nearest = (values[:, None] - group_centres[None, :]).abs().amin(-1)
    torch.testing.assert_close((values - group_centres).abs(), nearest)
    assert len(group_centres.unique()) <= groups
    for centre in group_centres.unique():
        torch.testing.assert_close(values[group_centres == centre].mean(), centre)


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 2.0, 1e12], [1.0, 1.0, 2.0, 3.0], [1e-12] * 4])
@pytest.mark.parametrize("groups", [1, 2, 3, 4])
def test_ties_and_distant_values_are_grouped_as_well_as_can_be(values: list[float], groups: int) -> None:
    row = torch.tensor(values, dtype=torch.float64)
    best = torch.from_numpy(grouped(row.numpy(), groups))
    scale = row.max() ** 2
    assert (row - centres(row, groups)).square().sum() <= (row - best).square().sum() + 1e-12 * scale


@witness("go4align", "closed form")
def test_with_a_group_for_every_task_and_no_history_the_weights_are_scale_invariant() -> None:
    losses = losses_like(1, 7, seed=0)[0]
    weights = weights_at(create("go4align", groups=7, beta=0.0), losses)
    torch.testing.assert_close(weights, losses.mean() / losses / 7)


def test_one_group_gives_every_task_the_mean_indicator() -> None:
    losses = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    weights = weights_at(create("go4align", groups=1, beta=0.0), losses)
    torch.testing.assert_close(weights, (losses.mean() / losses / 3).mean().expand(3))


def test_the_official_flavours_weights_are_larger_by_the_number_of_tasks() -> None:
    history = losses_like(5, 6, seed=4)
    ours, theirs = (weights_over(create("go4align", flavour=flavour), history) for flavour in ("paper", "official"))
    torch.testing.assert_close(theirs, 6 * ours)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_a_hundred_tasks_and_a_loss_of_zero_give_finite_weights(scale: float) -> None:
    history = scale * losses_like(3, 100, seed=0)
    history[1, 0] = 0
    weights = weights_over(create("go4align", groups=10), history)
    assert weights.isfinite().all()
    assert (weights >= 0).all()


@pytest.mark.parametrize("groups", [1, 3])
def test_any_number_of_groups_keeps_all_promises(groups: int) -> None:
    assert [result for result in check(create("go4align", groups=groups, beta=0.1)) if not result.passed] == []


@pytest.mark.parametrize("bad", [{"groups": 0}, {"beta": -1.0}, {"flavour": "libmtl"}])
def test_bad_hyperparameters_are_refused(bad: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="go4align: expected"):
        create("go4align", **bad)
