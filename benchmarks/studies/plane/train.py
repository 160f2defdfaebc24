"""Train many methods from many starts in one call: every tensor has an axis for methods and one for starts.

As in `benchmarks.training.engines.replicas`, each method sees its starts as replicas. But that engine trains only cells
whose methods have the same needs, and gives up a whole group if one method raises an error. Here all methods train
together in float64; a run that breaks down stays at its last point, and the others continue. The problem has no data
to sample: a method that needs several batches gets the same gradients for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from balancers import Draws, Evidence, Need, Weighting
from balancers.contract.exactness import resolution_of
from balancers.step.products import gramian_of
from benchmarks.training.engines.replicas.optimizers import DECAYS, EPSILON, Stepper
from benchmarks.training.engines.replicas.team import Player, update_of
from tasks.suites.plane import BOUND, SCALE, first_loss, second_loss

LOWER_BOUNDS = torch.tensor([SCALE * BOUND, BOUND], dtype=torch.float64)
TASKS = ("first", "second")

Points = Float[Tensor, "M S 2"]  # methods, starts, coordinates


@dataclass(frozen=True)
class Schedule:
    """How long to train, and how often to keep the points."""

    steps: int
    learning_rate: float = 1e-3
    every: int = 100  # steps between two points that are kept


class Breakdown(NamedTuple):
    """Why a method stopped moving from a start, and in which step."""

    step: int
    reason: str


class Trajectories(NamedTuple):
    """Where every method was from every start, and which of them broke."""

    steps: list[int]
    points: Float[Tensor, "T M S 2"]
    breakdowns: dict[tuple[int, int], Breakdown]  # by method and start


class Slopes(NamedTuple):
    """The losses at some points, and their gradients."""

    losses: Float[Tensor, "M S 2"]  # the last axis counts tasks
    gradients: Float[Tensor, "M S 2 2"]  # tasks, coordinates


def slopes_at(points: Points) -> Slopes:
    """Losses and gradients at all points."""
    leaf = points.detach().requires_grad_()
    with torch.enable_grad():
        losses = torch.stack([first_loss(leaf), second_loss(leaf)], -1)
        rows = [torch.autograd.grad(losses[..., task].sum(), leaf, retain_graph=task == 0)[0] for task in range(2)]
    return Slopes(losses.detach(), torch.stack(rows, -2))


class PlaneRuns:
    """All methods from all starts; start i draws what it would draw alone with seed i.

    What breaks stays where it was, and the reason is kept.

    Attributes:
        alive: which methods still move, from which starts.
        breakdowns: those that broke, by method and start.
    """

    def __init__(self, methods: Sequence[Weighting], starts: int) -> None:
        self._players = [Player(method, TASKS, Draws.seeded(0, (starts,))) for method in methods]
        self.alive: Bool[Tensor, "M S"] = torch.ones(len(methods), starts, dtype=torch.bool)
        self.breakdowns: dict[tuple[int, int], Breakdown] = {}

    def updates(self, slopes: Slopes, step: int) -> Points:
        """The updates of this step, the first of which is step 1; zero for those that broke."""
        updates = torch.zeros_like(slopes.gradients[..., 0, :])
        for i, (player, evidence) in enumerate(zip(self._players, _evidence(slopes), strict=True)):
            if self.alive[i].any():
                try:
                    updates[i] = _update(player, evidence, first=step == 1)
                except (ValueError, RuntimeError, ArithmeticError) as error:
                    self._lose(i, self.alive[i].clone(), Breakdown(step, f"{type(error).__name__}: {error}"))
        sound = updates.isfinite().all(-1)
        for i in (self.alive & ~sound).any(-1).nonzero().flatten().tolist():
            self._lose(i, self.alive[i] & ~sound[i], Breakdown(step, "the update is not finite"))
        return torch.where(self.alive[..., None], updates, 0.0)

    def _lose(self, method: int, starts: Bool[Tensor, "S"], breakdown: Breakdown) -> None:
        self.alive[method] &= ~starts
        for start in starts.nonzero().flatten().tolist():
            self.breakdowns[method, start] = breakdown


class PlaneAdam(Stepper):
    """Adam, rounded as in the committed results of the study.

    It takes the operations in another order than torch, and than `Adam` of
    `benchmarks.training.engines.replicas.optimizers`. The results differ in the last digit of float64, which the narrow
    valleys of the plane amplify: within 1,000 steps the paths of a dozen methods part visibly.
    """

    def __init__(self, rates: Float[Tensor, "R 1"]) -> None:
        super().__init__(rates)
        self._steps = 0
        self._first, self._second = torch.zeros_like(rates), torch.zeros_like(rates)

    @torch.no_grad()
    def step(self, parameters: Float[Tensor, "R 2"], gradients: Float[Tensor, "R 2"]) -> None:
        """One step of all methods from all starts."""
        self._steps += 1
        self._first = self._first.lerp(gradients, 1 - DECAYS[0])
        self._second = self._second.lerp(gradients**2, 1 - DECAYS[1])
        corrections = [1 - decay**self._steps for decay in DECAYS]
        size = (self._second / corrections[1]).sqrt() + EPSILON
        parameters.sub_(self.rates / corrections[0] * self._first / size)


@torch.no_grad()
def train(
    methods: Sequence[Weighting],
    starts: Float[Tensor, "S 2"],
    schedule: Schedule,
    progress: Callable[[int], None] | None = None,
) -> Trajectories:
    """Train every method from every start.

    Args:
        methods: what to train.
        starts: the points to begin at.
        schedule: how long, and how often to keep the points.
        progress: is called after every step with the number of steps done, if there is one.
    """
    points = starts.double().expand(len(methods), -1, -1).clone()
    runs = PlaneRuns(methods, len(starts))
    adam = PlaneAdam(points.new_full((len(methods) * len(starts), 1), schedule.learning_rate))
    kept, steps = [points], [0]
    for step in range(1, schedule.steps + 1):
        updates, moved = runs.updates(slopes_at(points), step), points.clone()
        adam.step(moved.view(-1, 2), updates.view(-1, 2))
        points = torch.where(runs.alive[..., None], moved, points)
        if step % schedule.every == 0 or step == schedule.steps:
            kept.append(points)
            steps.append(step)
        if progress is not None:
            progress(step)
    return Trajectories(steps, torch.stack(kept), runs.breakdowns)


def _update(player: Player, evidence: Evidence, *, first: bool) -> Float[Tensor, "S 2"]:
    """The update of a method from all starts; the losses of this step are also those after the previous step."""
    if not first and Need.LOSSES_AFTER in player.weighting.needs:
        player.after(evidence.losses)
    return update_of(player.answer(evidence), evidence.gradients)


def _evidence(slopes: Slopes) -> list[Evidence]:
    """What each method sees: losses above their lower bounds, gradients, and their inner products."""
    gramians = gramian_of(slopes.gradients)
    parts = zip(slopes.losses - LOWER_BOUNDS, gramians, slopes.gradients, strict=True)
    resolution = resolution_of(slopes.gradients.dtype, slopes.gradients.shape[-1])
    return [Evidence(losses, gramian, gradients, gramian, resolution) for losses, gramian, gradients in parts]
