"""R cells of one suite as replicas: stacked parameters, one forward and backward pass for all, methods side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

import torch
from jaxtyping import Float
from torch import Tensor

from balancers import Certificate, Evidence, Need
from balancers.step.products import gramian_of
from balancers.step.rounding import unit_of
from benchmarks.records.record import Cell, Cost, Scalars
from benchmarks.training.batches import casting, orders
from benchmarks.training.engines.engine import Engine, Fault, Means
from benchmarks.training.engines.passes import OTHERS
from benchmarks.training.engines.replicas.dropout import Noise
from benchmarks.training.engines.replicas.ensemble import Ensemble
from benchmarks.training.engines.replicas.faults import Faults, PendingStep, finite_rows, harmless, sizes_of
from benchmarks.training.engines.replicas.filling import Filler, Pass
from benchmarks.training.engines.replicas.optimizers import OPTIMIZERS
from benchmarks.training.engines.replicas.team import Mixed, Team
from benchmarks.training.machine.transfer import fetched
from benchmarks.training.measuring.clock import Clock, Spent
from benchmarks.training.measuring.evaluate import Geometry, evaluation_batches
from tasks.base import MultiTaskModel, Split, Suite, seed_for


class Replicas(Engine):
    """Cells that differ in seed, learning rate, method and hyperparameters alone, in one vectorised loop.

    Each sees the batches, the dropout noise (see the module `dropout` of this package) and the random numbers of its
    method that it would see alone.

    Args:
        cells: the cells to train.
        suite: the suite of the cells.
        train: the split to train on.
        device: the device to train on.
        clocks: for every cell, the clock of a few steps that it took alone; costs come from them, as a share of a
            common step could not be compared.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        suite: Suite,
        train: Split,
        device: torch.device,
        clocks: Sequence[Clock] | None = None,
    ) -> None:
        first = cells[0]
        super().__init__(len(cells), len(first.tasks), device)
        self.cells = list(cells)
        self.tasks = [task for task in suite.tasks if task.name in first.tasks]
        self._ensemble = Ensemble([suite.build(cell.seed, cell.tasks) for cell in cells], self.tasks, device)
        self._team = Team(cells)
        self._bounds = torch.tensor([task.lower_bound for task in self.tasks], dtype=torch.float64)
        self._faults = Faults(
            [task.name for task in self.tasks],
            [cell.balancer for cell in cells],
            self._team.positive_losses,
            self._bounds,
        )
        self._positive = torch.tensor(self._team.positive_losses)[:, None]
        self._largest_losses = torch.zeros(len(cells), len(self.tasks), dtype=torch.float64)
        self._filler = Filler(self._ensemble, first.place, self._answer)
        rates = self._ensemble.flat.new_tensor([[cell.learning_rate] for cell in cells])
        self._optimizer = OPTIMIZERS[first.optimizer](rates)
        self._data = _Data(train, first.batch_size, [cell.seed for cell in cells])
        self._others = [_Data(train, first.batch_size, [cell.seed for cell in cells], order) for order in OTHERS]
        self._noise = Noise([seed_for("noise", cell.seed) for cell in cells], device)
        self._other_noise = Noise([seed_for("noise/others", cell.seed) for cell in cells], device)
        self._kept = self._ensemble.flat.clone()
        self._clocks = clocks
        self._losses = torch.empty(0)  # (R, K) of the present step, on the host
        self._pending: PendingStep | None = None  # of the last step

    def step(self) -> None:
        """One step of every replica."""
        self.done += 1
        needs, batch = self._team.needs, self._data.next()
        self._ensemble.draw(self._noise, batch)
        step = self._forward(batch)
        others = [self._other(data) for data in self._others] if Need.CROSS_GRAMIAN in needs else []
        gradients, mixed = self._filler.fill(step, others, needs)
        largest = torch.linalg.vector_norm(gradients, torch.inf, dim=-1)
        self._pending = PendingStep(self.done, self._losses, mixed.weights, mixed.heads, largest)
        self._optimizer.step(self._ensemble.flat, gradients)
        if Need.LOSSES_AFTER in needs:
            self._after(batch)

    def _forward(self, batch: Split) -> Pass:
        ensemble = self._ensemble
        with casting(self.cells[0].precision, self.device):
            features = ensemble.features(batch.inputs)
            outputs = ensemble.outputs(features)
        return Pass(features, ensemble.losses(outputs, batch.targets))

    def _other(self, data: _Data) -> Pass:
        batch = data.next()
        with self._ensemble.masks_kept():
            self._ensemble.draw(self._other_noise, batch)
            return self._forward(batch)

    @torch.no_grad()
    def _after(self, batch: Split) -> None:
        """Show the methods the losses after the step, with the dropout masks of the step."""
        losses = self._forward(batch).losses
        (values,) = self._fetch([losses])
        evidence = Evidence(self._bounded(values, losses.dtype))
        self._team.after(harmless(evidence, self._faults.sound(evidence.losses, None, self.done)).losses)

    def _answer(self, measured: Evidence) -> Mixed:
        """The methods' answers; all that the host must know of a step comes to it here, in one transfer."""
        gramian, crossed, rows = measured.measured_gramian, measured.measured_cross_gramian, measured.measured_gradients
        finite = finite_rows(rows) if rows is not None and gramian is None else None
        parts = [gramian, crossed, finite]
        losses, *others = self._fetch([measured.losses, *(part for part in parts if part is not None)])
        arrived = iter(others)
        gramian, crossed, finite = (None if part is None else next(arrived) for part in parts)
        self._losses = losses
        bounded = self._bounded(losses, measured.losses.dtype)
        evidence = Evidence(bounded, gramian, rows, crossed, measured.resolution)
        sound = self._faults.sound(bounded, sizes_of(gramian, crossed, finite), self.done)
        return self._team.answer(harmless(evidence, sound))

    def _fetch(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The tensors on the host, after the faults and means of the last step: they come in the same transfer."""
        pending, self._pending = self._pending, None
        numbers = fetched([*tensors, *(pending.tensors if pending else [])])
        if pending is not None:
            taken = pending.settled(numbers[len(tensors) :])
            self._faults.check(taken)
            self.note(taken.losses, taken.weights)
        return numbers[: len(tensors)]

    def _bounded(self, losses: Float[Tensor, "R K"], dtype: torch.dtype) -> Float[Tensor, "R K"]:
        """Distances from the lower bounds; what lies below by rounding alone lies at the bound, as for a `Balancer`."""
        above = losses - self._bounds
        if not any(self._team.positive_losses):
            return above
        self._largest_losses = torch.fmax(self._largest_losses, losses.abs())
        rounding = self._largest_losses.clamp(min=1) * unit_of(dtype)
        return torch.where(self._positive & (above >= -rounding), above.clamp(min=0), above)

    def scale_rates(self, factor: float) -> None:
        """Multiply the learning rate of every replica's encoder and heads by ``factor``; methods keep their own."""
        self._optimizer.rates = self._optimizer.rates * factor

    def faults(self) -> dict[int, Fault]:
        """The faults of the replicas that broke so far."""
        self._fetch([])
        return self._faults.by_replica()

    def take_means(self) -> Means | None:
        """The means since the last call; none if there was no step since."""
        self._fetch([])
        return super().take_means()

    @torch.no_grad()
    def evaluate(self, split: Split) -> list[Scalars]:
        """All metrics of every replica on a split, accumulated batch by batch."""
        parts: dict[tuple[int, str, str], list[Tensor]] = {}
        with self._ensemble.evaluating():
            for batch in evaluation_batches(split):
                features = self._ensemble.features(batch.inputs, common=True)
                outputs = self._ensemble.outputs(features)
                for run in range(self.replicas):
                    for task in self.tasks:
                        for metric in task.metrics:
                            part = metric.collect(outputs[task.name][run], batch.targets[task.name])
                            parts.setdefault((run, task.name, metric.name), []).append(part)
        return [
            {task.name: {m.name: m.of(parts[run, task.name, m.name]) for m in task.metrics} for task in self.tasks}
            for run in range(self.replicas)
        ]

    def after_validation(self, scores: Mapping[int, Mapping[str, float]]) -> None:
        """Pass the scores to the methods; broken replicas get 0, and no one looks at what becomes of them."""
        rows = [
            [scores[run][task.name] if run in scores else 0.0 for task in self.tasks] for run in range(self.replicas)
        ]
        self._team.after_validation(torch.tensor(rows, dtype=torch.float64))

    def geometry(self, batch: Split) -> list[Geometry]:
        """Norms and cosines of every replica's task gradients at all shared parameters."""
        ensemble = self._ensemble
        with ensemble.evaluating():
            features = ensemble.features(batch.inputs, common=True)
            losses = ensemble.losses(ensemble.outputs(features), batch.targets, common=True)
            rows = self._filler.rows(losses, ensemble.shared, heads=False)[0]
        host_losses, gramian = fetched([losses, gramian_of(rows)])
        evidence = Evidence(host_losses, gramian)
        norms, cosines = evidence.norms.tolist(), evidence.cosines.tolist()
        names = [task.name for task in self.tasks]
        pairs = list(combinations(range(len(names)), 2))
        return [
            Geometry(
                norms=dict(zip(names, norms[run], strict=True)),
                cosines={f"{names[i]}|{names[j]}": cosines[run][i][j] for i, j in pairs},
            )
            for run in range(self.replicas)
        ]

    def finite(self) -> list[bool]:
        """Whether all parameters of a replica are finite."""
        return self._ensemble.flat.isfinite().all(-1).tolist()

    def keep(self, runs: Iterable[int]) -> None:
        """Remember the present state of some replicas."""
        index = torch.tensor(list(runs), device=self.device, dtype=torch.int64)
        self._kept[index] = self._ensemble.flat[index]

    def recall(self) -> None:
        """Put the kept states back."""
        self._ensemble.flat.copy_(self._kept)

    def model(self, run: int) -> MultiTaskModel:
        """A replica's model."""
        return self._ensemble.model(run)

    def certificate(self, run: int) -> Certificate | None:
        """How well a replica's method solved its equations."""
        return self._team.certificate(run)

    def cost(self, run: int, spent: Spent) -> Cost | None:
        """The cost of a few steps that the cell took alone; none if they were not timed."""
        return None if self._clocks is None else self._clocks[run].cost(spent)


class _Data:
    """The batches of replicas, each in the order of its seed."""

    def __init__(self, split: Split, size: int, seeds: Sequence[int], order: str = "data") -> None:
        self._split = split
        assert not split.present  # a suite whose tasks have examples of their own is not replicable
        self._orders: dict[int, Iterator[Tensor]] = {seed: orders(split, size, seed, order)[0] for seed in seeds}
        rows = [list(self._orders).index(seed) for seed in seeds]
        self._rows = torch.tensor(rows, device=next(iter(split.inputs.values())).device)

    def next(self) -> Split:
        """The next batch of every replica: tensors (R, B, ...)."""
        index = torch.stack([next(order) for order in self._orders.values()])
        batch = self._split.take(index)
        return batch if len(self._rows) == len(index) else batch.take(self._rows)
