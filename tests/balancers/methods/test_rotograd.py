"""RotoGrad against the paper word for word, what its scaling promises, and a problem that rotations solve."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from balancers import Balancer, Draws, Sizes, create
from balancers.conformance import check
from balancers.contract.evidence import as_answer
from balancers.methods.rotograd import RotoGrad, RotoGradState, alignment
from tests.balancers.jacobians import evidence_from, generator, regular, spread
from tests.balancers.witness import witness
from tests.references.rotograd import scaled_sum, slope_of_rotation


@witness("rotograd", "transcription")
@given(st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_the_scaling_is_the_papers_in_every_step(tasks: int, seed: int) -> None:
    run = [spread(tasks, 8, seed + i) for i in range(3)]
    method = create("rotograd")
    state = method.init(Sizes(tasks, 8))
    for rows in run:
        answer, state = method.update(evidence_from(rows), state, Draws.seeded(0))
        expected = torch.from_numpy(scaled_sum(rows.numpy(), run[0].numpy()))
        torch.testing.assert_close(as_answer(answer).weights @ rows, expected)


@pytest.mark.parametrize("burn_in", [0, 1, 4, 20])
def test_a_burn_in_measures_the_first_gradients_anew_once(burn_in: int) -> None:
    run = [spread(3, 8, seed) for seed in range(25)]
    method = create("rotograd", burn_in=burn_in)
    state = method.init(Sizes(3, 8))
    for step, rows in enumerate(run):
        answer, state = method.update(evidence_from(rows), state, Draws.seeded(0))
        first = run[burn_in] if step >= burn_in else run[0]
        expected = torch.from_numpy(scaled_sum(rows.numpy(), first.numpy()))
        torch.testing.assert_close(as_answer(answer).weights @ rows, expected)


def test_a_burn_in_counts_the_steps_of_each_task() -> None:
    rows, method = spread(2, 8, 0), create("rotograd", burn_in=2)
    state = method.init(Sizes(2, 8))._replace(
        first_norms=torch.full((2,), 7.0).double(), steps=torch.tensor([2.0, 1.0])
    )
    _, following = method.update(evidence_from(rows), state, Draws.seeded(0))
    torch.testing.assert_close(following.first_norms, torch.stack([rows[0].norm(), torch.tensor(7.0).double()]))


def test_it_keeps_every_promise_with_a_burn_in() -> None:
    assert [result for result in check(create("rotograd", burn_in=2)) if not result.passed] == []


@witness("rotograd", "optimality")
def test_scaled_gradients_have_one_length_between_the_shortest_and_the_longest() -> None:
    rows = spread(5, 9, 0)
    method = create("rotograd")
    weights = as_answer(method.update(evidence_from(rows), method.init(Sizes(5, 9)), Draws.seeded(0))[0]).weights
    lengths = weights * rows.norm(dim=-1)
    torch.testing.assert_close(lengths, lengths[:1].expand(5))
    assert rows.norm(dim=-1).min() < lengths[0] < rows.norm(dim=-1).max()


@witness("rotograd", "transcription")
def test_the_slope_of_the_rotations_is_that_of_the_papers_objective() -> None:
    tasks, examples, width = 3, 4, 5
    rotated = torch.randn(tasks, examples, width, generator=generator(0), dtype=torch.float64)  # gradients at R z
    rotations = torch.linalg.matrix_exp((basis := regular(3 * 5, 5, 1).reshape(3, 5, 5)) - basis.mT)
    at_features = torch.einsum("kji,knj->kni", rotations, rotated)
    flat = at_features.flatten(1)
    for task in range(tasks):
        expected = slope_of_rotation(task, rotated, rotations)  # of the sum, in coordinates of the tangent space
        got = alignment(flat, flat.norm(dim=-1), width)[task] * rotated[task].norm()
        torch.testing.assert_close(got, expected)


def test_rotations_stay_rotations_and_turn_opposite_gradients_towards_each_other() -> None:
    first = regular(1, 12, 0)
    rows = torch.cat([first, -first])
    method = RotoGrad(learning_rate=0.05, decay=1.0)
    state = method.init(Sizes(2, 12, width=4))
    assert isinstance(state, RotoGradState)
    rotated = rows.reshape(2, 3, 4)  # at R z these gradients never change; at z they turn with R

    def at_features(state: RotoGradState) -> Tensor:
        return torch.einsum("kji,knj->kni", state.rotations, rotated).flatten(1) + 1e-3 * regular(2, 12, 5)

    for _ in range(200):
        _, state = method.update(evidence_from(at_features(state)), state, Draws.seeded(0))
    unit = torch.eye(4, dtype=torch.float64).expand(2, 4, 4)
    torch.testing.assert_close(state.rotations @ state.rotations.mT, unit)
    torch.testing.assert_close(torch.linalg.det(state.rotations), torch.ones(2, dtype=torch.float64))
    one, two = at_features(state)
    assert one @ two / one.norm() / two.norm() > 0.5


def network() -> tuple[nn.Linear, nn.ModuleDict, Tensor, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder, heads = nn.Linear(4, 6), nn.ModuleDict({"a": nn.Linear(6, 1), "b": nn.Linear(6, 1)})
        inputs = torch.randn(32, 4)
    return encoder, heads, inputs, torch.stack([inputs.sum(-1, keepdim=True), -inputs.sum(-1, keepdim=True)])


def run(balancer: Balancer, steps: int, parts: tuple) -> list[Tensor]:
    encoder, heads, inputs, targets = parts
    optimizer = torch.optim.SGD([*encoder.parameters(), *heads.parameters()], lr=0.05)
    snapshots = []
    for _ in range(steps):
        features = encoder(inputs)
        adapted = balancer.adapt(features)
        losses = {
            name: (heads[name](adapted[name]) - target).square().mean()
            for name, target in zip("ab", targets, strict=True)
        }
        optimizer.zero_grad()
        balancer.backward(losses, features=features)
        optimizer.step()
        snapshots.append(encoder.weight.detach().clone())
    return snapshots


def test_a_fresh_balancer_with_rotations_resumes_bit_for_bit() -> None:
    whole = run(Balancer("rotograd", ["a", "b"]), 6, network())
    parts = network()
    first = Balancer("rotograd", ["a", "b"])
    assert all(map(torch.equal, whole[:3], run(first, 3, parts)))
    resumed = Balancer("rotograd", ["a", "b"])
    resumed.load_state_dict(first.state_dict())
    assert all(map(torch.equal, whole[3:], run(resumed, 3, parts)))
    assert not torch.equal(resumed.state[0], torch.eye(6, dtype=torch.float64).expand(2, 6, 6))


def test_a_method_that_adapts_nothing_hands_the_representation_on() -> None:
    features = torch.ones(3, 4)
    assert all(adapted is features for adapted in Balancer("pcgrad", ["a", "b"]).adapt(features).values())


def test_rotations_need_the_representation_and_one_width() -> None:
    encoder, heads, inputs, _ = network()
    balancer = Balancer("rotograd", ["a", "b"])
    adapted = balancer.adapt(encoder(inputs))
    losses = {name: head(adapted[name]).square().mean() for name, head in heads.items()}
    with pytest.raises(ValueError, match="pass it as features="):
        balancer.backward(losses, shared=encoder.parameters())
    with pytest.raises(ValueError, match="6 wide in earlier steps, and is 5 now"):
        balancer.adapt(torch.ones(2, 5))


@pytest.mark.parametrize(
    "bad", [{"learning_rate": 0.0}, {"learning_rate": 1.0}, {"decay": 0.0}, {"decay": 1.1}, {"burn_in": -1}]
)
def test_bad_hyperparameters_are_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match=re.escape(next(iter(bad)))):
        create("rotograd", **bad)
