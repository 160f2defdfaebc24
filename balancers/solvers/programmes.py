"""Quadratic programmes over non-negative variables, exact and batched: what most solvers come down to."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from balancers.contract.solution import Solution
from balancers.solvers.tolerances import REFINEMENTS, RIDGE, ROOTS, SETTLED, TRIES, ZERO

CHANGES = 5  # of the active set, per variable; about one is needed


def nonnegative(matrix: Float[Tensor, "*B K K"], target: Float[Tensor, "*B K"]) -> Solution:
    r"""Argmin of :math:`\tfrac12 x^\top A x - b^\top x` over :math:`x \ge 0`, A semidefinite with diagonal near 1.

    Block principal pivoting: variables that are negative, or whose multiplier is, change sides all at once. That takes
    a handful of linear systems; where it makes no progress an active-set method takes over.

    Example:
        Without the constraint the minimum would be at (1, -1).

        >>> import torch
        >>> from balancers.solvers.programmes import nonnegative
        >>> matrix, target = torch.eye(2, dtype=torch.float64), torch.tensor([1.0, -1.0], dtype=torch.float64)
        >>> nonnegative(matrix, target).point.tolist()
        [1.0, 0.0]

    Reference: Portugal, Judice and Vicente, A Comparison of Block Pivoting and Interior-Point Algorithms for Linear
    Least Squares Problems with Nonnegative Variables, Mathematics of Computation 1994.
    """
    matrices, targets = flat(matrix), target.reshape(-1, target.shape[-1])
    return shaped(_settle(matrices, targets, _pivot(matrices, targets, targets > 0)), target.shape)


def _pivot(matrix: Float[Tensor, "N K K"], target: Float[Tensor, "N K"], guess: Tensor) -> Bool[Tensor, "N K"]:
    """The variables that are positive at the optimum: block principal pivoting from a guess, or the slower sure way."""
    count, tasks = target.shape
    support = guess.clone()
    left = torch.arange(count, device=target.device)
    fewest = torch.full((count,), tasks + 1, device=target.device)
    tries = torch.full((count,), TRIES, device=target.device)
    while len(left):
        wrong = _misplaced(matrix, target, support[left])
        number = wrong.sum(-1)
        tries = torch.where(number < fewest, TRIES, tries - 1)
        fewest = torch.minimum(number, fewest)
        lost = tries < 0
        if lost.any():
            support[left[lost]] = _active_set(matrix[lost], target[lost])
        support[left] ^= wrong & ~lost[:, None]
        going = (number > 0) & ~lost
        if not going.all():
            left, fewest, tries, matrix, target = (part[going] for part in (left, fewest, tries, matrix, target))
    return support


def _active_set(matrix: Float[Tensor, "N K K"], target: Float[Tensor, "N K"]) -> Bool[Tensor, "N K"]:
    """The same for problems that block pivoting does not settle: one variable at a time, always downhill.

    Reference: Lawson and Hanson, Solving Least Squares Problems, 1974, Chapter 23.
    """
    support = torch.zeros_like(target, dtype=torch.bool)
    point = torch.zeros_like(target)
    for _ in range(CHANGES * target.shape[-1]):
        trial = _on_support(matrix, support, target[..., None]).squeeze(-1)
        blocked = support & (trial <= 0)
        share = torch.where(blocked, point / (point - trial), 1.0).nan_to_num(0.0)
        step = share.amin(-1, keepdim=True)
        point = torch.where(support, point + step * (trial - point), 0.0)
        support = support & ~(blocked & (share <= step))
        slack = target - (matrix @ point[..., None]).squeeze(-1)
        rounding = 10 * ZERO * ((matrix.abs() @ point[..., None]).squeeze(-1) + target.abs())
        gain = torch.where(support | (slack <= rounding), 0.0, slack)
        grows = ~blocked.any(-1, keepdim=True) & (gain > 0) & (gain == gain.amax(-1, keepdim=True))
        if not (blocked.any() or grows.any()):
            break
        support = support | grows
    return support


def _misplaced(matrix: Tensor, target: Tensor, support: Tensor) -> Bool[Tensor, "N K"]:
    point = _on_support(matrix, support, target[..., None]).squeeze(-1)
    slack = (matrix @ point[..., None]).squeeze(-1) - target
    rounding = ZERO * ((matrix.abs() @ point.abs()[..., None]).squeeze(-1) + target.abs())
    return torch.where(support, point < -ZERO * point.abs().amax(-1, keepdim=True), slack < -rounding)


def _on_support(
    matrix: Tensor, support: Tensor, target: Float[Tensor, "N K R"], refinements: int = 0
) -> Float[Tensor, "N K R"]:
    """The solution of the equations of the variables in ``support``, freed of the ridge; the others are 0."""
    inside = support[:, :, None] & support[:, None, :]
    system = torch.where(inside, matrix, 0.0) + torch.diag_embed(torch.where(support, RIDGE, 1.0).to(matrix.dtype))
    factor = torch.linalg.cholesky_ex(system).L
    point = torch.cholesky_solve(torch.where(support[..., None], target, 0.0), factor)
    for _ in range(refinements):
        point = point + torch.cholesky_solve(torch.where(support[..., None], target - matrix @ point, 0.0), factor)
    return point


def _settle(matrix: Tensor, target: Tensor, support: Tensor) -> Solution:
    """The point that belongs to the right support, and its certificate."""
    plain = _on_support(matrix, support, target[..., None]).squeeze(-1).clamp(min=0)
    refined = _on_support(matrix, support, target[..., None], REFINEMENTS).squeeze(-1).clamp(min=0)
    coarse, fine = _violation(matrix, target, plain), _violation(matrix, target, refined)
    residual = torch.minimum(coarse, fine)
    return Solution(torch.where((fine <= coarse)[..., None], refined, plain), residual, residual < SETTLED)


def _violation(matrix: Tensor, target: Tensor, point: Tensor) -> Float[Tensor, "N"]:
    """How far a point is from meeting the conditions of optimality, relative to the terms that have to cancel."""
    slack = (matrix @ point[..., None]).squeeze(-1) - target
    magnitude = (matrix.abs() @ point[..., None]).squeeze(-1) + target.abs()
    violation = torch.where(point > 0, slack.abs(), (-slack).clamp(min=0))
    return torch.where(magnitude > 0, violation / magnitude, 0.0).amax(-1)


Measure = Callable[[Tensor, Tensor], Tensor]  # one number per programme


class ProgrammeLine(NamedTuple):
    """The programmes with targets s * slope - offset, for s between low and high.

    Example:
        >>> import torch
        >>> from balancers.solvers.programmes import ProgrammeLine
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> line = ProgrammeLine(one[:, None, None], one[:, None], 0 * one[:, None], low=0 * one, high=4 * one)
        >>> line.high.tolist()
        [4.0]
    """

    cosines: Float[Tensor, "N K K"]
    slope: Float[Tensor, "N K"]
    offset: Float[Tensor, "N K"]
    low: Float[Tensor, "N"]
    high: Float[Tensor, "N"]


def search(line: ProgrammeLine, excess: Measure, root: Measure) -> Solution:
    """The solution of the programme on the line at which ``excess``, which grows along it, is zero.

    As long as the same variables are positive the solution is ``s * slope - fixed``, and ``root`` says where its excess
    is zero; where there is no such place in the interval, the interval is halved, or at first left near its lower end,
    because the upper one may be no more than a large number.

    Example:
        The solution of the programme with target s is s; it is 3 at s = 3.

        >>> import torch
        >>> from balancers.solvers.programmes import ProgrammeLine, search
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> line = ProgrammeLine(one[:, None, None], one[:, None], 0 * one[:, None], low=0 * one, high=4 * one)
        >>> search(line, lambda point, target: point.sum(-1) - 3, lambda slope, fixed: 3 / slope.sum(-1)).point.tolist()
        [[3.0]]
    """
    ends = torch.stack([line.slope, line.offset], -1)
    low, high = line.low, line.high
    support = positive = torch.ones_like(line.slope, dtype=torch.bool)
    target = line.slope
    for _ in range(ROOTS):
        guess = root(*_on_support(line.cosines, support, ends, REFINEMENTS).unbind(-1))
        inside = (guess >= low) & (guess <= high)
        place = torch.where(inside, guess, torch.minimum((low + high) / 2, low + low.abs() + 1))
        target = place[:, None] * line.slope - line.offset
        positive = _pivot(line.cosines, target, support)
        beyond = excess(_on_support(line.cosines, positive, target[..., None], REFINEMENTS).squeeze(-1), target)
        reached = (beyond.abs() < SETTLED) & (positive == support).all(-1)
        if bool((reached | (high - low <= ZERO * (high.abs() + low.abs()))).all()):
            break
        low, high = torch.where(beyond > 0, low, place), torch.where(beyond > 0, place, high)
        support = positive
    settled = _settle(line.cosines, target, positive)
    residual = torch.maximum(settled.residual, excess(settled.point, target).abs())
    return Solution(settled.point, residual, residual < SETTLED)


def flat(matrix: Float[Tensor, "*B K K"]) -> Float[Tensor, "N K K"]:
    """Matrices with one axis before their own.

    Example:
        >>> import torch
        >>> from balancers.solvers.programmes import flat
        >>> flat(torch.zeros(2, 5, 3, 3)).shape
        torch.Size([10, 3, 3])
    """
    return matrix.reshape(-1, *matrix.shape[-2:])


def shaped(solution: Solution, shape: torch.Size) -> Solution:
    """A solution with its leading axes as they came.

    Example:
        >>> import torch
        >>> from balancers import Solution
        >>> from balancers.solvers.programmes import shaped
        >>> solution = Solution(torch.zeros(10, 3), torch.zeros(10), torch.ones(10) > 0)
        >>> shaped(solution, torch.Size([2, 5, 3])).residual.shape
        torch.Size([2, 5])
    """
    batch = shape[:-1]
    return Solution(solution.point.reshape(shape), solution.residual.reshape(batch), solution.solved.reshape(batch))
