"""Probes of invariances: the largest violation by a method on random problems that are changed in a given way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from balancers import Answer, Evidence, Weighting
from balancers.conformance.problems import all_answers, all_updates, evidence_of, problems, update_of

TASKS = (2, 5)
PROBLEMS = (16,)  # of each number of tasks, as replicas
DRAWS = 512  # replicas of one problem over which a method that draws random numbers is averaged
ERRORS = 3.0  # standard errors that two such averages may differ by
EXACT = 1e-5  # relative: solvers with certificates of 1e-6 stay below it, and no violation that matters does
ROUNDED = 1e-3  # relative: rounding of gradients to float32, as far as a system of equations may enlarge it
SPREAD = 3.0  # losses are measured in units from 2**-3 to 2**3
CONFLICT = 0.9  # of the mean gradient is taken away from all, so that most pairs are in conflict

Run = list[Evidence]
Change = Callable[[Run], Run]


@dataclass(frozen=True)
class LargestViolation:
    """The largest relative violation on all problems, and whether chance alone explains it."""

    size: float
    by_chance: bool = False  # averages over random draws agree


class _Method(NamedTuple):
    """A method as a key of a cache: equal to itself alone, whatever its parameters."""

    weighting: Weighting

    def __hash__(self) -> int:
        return id(self.weighting)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Method) and self.weighting is other.weighting


@cache
def _plain(tasks: int) -> Run:
    """The problems of so many tasks, unchanged."""
    return problems(tasks, batch=PROBLEMS)


@lru_cache(maxsize=len(TASKS))  # all probes of one method need them
def _plain_answers(method: _Method, tasks: int) -> list[Answer]:
    return all_answers(method.weighting, _plain(tasks))


def _plain_updates(method: _Method, tasks: int) -> list[Tensor]:
    """The updates of a method on the unchanged problems, one for every step."""
    return [
        update_of(answer, problem) for answer, problem in zip(_plain_answers(method, tasks), _plain(tasks), strict=True)
    ]


@dataclass(frozen=True)
class Unchanged:
    """A change of the problem leaves the update as it is.

    Attributes:
        change: the change of the problem.
        direction: whether the direction alone is compared.
        tolerance: the largest difference that counts as none, relative to the update.
    """

    change: Change
    direction: bool = False
    tolerance: float = EXACT

    def __call__(self, weighting: Weighting) -> LargestViolation:
        """The largest difference over all problems and steps."""
        size = largest(
            self.apart(before.double(), after.double())
            for tasks in TASKS
            for before, after in zip(
                _plain_updates(_Method(weighting), tasks),
                all_updates(weighting, self.change(_plain(tasks))),
                strict=True,
            )
        )
        return self._on_average(weighting) if size > self.tolerance and weighting.stochastic else LargestViolation(size)

    def apart(self, before: Tensor, after: Tensor) -> Tensor:
        """How far two updates (*B, D) are apart, relative to the longer one or in direction, (*B)."""
        if self.direction:
            return (_unit(after) - _unit(before)).norm(dim=-1)
        return _over(after - before, torch.maximum(after.norm(dim=-1), before.norm(dim=-1))).norm(dim=-1)

    def _updates(self, weighting: Weighting, run: Run) -> Iterator[tuple[Tensor, Tensor]]:
        """The updates of every step, before and after the change."""
        for before, after in zip(*(all_updates(weighting, each) for each in (run, self.change(run))), strict=True):
            yield before.double(), after.double()

    def _on_average(self, weighting: Weighting) -> LargestViolation:
        """The largest distance between mean updates over many draws that chance does not explain."""
        beyond = []
        for tasks in TASKS:
            for pair in self._updates(weighting, [_repeated(problem) for problem in problems(tasks)]):
                means = [updates.mean(0) for updates in pair]
                errors = [(updates.var(0).sum() / DRAWS).sqrt().item() for updates in pair]
                lengths = [mean.norm().item() for mean in means]
                scales = lengths if self.direction else [max(lengths)] * len(lengths)
                noise = math.hypot(*(error / scale for error, scale in zip(errors, scales, strict=True)))
                apart = self.apart(*means).item()
                if not apart <= ERRORS * noise:
                    beyond.append(apart)
        return LargestViolation(max(beyond)) if beyond else LargestViolation(0.0, by_chance=True)


def never_against(weighting: Weighting) -> LargestViolation:
    """The largest increase of a loss to first order: ``-g·u`` over the norm of g and the size of the terms of u."""
    increases = []
    for tasks in TASKS:
        plain = _plain(tasks)
        opposed = with_gradients(plain, lambda rows: rows - CONFLICT * rows.mean(-2, keepdim=True))
        answers = _plain_answers(_Method(weighting), tasks), all_answers(weighting, opposed)
        for run, of_run in zip((plain, opposed), answers, strict=True):
            for answer, problem in zip(of_run, run, strict=True):
                products = (problem.gradients @ update_of(answer, problem)[..., None])[..., 0]
                increases.append(_over((-products / problem.norms).clamp(min=0), _terms(answer, problem)))
    return LargestViolation(largest(increases))


def still(*, all_tasks: bool) -> Callable[[Weighting], LargestViolation]:
    """A probe for gradients with a convex combination that is 0: the length of the update over the size of its terms.

    With ``all_tasks`` every task takes part in the combination, with positive weight; else all but the last. The same
    problem is shown in every step, and the last step counts.
    """

    def probe(weighting: Weighting) -> LargestViolation:
        lengths = []
        for tasks in TASKS if all_tasks else TASKS[1:]:
            part = tasks if all_tasks else tasks - 1
            plain = _plain(tasks)
            run = with_gradients(plain[:1] * len(plain), lambda rows, part=part: _cancelling(rows, part))
            answer = all_answers(weighting, run)[-1]
            lengths.append(_over(update_of(answer, run[-1]), _terms(answer, run[-1])).norm(dim=-1))
        return LargestViolation(largest(lengths))

    return probe


def _cancelling(rows: Tensor, part: int) -> Tensor:
    """The first ``part`` gradients, shape (*B, K, D), moved so that a combination with shares 1 to ``part`` is 0."""
    shares = torch.arange(1, part + 1, dtype=rows.dtype)[:, None]
    moved = rows[..., :part, :] - (shares * rows[..., :part, :]).sum(-2, keepdim=True) / shares.sum()
    return torch.cat([moved, rows[..., part:, :]], -2)


def with_gradients(run: Run, change: Callable[[Tensor], Tensor]) -> Run:
    """The same run with other gradients."""
    return [evidence_of(change(problem.gradients), problem.losses) for problem in run]


def in_own_units(run: Run) -> Run:
    """Every loss times a constant of its own."""
    units = 2 ** torch.linspace(-SPREAD, SPREAD, run[0].losses.shape[-1], dtype=torch.float64)
    return [evidence_of(problem.gradients * units[:, None], problem.losses * units) for problem in run]


def in_other_units(run: Run) -> Run:
    """All losses times one constant."""
    return [evidence_of(problem.gradients * 2**SPREAD, problem.losses * 2**SPREAD) for problem in run]


def reordered(run: Run) -> Run:
    """The last task first."""
    return [evidence_of(problem.gradients.roll(1, -2), problem.losses.roll(1, -1)) for problem in run]


def with_copy(run: Run) -> Run:
    """The last task twice."""
    return [_appended(problem, problem.gradients[..., -1:, :], problem.losses[..., -1:]) for problem in run]


def with_constant(run: Run) -> Run:
    """One task more, whose loss is 1 whatever the parameters."""
    return [
        _appended(problem, torch.zeros_like(problem.gradients[..., -1:, :]), torch.ones_like(problem.losses[..., -1:]))
        for problem in run
    ]


def in_single_precision(run: Run) -> Run:
    """Gradients rounded to float32."""
    return with_gradients(run, Tensor.float)


def _appended(problem: Evidence, gradient: Tensor, loss: Tensor) -> Evidence:
    return evidence_of(torch.cat([problem.gradients, gradient], -2), torch.cat([problem.losses, loss], -1))


def _repeated(problem: Evidence) -> Evidence:
    """The same problem for every draw."""
    return evidence_of(
        problem.gradients.expand(DRAWS, *problem.gradients.shape),
        problem.losses.expand(DRAWS, *problem.losses.shape),
    )


def _terms(answer: Answer, problem: Evidence) -> Tensor:
    """The length that the update would have if its terms had the same sign in every element, (*B)."""
    absolute = Answer(answer.weights.abs(), (problem.gradients if answer.gradients is None else answer.gradients).abs())
    return update_of(absolute, problem).norm(dim=-1)


def _unit(update: Tensor) -> Tensor:
    return _over(update, update.norm(dim=-1))


def _over(value: Tensor, size: Tensor) -> Tensor:
    """(*B, N) over (*B,); 0 where the size is, and NaN stays NaN."""
    size = size[..., None]
    return torch.where(size == 0, 0.0, value / size)


def largest(values: Iterable[Tensor]) -> float:
    """The largest number in some tensors; NaN if one is."""
    return float(torch.stack([value.max() for value in values]).max())
