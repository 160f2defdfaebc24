"""One run of any suite: an ordinary training step with a `Balancer`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from balancers import Balancer, Certificate, Need, NonFiniteError
from balancers.step.parallel import Group
from benchmarks.records.record import Cell, Cost, Scalars
from benchmarks.training.batches import batches_of, casting, losses_of, make_optimizer
from benchmarks.training.engines.engine import Engine, Fault
from benchmarks.training.engines.passes import Passes
from benchmarks.training.machine.data_parallel import World
from benchmarks.training.machine.devices import noise_now
from benchmarks.training.measuring.clock import Clock, Spent
from benchmarks.training.measuring.evaluate import Geometry, evaluate, geometry
from tasks.base import MultiTaskModel, Split, Suite, seed_for


class Alone(Engine):
    """A single model, in one process or data-parallel in several, each with its part of every batch.

    Initialisation, data order and dropout noise depend on the seed alone, so that methods are compared in pairs.
    Dropout draws from the global random generator.
    """

    def __init__(
        self,
        cell: Cell,
        suite: Suite,
        train: Split,
        device: torch.device,
        world: World = World(),  # noqa: B008
    ) -> None:
        super().__init__(1, len(cell.tasks), device)
        train = train.only(cell.tasks)
        self.cell = cell
        self.tasks = [task for task in suite.tasks if task.name in cell.tasks]
        self._model = suite.build(cell.seed, cell.tasks).to(device)
        self._model.train()
        self._shared = self._model.shared_parameters()
        self._at = self._model.last_shared_parameters() if cell.place == "last" else None
        self.balancer = Balancer(
            cell.balancer,
            tasks=cell.tasks,
            heads=cell.heads,
            seed=seed_for("balancer", cell.seed),
            lower_bounds=[task.lower_bound for task in self.tasks],
            **cell.hyperparameters,
        ).to(device)
        self._group = Group(world.group)
        if world.group is not None:
            self.balancer.across(world.group)
        if self.balancer.adapts:
            self._model.adapter = self.balancer
        self._optimizer = make_optimizer(cell.optimizer, self._model, cell.learning_rate)
        self._passes = Passes(self._model, self.tasks, device, cell.precision)
        self._passes.draw_from(train, cell.batch_size, cell.seed, world)
        self._batches = batches_of(train, cell.batch_size, cell.seed, world=world)
        self._kept: dict[str, Tensor] = {}
        self._fault: Fault | None = None
        self.clock = Clock(device)
        torch.manual_seed(seed_for(world.own("noise"), cell.seed))  # last: building the model may have drawn numbers

    def step(self) -> None:
        """Take a step, or none if an earlier one broke."""
        self.done += 1
        if self._fault is None:
            try:
                self._step()
            except NonFiniteError as error:
                self._fault = Fault(self.done, "diverged", str(error))

    def _step(self) -> None:
        clock = self.clock
        needs = self.balancer.weighting.needs_now(self.balancer.state)
        clock.start(needs)
        noise = noise_now(self.device) if Need.LOSSES_AFTER in needs else []
        batch = next(self._batches)
        clock.lap("data")
        with casting(self.cell.precision, self.device):
            features, outputs = self._model(batch.inputs)
        losses = losses_of(self.tasks, outputs, batch)
        clock.lap("forward")
        others = self._passes.others() if Need.CROSS_GRAMIAN in needs else []
        clock.lap("others")
        weights = self.balancer.backward(
            losses,
            shared=self._shared,
            at=self._at,
            features=features if self.cell.place == "features" else None,
            others=others,
        )
        clock.lap("backward")
        self._optimizer.step()
        self._optimizer.zero_grad()
        clock.lap("optimizer")
        if Need.LOSSES_AFTER in needs:
            self.balancer.after_step(self._passes.again(batch, noise))
            clock.lap("after")
        clock.stop(self.balancer.weighting_seconds)
        (means,) = self._group.mean([torch.stack(list(losses.values())).detach()])
        self.note(means, weights if weights.dim() == 1 else weights.mean(-1))

    def scale_rates(self, factor: float) -> None:
        """Multiply the learning rate of encoder and heads by ``factor``; the balancer keeps its own rates."""
        for group in self._optimizer.param_groups:
            group["lr"] *= factor

    def faults(self) -> dict[int, Fault]:
        """The fault, if there was one."""
        return {} if self._fault is None else {0: self._fault}

    def evaluate(self, split: Split) -> list[Scalars]:
        """All metrics on a split."""
        return [evaluate(self._model, self.tasks, split)]

    def after_validation(self, scores: Mapping[int, Mapping[str, float]]) -> None:
        """Pass the scores to the balancer."""
        if 0 in scores:
            self.balancer.after_validation(scores[0])

    def geometry(self, batch: Split) -> list[Geometry]:
        """Norms and cosines of the task gradients."""
        return [geometry(self._model, self.tasks, batch)]

    def finite(self) -> list[bool]:
        """Whether all parameters are finite."""
        return [all(bool(parameter.isfinite().all()) for parameter in self._model.parameters())]

    def keep(self, runs: Iterable[int]) -> None:
        """Remember the present state."""
        if 0 in runs:
            self._kept = {name: value.clone() for name, value in self._model.state_dict().items()}

    def recall(self) -> None:
        """Put the kept state back."""
        self._model.load_state_dict(self._kept)

    def model(self, run: int) -> MultiTaskModel:  # noqa: ARG002
        """The model."""
        return self._model

    def certificate(self, run: int) -> Certificate | None:  # noqa: ARG002
        """How well the balancer solved its equations."""
        return self.balancer.certificate

    def cost(self, run: int, spent: Spent) -> Cost | None:  # noqa: ARG002
        """The cost of its steps."""
        return self.clock.cost(spent)
