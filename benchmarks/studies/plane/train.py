"""Train many methods from many starts in one call: every tensor has an axis for methods and one for starts.

A method sees its starts as replicas and is asked once per step. What it is shown, and Adam, are computed for all
methods together. Nothing is sampled on the plane, so that further batches are the same as the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from balancers import Draws, Evidence, Need, Sizes, Weighting
from balancers.contract.evidence import as_answer
from balancers.step.gradients import combine, gramian_of
from tasks.suites.plane import BOUND, SCALE, first_loss, second_loss

LOWER_BOUNDS = torch.tensor([SCALE * BOUND, BOUND], dtype=torch.float64)
DECAYS, EPSILON = (0.9, 0.999), 1e-8  # Adam as the papers use it

Points = Float[Tensor, "M S 2"]  # methods, starts, coordinates


@dataclass(frozen=True)
class Schedule:
    """How long to train, and how often to keep the points."""

    steps: int
    learning_rate: float = 1e-3
    every: int = 100  # steps between two points that are kept


class Failure(NamedTuple):
    """Why a replica stopped moving, and when."""

    step: int
    reason: str


class Trajectories(NamedTuple):
    """Where every replica was, and which of them broke."""

    steps: list[int]
    points: Float[Tensor, "T M S 2"]
    failures: dict[tuple[int, int], Failure]  # (method, start) -> what happened


class Plane(NamedTuple):
    """What the plane is like at some points."""

    losses: Float[Tensor, "M S 2"]  # the last axis counts tasks
    gradients: Float[Tensor, "M S 2 2"]  # tasks, coordinates


def look(points: Points) -> Plane:
    """Losses and gradients at all points."""
    leaf = points.detach().requires_grad_()
    with torch.enable_grad():
        losses = torch.stack([first_loss(leaf), second_loss(leaf)], -1)
        rows = [torch.autograd.grad(losses[..., task].sum(), leaf, retain_graph=task == 0)[0] for task in range(2)]
    return Plane(losses.detach(), torch.stack(rows, -2))


class Player:
    """One method at work on all starts, which are its replicas; start i draws what it would draw alone with seed i."""

    def __init__(self, weighting: Weighting, starts: int) -> None:
        self.weighting = weighting
        self.draws = Draws.seeded(0, (starts,))
        self.state = weighting.init(Sizes(2, 2, (starts,), torch.float64))
        self._moved = False

    def update(self, seen: Evidence) -> Float[Tensor, "S 2"]:
        """The update of this step; the losses after the step before are those of this one."""
        if self._moved and Need.LOSSES_AFTER in self.weighting.needs:
            self.state = self.weighting.after(seen.losses, self.state)
        answer, self.state = self.weighting.update(seen, self.state, self.draws)
        self._moved = True
        answer = as_answer(answer)
        return combine(answer.weights, seen.gradients if answer.gradients is None else answer.gradients)


class Team:
    """All methods, and which of their replicas are alive: what breaks stays where it was, and the reason is kept."""

    def __init__(self, methods: Sequence[Weighting], starts: int) -> None:
        self.players = [Player(method, starts) for method in methods]
        self.alive = torch.ones(len(methods), starts, dtype=torch.bool)
        self.failures: dict[tuple[int, int], Failure] = {}

    def updates(self, plane: Plane, step: int) -> Points:
        """The update of every replica; zero for those that broke."""
        found = torch.zeros_like(plane.gradients[..., 0, :])
        for i, (player, seen) in enumerate(zip(self.players, _evidence(plane), strict=True)):
            if self.alive[i].any():
                try:
                    found[i] = player.update(seen)
                except (ValueError, RuntimeError, ArithmeticError) as error:
                    self._lose(i, self.alive[i].clone(), Failure(step, f"{type(error).__name__}: {error}"))
        sound = found.isfinite().all(-1)
        for i in (self.alive & ~sound).any(-1).nonzero().flatten().tolist():
            self._lose(i, self.alive[i] & ~sound[i], Failure(step, "the update is not finite"))
        return torch.where(self.alive[..., None], found, 0.0)

    def _lose(self, method: int, starts: Bool[Tensor, "S"], failure: Failure) -> None:
        self.alive[method] &= ~starts
        for start in starts.nonzero().flatten().tolist():
            self.failures[method, start] = failure


class Adam:
    """Adam for all replicas, with one count of steps."""

    def __init__(self, points: Points, learning_rate: float) -> None:
        self.learning_rate = learning_rate
        self.first, self.second = torch.zeros_like(points), torch.zeros_like(points)
        self.steps = 0

    def step(self, points: Points, gradients: Points) -> Points:
        """The next points."""
        self.steps += 1
        self.first = self.first.lerp(gradients, 1 - DECAYS[0])
        self.second = self.second.lerp(gradients**2, 1 - DECAYS[1])
        corrections = [1 - decay**self.steps for decay in DECAYS]
        size = (self.second / corrections[1]).sqrt() + EPSILON
        return points - self.learning_rate / corrections[0] * self.first / size


@torch.no_grad()
def train(
    methods: Sequence[Weighting],
    starts: Float[Tensor, "S 2"],
    schedule: Schedule,
    watch: Callable[[int], None] | None = None,
) -> Trajectories:
    """Train every method from every start.

    Args:
        methods: what to train.
        starts: the points to begin at.
        schedule: how long, and how often to keep the points.
        watch: is called after every step with the number of steps done, if given.
    """
    points = starts.double().expand(len(methods), -1, -1).clone()
    team, adam = Team(methods, len(starts)), Adam(points, schedule.learning_rate)
    kept, steps = [points], [0]
    for step in range(1, schedule.steps + 1):
        moved = adam.step(points, team.updates(look(points), step))
        points = torch.where(team.alive[..., None], moved, points)
        if step % schedule.every == 0 or step == schedule.steps:
            kept.append(points)
            steps.append(step)
        if watch is not None:
            watch(step)
    return Trajectories(steps, torch.stack(kept), team.failures)


def _evidence(plane: Plane) -> list[Evidence]:
    """What each method is shown: losses above their lower bounds, gradients, and their inner products."""
    gramians = gramian_of(plane.gradients)
    shown = zip(plane.losses - LOWER_BOUNDS, gramians, plane.gradients, strict=True)
    return [Evidence(losses, gramian, gradients, gramian) for losses, gramian, gradients in shown]
