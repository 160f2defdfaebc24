"""The methods of all replicas, each of which finds the weights of its own replicas in one call."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from balancers import Answer, Certificate, Draws, Evidence, Need, Weighting, create
from balancers.contract.evidence import as_answer
from balancers.step.memory import Memory
from balancers.step.wide import combined
from benchmarks.records.record import Cell
from benchmarks.training.machine.transfer import placed
from tasks.base import seed_for


class Player(Memory):
    """One method on a slice of the replicas; every replica draws the random numbers that it would draw alone.

    Args:
        weighting: the method.
        tasks: names of the tasks.
        draws: the random numbers, with a generator for each replica.
        start: the number of its first replica among all.
    """

    def __init__(self, weighting: Weighting, tasks: tuple[str, ...], draws: Draws, start: int = 0) -> None:
        super().__init__(weighting, tasks, draws)
        self.slice = slice(start, start + len(draws.generators))

    @classmethod
    def of_cells(cls, cells: Sequence[Cell], start: int) -> Player:
        """The method of cells that differ in seed and learning rate alone."""
        first = cells[0]
        generators = [Generator().manual_seed(seed_for("balancer", cell.seed)) for cell in cells]
        draws = Draws(generators, (len(cells),))
        return cls(create(first.balancer, **first.hyperparameters), first.tasks, draws, start)

    def answer(self, evidence: Evidence) -> Answer:
        """The method's answer to the evidence of all replicas, for its own."""
        parts = (evidence.measured_gramian, evidence.measured_gradients, evidence.measured_cross_gramian)
        measured = (None if part is None else part[self.slice] for part in parts)
        mine = Evidence(evidence.losses[self.slice], *measured, resolution=evidence.resolution)
        if mine.measured_gradients is not None:
            self.fit(mine.gradients)
        answer, following = self.weighting.update(mine, self.state, self.draws)
        self.remember(following)
        return as_answer(answer)

    def after(self, losses: Float[Tensor, "R K"]) -> None:
        """Show the losses of all replicas after the optimizer's step."""
        self.remember(self.weighting.after(losses[self.slice], self.state))

    def after_validation(self, scores: Float[Tensor, "R K"]) -> None:
        """Show the scores of all replicas on validation data."""
        self.remember(self.weighting.after_validation(scores[self.slice], self.state))


def update_of(answer: Answer, gradients: Float[Tensor, "R K D"]) -> Float[Tensor, "R D"]:
    """The update that an answer to these gradients stands for."""
    rows = gradients if answer.gradients is None else answer.gradients
    return combined(placed(answer.weights, rows), rows)


class Mixed(NamedTuple):
    """The answers of all methods, together.

    Attributes:
        weights: (r, K) for the r replicas of each method, on the host; where a method computes them from gradients on
            an accelerator, such as elementwise weights, of which this is the mean over the elements, they are there.
        heads: the same for weights of the losses that task-specific parameters follow.
        update: the combined gradient at the place of measuring, on the device, if one was measured.
    """

    weights: Sequence[Float[Tensor, "r K"]]
    heads: Sequence[Float[Tensor, "r K"]]
    update: Float[Tensor, "R D"] | None


def beside(parts: Sequence[Float[Tensor, "r K"]], like: Tensor) -> Float[Tensor, "R K"]:
    """The weights of all replicas, on the device and in the dtype of ``like``."""
    return torch.cat([placed(part, like).to(like.dtype) for part in parts])


class Team:
    """The methods of R cells; neighbours with the same method and hyperparameters share a `Player`.

    Args:
        cells: the cells, whose methods have the same needs.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.players: list[Player] = []
        start = 0
        for _, group in groupby(cells, key=lambda cell: (cell.balancer, sorted(cell.hyperparameters.items()))):
            mine = list(group)
            self.players.append(Player.of_cells(mine, start))
            start += len(mine)
        self.weigh_heads = cells[0].heads == "weighted"

    @property
    def needs(self) -> Need:
        """What the methods need of the coming step."""
        needs = Need.LOSSES
        for player in self.players:
            needs |= player.weighting.needs_now(player.state)
        return needs

    @property
    def positive_losses(self) -> list[bool]:
        """For every replica, whether its method takes no loss below 0."""
        return [p.weighting.positive_losses for p in self.players for _ in range(p.slice.stop - p.slice.start)]

    def certificate(self, run: int) -> Certificate | None:
        """How well the method of one replica solved its equations; none if it solves none."""
        player = next(player for player in self.players if run < player.slice.stop)
        certificate = player.weighting.certificate(player.state)
        return None if certificate is None else Certificate(*(part[run - player.slice.start] for part in certificate))

    @torch.no_grad()
    def answer(self, evidence: Evidence) -> Mixed:
        """The methods' answers to the evidence of a step."""
        answers = [player.answer(evidence) for player in self.players]
        weights = [answer.weights if answer.weights.dim() == 2 else answer.weights.mean(-1) for answer in answers]
        heads = [torch.ones_like(w) if a.heads is None else a.heads for w, a in zip(weights, answers, strict=True)]
        update = None
        if evidence.measured_gradients is not None:
            rows = [evidence.gradients[player.slice] for player in self.players]
            update = torch.cat([update_of(answer, row) for answer, row in zip(answers, rows, strict=True)])
        return Mixed(weights, weights if self.weigh_heads else heads, update)

    @torch.no_grad()
    def after(self, losses: Float[Tensor, "R K"]) -> None:
        """Show the methods the losses after the optimizer's step."""
        for player in self.players:
            player.after(losses)

    @torch.no_grad()
    def after_validation(self, scores: Float[Tensor, "R K"]) -> None:
        """Show the methods the scores of all replicas on validation data."""
        for player in self.players:
            player.after_validation(scores)
