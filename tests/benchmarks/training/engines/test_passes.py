"""Methods that need more than one forward pass of a step: what they are shown, and that nobody else notices."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from balancers import Draws, Evidence, Need, Sizes, Stateless, Weighting, register, registry
from balancers.contract import registration
from balancers.contract.solution import Solution
from balancers.contract.solving import Solving
from benchmarks.protocols.expand import expand
from benchmarks.records.record import Cell, Record
from benchmarks.training.batches import losses_of
from benchmarks.training.engines.passes import Passes
from benchmarks.training.machine.devices import noise_now
from benchmarks.training.measuring import clock
from tasks.base import MultiTaskModel
from tests.benchmarks.single import train
from tests.benchmarks.tiny_suite import Tiny, protocol, registered

CPU = torch.device("cpu")


class Normalised(Tiny):
    """With batch norm, whose statistics a pass too many would change."""

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        model = super().build(seed, tasks)
        return MultiTaskModel(_Encoder(model.encoder), dict(model.heads), model.encoder)


class _Encoder(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(self.norm(x))


class Losses(NamedTuple):
    losses: Float[Tensor, "*B K"]


@pytest.fixture(autouse=True)
def _methods(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Methods with equal weights that look at more than one pass, for the length of a test."""
    registry.names()
    monkeypatch.setattr(registration, "registered", dict(registration.registered))

    @register("crossed")
    @dataclass(frozen=True)
    class Crossed(Stateless):
        seen: ClassVar[list[Tensor]] = []
        needs = Need.CROSS_GRAMIAN | Need.GRAMIAN
        heads = "own"

        def weigh(self, seen: Evidence, draws: Draws) -> Tensor:
            self.seen.append(seen.cross_gramian - seen.gramian)
            return torch.ones_like(seen.losses)

    @register("afterwards")
    @dataclass(frozen=True)
    class Afterwards(Weighting[Losses]):
        changes: ClassVar[list[Tensor]] = []
        needs = Need.LOSSES | Need.LOSSES_AFTER

        def init(self, sizes: Sizes) -> Losses:
            return Losses(sizes.per_task())

        def update(self, seen: Evidence, state: Losses, draws: Draws) -> tuple[Tensor, Losses]:
            return torch.ones_like(seen.losses), Losses(seen.losses)

        def after(self, losses: Tensor, state: Losses) -> Losses:
            self.changes.append(losses - state.losses)
            return state

    @register("unsolvable")
    @dataclass(frozen=True)
    class Unsolvable(Solving):
        needs = Need.GRAMIAN

        def solve(self, seen: Evidence, draws: Draws) -> Solution:
            solved = seen.gramian[..., 0, 1] < 0
            return Solution(torch.ones_like(seen.losses), 1e-9 * seen.losses[..., 0], solved)

    with registered("tiny", suite=Normalised):
        yield


def cells(*methods: str, **settings: Any) -> dict[str, Cell]:
    rows = {"fixed": {}} | {f"row-{i}": {"balancer": name} for i, name in enumerate(methods)}
    found = expand(protocol(suites={"tiny": {"seeds": 1, **settings}}, methods=rows))
    return {cell.balancer: cell for cell in found if len(cell.tasks) == 2}


def run(cell: Cell) -> Record:
    suite = Normalised()
    return train(cell, suite)


def passes_of(seed: int = 0) -> tuple[Passes, MultiTaskModel]:
    suite = Normalised()
    model = suite.build(0, ("height", "side"))
    found = Passes(model, suite.tasks, CPU)
    found.draw_from(suite.load().train, 10, seed)
    return found, model


def test_other_batches_are_new_ones_every_time_and_the_same_for_a_seed() -> None:
    (found, _), (again, _), (other, _) = passes_of(), passes_of(), passes_of(1)
    first, second = found.others()
    later = found.others()
    assert first["height"] != second["height"]
    assert first["height"] not in [batch["height"] for batch in later]
    assert again.others()[0]["height"] == first["height"]
    assert other.others()[0]["height"] != first["height"]


def test_passes_leave_random_numbers_and_buffers_as_they_were_and_reach_the_parameters() -> None:
    found, model = passes_of()
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    before = torch.get_rng_state()
    batch = Normalised().load().train.take(slice(0, 10))
    features, outputs = model(batch.inputs)  # a pass that waits for its backward pass meanwhile
    moved = {name: buffer.clone() for name, buffer in model.named_buffers()}
    state = torch.get_rng_state()
    others = found.others()
    found.again(batch, [before])
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(state, before)
    assert all(torch.equal(buffer, moved[name]) for name, buffer in model.named_buffers())
    assert not all(torch.equal(buffer, buffers[name]) for name, buffer in model.named_buffers())
    gradients = torch.autograd.grad(others[1]["side"], model.shared_parameters())
    assert all(gradient.abs().sum() > 0 for gradient in gradients)
    torch.stack(list(losses_of(Normalised().tasks, outputs, batch).values())).sum().backward()
    assert features.requires_grad


