"""Replicas: cells that train together have the records that they would have alone."""

from __future__ import annotations

import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from balancers import names
from benchmarks.protocols.expand import expand
from benchmarks.records.agreement import STATES
from benchmarks.records.record import Cell, Record
from benchmarks.running.executors.base import Event, Finished, Job, Setting
from benchmarks.running.executors.this_process import Here
from benchmarks.running.grouping import grouped, stackable
from benchmarks.training import groups
from benchmarks.training.engines.replicas.dropout import mask_dropout
from benchmarks.training.engines.replicas.engine import Replicas
from benchmarks.training.groups import train_group
from benchmarks.training.loaded import Loaded
from benchmarks.training.pace import Pace
from benchmarks.training.train import train
from tasks import registry
from tasks.base import MultiTaskModel, Split, Splits, Suite, Task
from tests.benchmarks import single
from tests.benchmarks.tiny_suite import Tiny, protocol, registered
from tests.tasks import samples

CPU = torch.device("cpu")
NOT_STACKABLE = {"rotograd"}  # it stands between encoder and heads
STACKABLE = [name for name in names() if name not in NOT_STACKABLE]
EXACT = 5e-6  # curves hold six digits


class Many(Tiny):
    """Tiny, with dropout, as replicas, and in double precision, in which the order of a sum makes no difference."""

    replicable = True

    def load(self, data: Path | None = None) -> Splits:
        return Splits(*(_double(split) for split in super().load(data)))

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        return super().build(seed, tasks).double()


def _double(split: Split) -> Split:
    parts = (split.inputs, split.targets)
    return Split(*({k: v.double() if v.is_floating_point() else v for k, v in part.items()} for part in parts))


def cells(method: str, seeds: int = 2, suite: str = "tiny", **entry: Any) -> list[Cell]:
    """Cells of a method that differ in seed and learning rate."""
    settings = {"seeds": seeds, "learning_rates": [1e-2, 3e-3], **entry}
    with registered("tiny"):
        found = expand(protocol(suites={suite: settings}, methods={"fixed": {}, "row": {"balancer": method}}))
    return [cell for cell in found if cell.row == "row"]


def loaded(suite: Suite | None = None) -> Loaded:
    suite = suite or Many()
    return Loaded(suite, suite.load(), CPU)


def together(found: Sequence[Cell], data: Loaded) -> list[Record]:
    return train(found, data, lambda: Replicas(found, data.suite, data.splits.train, CPU))


def assert_alike(got: Record, want: Record, tolerance: float = EXACT) -> None:
    assert (got.id, got.status, got.reason) == (want.id, want.status, want.reason)
    assert (got.best is None) == (want.best is None)
    assert (got.solver is None) == (want.solver is None)
    if got.solver and want.solver:
        assert (got.solver.fallbacks, got.solver.steps) == (want.solver.fallbacks, want.solver.steps)
    states = [(getattr(got, state), getattr(want, state)) for state in STATES]
    for ours, theirs in [(got.curves, want.curves), *((a, b) for a, b in states if a and b)]:
        _assert_close(ours.model_dump(), theirs.model_dump(), tolerance, want.cell.row)


def _assert_close(got: Any, want: Any, tolerance: float, where: str) -> None:
    if isinstance(want, dict):
        assert got.keys() == want.keys(), where
        for key in want:
            _assert_close(got[key], want[key], tolerance, f"{where}/{key}")
    elif isinstance(want, list | tuple):
        assert len(got) == len(want), where
        for ours, theirs in zip(got, want, strict=True):
            _assert_close(ours, theirs, tolerance, where)
    elif isinstance(want, float):
        assert got == pytest.approx(want, rel=tolerance, abs=tolerance / 10), where
    else:
        assert got == want, where


@pytest.mark.parametrize("method", [*STACKABLE, "every:2:pcgrad", "smoothed:0.5:mgda", "rescaled:mean:cagrad"])
def test_every_method_has_the_records_that_it_has_alone(method: str) -> None:
    found, data = cells(method), loaded()
    for got, cell in zip(together(found, data), found, strict=True):
        want = single.train(cell, data.suite, data.splits)
        assert got.status == "done"
        assert_alike(got, want)
        assert (got.solver is None) == (want.solver is None)
        assert got.replicas == len(found)


