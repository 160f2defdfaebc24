"""Methods whose weights are the solution of equations: how well these were solved is part of their state."""

from __future__ import annotations

from abc import abstractmethod
from math import sqrt
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import is_readable, is_single, tensors
from balancers.contract.solution import Certificate, Solution
from balancers.contract.weighting import Answer, Draws, Evidence, Sizes, Weighting


class Solving(Weighting[Any]):
    """A method without memory whose weights solve equations; its state records how well they were solved.

    Example:
        >>> from dataclasses import dataclass
        >>> import torch
        >>> from balancers import Need, Solution, Solving, probe, register
        >>> @register("equal-gains")
        ... @dataclass(frozen=True)
        ... class EqualGains(Solving):
        ...     needs = Need.GRAMIAN
        ...     def solve(self, evidence, draws):
        ...         ones = torch.ones_like(evidence.losses)
        ...         weights = torch.linalg.solve(evidence.gramian, ones)
        ...         residual = (evidence.gramian @ weights - ones).abs().amax(-1)
        ...         return Solution(weights, residual, residual < 1e-9)
        >>> probe("equal-gains", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1.75, 0.25], update=[1, 1])
    """

    def init(self, sizes: Sizes, /) -> tuple:
        """Nothing solved yet: a certificate without a step."""
        return Certificate(sizes.scalar(), sizes.scalar())

    def update(self, evidence: Evidence, state: Any, draws: Draws, /) -> tuple[Tensor | Answer, Any]:
        """The weights of this step, and the updated record of residuals and fallbacks."""
        solution = self.solve(evidence, draws)
        return solution.point, recording(state, solution)

    def certificate(self, state: Any, /) -> Certificate:
        """The record of residuals and fallbacks."""
        return state

    @abstractmethod
    def solve(self, evidence: Evidence, draws: Draws, /) -> Solution:
        """The weights of this step with their certificate; touches none of its arguments."""


def recording(certificate: Certificate, solution: Solution) -> Certificate:
    """The certificate after one more step.

    Example:
        >>> import torch
        >>> from balancers import Certificate, Solution
        >>> from balancers.contract.solving import recording
        >>> nothing = Certificate(torch.tensor(0.0), torch.tensor(0.0))
        >>> failed = recording(nothing, Solution(torch.ones(2), torch.tensor(1.0), torch.tensor(False)))
        >>> failed.residual.item(), failed.fallbacks.item()
        (0.0, 1.0)
    """
    if solution.solved.dim() == 0 and is_readable(solution.residual, *certificate):
        largest, fallbacks = certificate.residual.numpy(), certificate.fallbacks.numpy()
        if solution.solved.numpy():
            return Certificate(tensors(np.maximum(largest, solution.residual.numpy())), tensors(fallbacks + 0.0))
        return Certificate(tensors(largest + 0.0), tensors(fallbacks + 1.0))
    residual = torch.where(
        solution.solved, torch.maximum(certificate.residual, solution.residual), certificate.residual
    )
    return Certificate(residual, certificate.fallbacks + (~solution.solved).double())


def clipped(solution: Solution, gramian: Float[Tensor, "*B K K"], max_norm: float | None) -> Solution:
    """The same weights, made smaller where their update would be longer than ``max_norm``.

    Example:
        >>> import torch
        >>> from balancers import Solution
        >>> from balancers.contract.solving import clipped
        >>> gramian = torch.tensor([[9.0, 0.0], [0.0, 16.0]])  # of (3, 0) and (0, 4): their sum is 5 long
        >>> solution = Solution(torch.ones(2), torch.tensor(0.0), torch.tensor(True))
        >>> [round(weight, 3) for weight in clipped(solution, gramian, max_norm=2.5).point.tolist()]
        [0.5, 0.5]
    """
    if max_norm is None:
        return solution
    if is_single(gramian) and is_readable(solution.point):
        point = solution.point.numpy()
        longest = sqrt(max(point.dot(gramian.numpy().dot(point)), 0.0))
        return solution._replace(point=tensors(point * (max_norm / longest))) if longest > max_norm else solution
    length = (
        (solution.point * (gramian @ solution.point[..., None]).squeeze(-1)).sum(-1, keepdim=True).clamp(min=0).sqrt()
    )
    return solution._replace(point=torch.where(length > max_norm, solution.point * (max_norm / length), solution.point))
