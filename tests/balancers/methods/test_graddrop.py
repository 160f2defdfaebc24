"""GradDrop against Algorithm 1, TorchJD, and its expectation."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchjd.aggregation import GradDrop as TorchJDGradDrop

from balancers import Balancer, Claim, Draws, Sizes, create
from balancers.conformance import check
from balancers.methods.graddrop import keep
from balancers.step.products import combine
from tests.balancers.jacobians import KINDS, evidence_from, first_weights, generator, regular
from tests.balancers.network import small_network
from tests.balancers.witness import witness
from tests.references.graddrop import graddrop


def random_numbers(elements: int, seed: int) -> Tensor:
    return torch.rand(elements, generator=generator(seed), dtype=torch.float64)


@witness("graddrop", "transcription")
@given(st.integers(1, 6), st.sampled_from(sorted(KINDS)), st.integers(0, 10_000), st.booleans())
@settings(max_examples=60, deadline=None)
def test_it_is_the_papers_algorithm_on_the_same_random_numbers(tasks: int, kind: str, seed: int, leaky: bool) -> None:
    rows = KINDS[kind](tasks, 9, seed)
    rows[:, 3] = 0
    leaks = random_numbers(tasks, seed + 1).tolist() if leaky else [0.0] * tasks
    weights = first_weights(create("graddrop", leak=leaks), rows)
    expected = graddrop(rows.numpy(), random_numbers(9, seed=0).numpy(), leaks)
    np.testing.assert_allclose(
        combine(weights, rows).numpy(), expected, rtol=1e-12, atol=1e-12 * rows.abs().max().item()
    )


@witness("graddrop", "torchjd")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tasks", [1, 2, 5])
def test_it_is_torchjds_on_the_same_random_numbers(kind: str, tasks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = KINDS[kind](tasks, 20, 3)
    leaks = random_numbers(tasks, seed=4)
    uniform = random_numbers(20, seed=0)
    monkeypatch.setattr(torch, "rand", lambda *shape, **options: uniform)
    expected = TorchJDGradDrop(leak=leaks)(rows)
    monkeypatch.undo()
    weights = first_weights(create("graddrop", leak=leaks.tolist()), rows)
    torch.testing.assert_close(combine(weights, rows), expected)


@witness("graddrop", "closed form")
def test_on_average_either_sign_counts_by_its_purity() -> None:
    column = torch.tensor([3.0, -1.0, -0.5, 0.0], dtype=torch.float64)
    draws = 4500  # so that the purity, 2/3, falls between two of the evenly spaced numbers
    rows = column[:, None].expand(4, draws)
    uniform = (torch.arange(draws, dtype=torch.float64) + 0.5) / draws
    mean = (keep(rows, uniform) * rows).sum(-2).mean()
    purity = 3.0 / 4.5
    torch.testing.assert_close(mean.item(), purity * 3.0 + (1 - purity) * -1.5)


@witness("graddrop", "closed form")
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("uniform", [0.0, 0.5, 1 - 2**-53])
def test_where_all_tasks_agree_nothing_is_dropped(sign: int, uniform: float) -> None:
    rows = sign * regular(5, 30, seed=1).abs()
    assert keep(rows, torch.full((30,), uniform, dtype=torch.float64)).all()


def test_every_element_of_the_update_has_gradients_of_one_sign() -> None:
    rows = regular(6, 200, seed=2)
    kept = first_weights(create("graddrop"), rows) * rows
    assert not ((kept > 0).any(0) & (kept < 0).any(0)).any()


def test_elements_that_no_task_moves_stay_zero() -> None:
    rows = regular(3, 8, seed=2)
    rows[:, ::2] = 0
    weights = first_weights(create("graddrop"), rows)
    assert weights.isfinite().all()
    assert (combine(weights, rows)[::2] == 0).all()


def test_a_leak_of_one_is_the_sum() -> None:
    assert (first_weights(create("graddrop", leak=1.0), regular(4, 10, seed=0)) == 1).all()


def test_leaks_may_be_named_by_task_and_go_with_their_task_when_another_is_absent() -> None:
    balancer = Balancer("graddrop", ["a", "b"], leak={"b": 1.0, "a": 0.0})
    point = torch.zeros(2, requires_grad=True)
    weights = balancer.backward({"b": (point - 1).square().sum()}, shared=[point])
    assert (weights == torch.tensor([[0.0, 0.0], [1.0, 1.0]])).all()


def test_only_leaks_that_differ_make_the_order_of_tasks_matter() -> None:
    assert Claim.PERMUTATION_EQUIVARIANT in create("graddrop", leak=[0.3, 0.3]).claims
    assert Claim.PERMUTATION_EQUIVARIANT not in create("graddrop", leak=[0.3, 0.4]).claims
    assert all(result.passed for result in check(create("graddrop", leak=0.3)))


def test_shared_parameters_are_masked_and_heads_are_not() -> None:
    network = small_network()
    sum(network.losses()).backward()  # pyright: ignore[reportAttributeAccessIssue]
    plain = network.take_gradients()
    Balancer("graddrop", 3).backward(network.losses(), shared=network.encoder.parameters())
    masked = network.take_gradients()
    shared = len(list(network.encoder.parameters()))
    assert not torch.equal(masked[0], plain[0])
    for got, want in zip(masked[shared:], plain[shared:], strict=True):
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize("leak", [-0.1, 1.1, float("nan"), [0.5, 2.0]])
def test_a_leak_that_is_no_share_is_an_error(leak: float) -> None:
    with pytest.raises(ValueError, match="graddrop: expected a leak from 0 to 1"):
        create("graddrop", leak=leak)


def test_leaks_for_other_than_all_tasks_are_an_error() -> None:
    with pytest.raises(ValueError, match="one for each of 2 tasks"):
        create("graddrop", leak=[0.1, 0.2, 0.3]).init(Sizes(2))


def test_one_random_number_is_drawn_per_element_however_many_tasks_there_are() -> None:
    draws = Draws.seeded(0)
    method = create("graddrop")
    method.update(evidence_from(regular(7, 10, seed=0)), method.init(Sizes(7, 10)), draws)
    assert torch.equal(draws.uniform(torch.zeros(3)), random_numbers(13, seed=0)[10:])