@dataclass(frozen=True)
class Doubled(Suite):
    """A suite in double precision, in which the order of a sum makes no difference."""

    suite: Suite

    replicable = True

    @property
    def tasks(self) -> tuple[Task, ...]:
        return self.suite.tasks

    def load(self, data: Path | None = None) -> Splits:
        return Splits(*(_double(split) for split in self.suite.load(data)))

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        return self.suite.build(seed, tasks).double()

    def snapshot(self, model: MultiTaskModel) -> dict[str, list[float]]:
        return self.suite.snapshot(model)


@pytest.mark.parametrize("suite", [name for name in registry.names() if registry.create(name).replicable])
@pytest.mark.parametrize("method", ["fixed", "gradnorm", "pcgrad", "moco"])
def test_every_suite_that_is_said_to_be_replicable_is(suite: str, method: str, tmp_path: Path) -> None:
    samples.write(suite, tmp_path)
    options = samples.options_of(suite)
    found = cells(method, seeds=2, suite=suite, steps=6, options=options, batch_size=15)
    made = Doubled(registry.create(suite, **options))
    data = Loaded(made, made.load(tmp_path), CPU)
    for got, cell in zip(together(found, data), found, strict=True):
        assert_alike(got, single.train(cell, data.suite, data.splits))


@pytest.mark.parametrize("place", ["shared", "last", "features"])
@pytest.mark.parametrize("heads", ["own", "weighted"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_places_heads_and_optimizers(place: str, heads: str, optimizer: str) -> None:
    found = [c.model_copy(update={"place": place, "heads": heads, "optimizer": optimizer}) for c in cells("imtl-g")]
    data = loaded()
    for got, cell in zip(together(found, data), found, strict=True):
        assert_alike(got, single.train(cell, data.suite, data.splits))


@pytest.mark.parametrize("method", ["gradnorm", "famo", "modo"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_learning_rates_are_halved_as_they_are_alone(method: str, optimizer: str) -> None:
    data, entry = loaded(), {"epochs": 3, "evaluations": 12, "optimizer": optimizer}
    found, constant = cells(method, halve_at=[1, 2], **entry), cells(method, **entry)
    for got, cell, other in zip(together(found, data), found, together(constant, data), strict=True):
        assert_alike(got, single.train(cell, data.suite, data.splits))
        assert got.curves.train_loss != other.curves.train_loss


def test_cells_are_grouped_by_when_their_learning_rate_is_halved() -> None:
    found = [cell for epochs in ([1], [2], []) for cell in cells("pcgrad", epochs=3, halve_at=epochs)]
    sets = [{cell.halve_at for cell in group} for group in grouped(found, lambda _: True, 64)]
    assert sets == [{(1,)}, {(2,)}, {()}]


@pytest.mark.parametrize(
    ("method", "place"),
    [
        ("fixed", "shared"),
        ("famo", "shared"),
        ("modo", "shared"),
        *(("pcgrad", p) for p in ("shared", "last", "features")),
    ],
)
def test_half_precision_is_that_of_the_passes_alone(method: str, place: str) -> None:
    """Only the sums within a pass may be in another order, of which bfloat16 holds two to three digits."""
    data = loaded(Tiny())
    found = [cell.model_copy(update={"place": place, "precision": "bfloat16"}) for cell in cells(method, steps=6)]
    seen: list[torch.dtype] = []
    for got, cell in zip(together(found, data), found, strict=True):
        want = single.train(cell, data.suite, data.splits, keep=lambda model: seen.extend(_dtypes(model)))
        assert_alike(got, want, 2e-2)
        full = single.train(cell.model_copy(update={"precision": "float32"}), data.suite, data.splits)
        assert full.id != want.id
        assert full.curves.train_loss != want.curves.train_loss
        _assert_close(full.curves.train_loss, want.curves.train_loss, 5e-2, method)
    assert set(seen) == {torch.float32}


def _dtypes(model: nn.Module) -> list[torch.dtype]:
    return [parameter.dtype for parameter in model.parameters()]


class Waiting(TorchDispatchMode):
    """Notes when a program looks at a number, for which it would have to wait for an accelerator."""

    LOOKS = (torch.ops.aten._local_scalar_dense, torch.ops.aten.nonzero, torch.ops.aten.equal)

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.looks += func.overloadpacket in self.LOOKS
        return func(*args, **(kwargs or {}))


# These solve equations by iterations that end when all replicas are solved, and look at numbers on the host for that.
LOOKING = {
    "aligned-mtl",
    "cagrad",
    "conicgrad",
    "dualproj",
    "epo",
    "fairgrad",
    "mgda",
    "nash-mtl",
    "pcd",
    "pivrg",
    "upgrad",
}


@pytest.mark.parametrize("method", STACKABLE)
def test_no_step_waits_for_the_device_except_for_solvers(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("balancers.step.products.may_look", lambda device: False)
    found, data = cells(method), loaded()
    engine = Replicas(found, data.suite, data.splits.train, CPU)
    for _ in range(3):
        engine.step()
    with Waiting() as waiting:
        engine.step()
    assert (waiting.looks > 0) == (method in LOOKING)


@pytest.mark.parametrize("place", ["shared", "last", "features"])
@pytest.mark.parametrize("heads", ["own", "weighted"])
def test_whatever_is_grouped_ends_as_it_does_alone(heads: str, place: str) -> None:
    """Combinations that a balancer refuses included."""
    data = loaded()
    every = [
        cell.model_copy(update={"place": place, "heads": heads})
        for method in names()
        for cell in cells(method, seeds=1, steps=2, learning_rates=[1e-2, 3e-3])
    ]
    groups_found = grouped(every, lambda _: True, 64)
    assert len(groups_found) < len(every)
    for group in groups_found:
        for got, cell in zip(train_group(group, data), group, strict=True):
            assert_alike(got, single.train(cell, data.suite, data.splits))


def test_several_methods_train_side_by_side() -> None:
    found, data = [*cells("pcgrad", 2), *cells("upgrad", 2), *cells("mgda", 2)], loaded()
    for got, cell in zip(together(found, data), found, strict=True):
        assert_alike(got, single.train(cell, data.suite, data.splits))


@pytest.mark.parametrize("method", ["fixed", "nash-mtl", "moco"])
def test_a_replica_that_diverges_stops_and_the_others_go_on(method: str) -> None:
    found, data = cells(method), loaded()
    found[1] = found[1].model_copy(update={"learning_rate": 1e308})
    records = together(found, data)
    assert [record.status for record in records] == ["done", "diverged", *["done"] * (len(found) - 2)]
    for got, cell in zip(records, found, strict=True):
        want = single.train(cell, data.suite, data.splits)
        if got.status == "done":
            assert_alike(got, want)
        else:
            assert got.reason.split(":")[0] == want.reason.split(":")[0], (got.reason, want.reason)


class Sinking(Many):
    """Its losses are negative for seed 1 from the first step on."""

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        model = super().build(seed, tasks)
        head = model.heads["height"]
        assert isinstance(head, nn.Linear)
        nn.init.constant_(head.bias, -1e3 if seed == 1 else 0.0)
        return model

    @property
    def tasks(self) -> tuple[Any, ...]:
        height, side = super().tasks
        return type(height)(height.name, lambda o, t: height.loss(o, t) - 1e7 * (o.mean() < -500), height.metrics), side


def test_a_loss_below_its_bound_fails_one_replica_with_the_reason() -> None:
    found, data = cells("uncertainty", 2), loaded(Sinking())
    for got, cell in zip(together(found, data), found, strict=True):
        assert_alike(got, single.train(cell, data.suite, data.splits))
        assert got.status == ("failed" if cell.seed == 1 else "done")


class Grazing(Sinking):
    """A loss that rounding takes below its bound for seed 1 in every step."""

    @property
    def tasks(self) -> tuple[Any, ...]:
        height, side = Many().tasks
        loss = lambda o, t: (height.loss(o, t) - height.loss(o, t).detach()) - 1e-15 * (o.mean() < -500)  # noqa: E731
        return type(height)(height.name, loss, height.metrics), side


@pytest.mark.parametrize("method", ["uncertainty", "imtl-l", "db-mtl"])
def test_a_loss_below_its_bound_by_rounding_is_the_bound_for_replicas_too(method: str) -> None:
    found, data = cells(method, 2), loaded(Grazing())
    for got, cell in zip(together(found, data), found, strict=True):
        assert_alike(got, single.train(cell, data.suite, data.splits))
        assert got.status == "done"


def test_a_lack_of_memory_halves_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    class Greedy(Replicas):
        def __init__(self, cells: Sequence[Cell], *rest: Any) -> None:
            tried.append(len(cells))
            if len(cells) > 3:
                raise torch.OutOfMemoryError("CUDA out of memory")
            super().__init__(cells, *rest)

    monkeypatch.setattr(groups, "Replicas", Greedy)
    found = cells("pcgrad", 4)
    records = list(train_group(found, loaded()))
    assert tried == [8, 4, 2, 2, 2, 2], "what did not fit is not tried again"
    assert [record.id for record in records] == [cell.id for cell in found]
    assert {record.status for record in records} == {"done"}
    assert {record.replicas for record in records} == {2}


def test_a_group_that_failed_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    failed: list[weakref.ref[Replicas]] = []

    class Late(Replicas):
        def step(self) -> None:
            assert not any(engine() for engine in failed), "a failed engine is still in memory"
            super().step()
            if self.replicas > 1:
                failed.append(weakref.ref(self))
                raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(groups, "Replicas", Late)
    records = list(train_group(cells("pcgrad", 2), loaded()))
    assert len(failed) == 2
    assert {record.status for record in records} == {"done"}


def test_the_cost_of_a_method_is_timed_once_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    found, data = [*cells("pcgrad", 2), *cells("mgda", 2)], loaded()
    pace = Pace(data)
    records = list(train_group(found, data, pace=pace))
    clocks = {id(pace.clock(cell)) for cell in found}
    assert len(clocks) == 2
    for record in records:
        assert record.cost is not None
        assert record.cost.trained is not None
        assert record.cost.evaluated is not None
        assert 0 < record.cost.trained + record.cost.evaluated < record.cost.total
        assert record.cost.step > 0


@pytest.mark.parametrize("together", [True, False])
def test_cells_train_one_by_one_where_that_is_faster(together: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace, "_compare", lambda self, cells: together)
    found, heard = cells("pcgrad", 2), list[Event]()
    with registered("tiny"):
        Here(Setting()).run([Job(tuple(found))], heard.append)
    assert [type(event).__name__ for event in heard].count("Divided") == (not together)
    assert {event.record.replicas for event in heard if isinstance(event, Finished)} == {4 if together else 1}


class Faulty(Many):
    """Cannot be built for seed 1."""

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        if seed == 1:
            raise RuntimeError("no model today")
        return super().build(seed, tasks)


def test_of_a_group_that_fails_only_the_cells_at_fault_fail() -> None:
    records = list(train_group(cells("pcgrad", 3), loaded(Faulty())))
    assert {(record.cell.seed, record.status) for record in records} == {(0, "done"), (1, "failed"), (2, "done")}
    assert {record.reason for record in records if record.status == "failed"} == {
        "step 0: RuntimeError: no model today"
    }


class Slow(Many):
    """Every evaluation takes its time."""

    def snapshot(self, model: nn.Module) -> dict[str, list[float]]:
        time.sleep(0.05)
        return {}


def test_cells_that_take_too_long_are_stopped() -> None:
    found, data = cells("fixed", 2), loaded(Slow())
    records = train(found, data, lambda: Replicas(found, data.suite, data.splits.train, CPU), time_limit=0.01)
    assert {record.status for record in records} == {"timed out"}
    assert all(record.reason.endswith("took longer than 0.01 s") and record.curves.step == [0] for record in records)


def test_cells_are_grouped_by_what_their_steps_need() -> None:
    found = [
        *cells("pcgrad", 2),
        *cells("fixed", 2),
        *cells("mgda", 2),
        *cells("every:2:mgda", 1),
        *cells("rotograd", 1),
    ]
    assert [stackable(cell) for cell in found] == [cell.balancer not in NOT_STACKABLE for cell in found]
    sizes = [sorted({cell.balancer for cell in group}) for group in grouped(found, lambda _: True, 64)]
    assert sizes == [["pcgrad"], ["fixed"], ["mgda"], ["every:2:mgda"], ["rotograd"], ["rotograd"]]
    assert [len(group) for group in grouped(found[:4], lambda _: True, 3)] == [3, 1]
    assert [len(group) for group in grouped(found[:4], lambda _: False, 64)] == [1] * 4
    assert [len(group) for group in grouped(found[:4], lambda _: True, 1)] == [1] * 4
    assert [len(group) for group in grouped(found[:4], lambda _: True, 64, workers=3)] == [1, 1, 2]


class Normalised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(3, 4), nn.BatchNorm1d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.first(x))


class WithBuffers(Many):
    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        model = super().build(seed, tasks)
        return MultiTaskModel(Normalised().double(), dict(model.heads.items()))


def test_a_suite_that_is_not_replicable_still_trains_cell_by_cell() -> None:
    data = loaded(WithBuffers())
    with pytest.raises(ValueError, match="models with buffers"):
        together(cells("fixed", 1), data)
    assert {record.status for record in train_group(cells("fixed", 1), data)} == {"done"}


def test_dropout_is_found_by_name_and_does_nothing_in_evaluation() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.5)))
    found = mask_dropout(model, [])
    assert list(found.values()) == ["1.0"]
    model.eval()
    x = torch.randn(3, 2)
    assert torch.equal(model[1](x), x)