def test_the_same_batch_again_has_the_same_dropout_noise() -> None:
    found, model = passes_of()
    batch = Normalised().load().train.take(slice(0, 10))
    noise = noise_now(CPU)
    losses = losses_of(Normalised().tasks, model(batch.inputs)[1], batch)
    assert found.again(batch, noise) == losses
    assert found.again(batch, noise_now(CPU)) != losses
    assert not found.again(batch, noise)["side"].requires_grad


@pytest.mark.parametrize("method", ["crossed", "afterwards"])
def test_a_method_that_needs_more_passes_trains_on_the_same_batches_noise_and_statistics(method: str) -> None:
    found = cells(method)
    plain, other = run(found["fixed"]), run(found[method])
    assert other.status == "done", other.reason
    assert other.curves.train_loss == plain.curves.train_loss
    assert other.curves.validation == plain.curves.validation


def test_a_method_is_shown_gramians_across_batches() -> None:
    run(cells("crossed", steps=5)["crossed"])
    seen = registry.get("crossed").seen  # pyright: ignore[reportAttributeAccessIssue]
    assert len(seen) == 5
    assert all(difference.abs().max() > 0 for difference in seen)


def test_a_method_is_shown_the_losses_of_the_same_pass_after_the_step() -> None:
    still = cells("afterwards", steps=3, learning_rates=[1e-30], optimizer="sgd")["afterwards"]
    run(still)
    changes = registry.get("afterwards").changes  # pyright: ignore[reportAttributeAccessIssue]
    assert len(changes) == 3
    assert all((change == 0).all() for change in changes)
    changes.clear()
    run(cells("afterwards", steps=3)["afterwards"])
    assert all((change != 0).any() for change in changes)


def test_other_batches_are_drawn_only_in_steps_that_need_them(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    drawn = Passes.others
    monkeypatch.setattr(Passes, "others", lambda self: (calls.append(1), drawn(self))[1])
    assert run(cells("every:4:crossed", steps=9)["every:4:crossed"]).status == "done"
    assert len(calls) == 3


@pytest.mark.parametrize("method", ["crossed", "afterwards"])
def test_the_time_of_extra_passes_is_a_part_of_the_step(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, now = 0.02, itertools.count().__next__
    slept: list[float] = []
    # A clock on which only the extra passes take long, however busy the machine is.
    monkeypatch.setattr(clock, "perf_counter", lambda: 1e-6 * now() + sum(slept))
    for name in ("others", "again"):
        original = getattr(Passes, name)

        def slow(*arguments: Any, original: Any = original) -> Any:
            slept.append(seconds)
            return original(*arguments)

        monkeypatch.setattr(Passes, name, slow)
    cost = run(cells(method, steps=3)[method]).cost
    assert cost is not None
    assert cost.step > seconds > max(cost.forward, cost.backward, cost.optimizer)


def test_a_method_that_crosses_batches_fails_at_the_features_with_its_sentence() -> None:
    rows = {"fixed": {}, "crossed": {"place": "features"}}
    found = expand(protocol(suites={"tiny": {"seeds": 1}}, methods=rows))
    record = run(next(cell for cell in found if cell.row == "crossed"))
    assert record.status == "failed"
    assert record.reason.startswith("step 1: ValueError: crossed multiplies gradients of different batches")


def test_a_record_says_how_well_equations_were_solved() -> None:
    found = cells("unsolvable", "every:2:unsolvable", steps=12)
    assert run(found["fixed"]).solver is None
    solver = run(found["unsolvable"]).solver
    assert solver is not None
    assert solver.steps == 12
    assert 0 < solver.fallbacks < 12
    assert 0 < solver.residual < 1e-8
    rarely = run(found["every:2:unsolvable"]).solver
    assert rarely is not None
    assert rarely.fallbacks <= 6


def test_a_method_that_needs_bounded_losses_is_a_row_with_its_reason_where_they_are_not() -> None:
    class Shifted(Normalised):
        def _regression(self, outputs: Tensor, targets: Tensor) -> Tensor:
            return super()._regression(outputs, targets) - 100

    suite = Shifted()
    record = train(cells("uncertainty")["uncertainty"], suite)
    assert record.status == "failed"
    assert "uncertainty needs losses of at least 0, and that of task 'height'" in record.reason
    assert record.best is None
