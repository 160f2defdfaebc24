"""Quadratic programmes with a linear term over weights on the simplex, from a Gramian."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import is_single
from balancers.contract.solution import Solution
from balancers.solvers.cosines import angles
from balancers.solvers.programmes import ProgrammeLine, flat, search, shaped
from balancers.solvers.single.arrays import solved_by
from balancers.solvers.single.simplex import least_on_simplex


def simplex_qp(gramian: Float[Tensor, "*B K K"], linear: Float[Tensor, "*B K"]) -> Solution:
    r"""Argmin of :math:`\tfrac12 w^\top G w + q^\top w` over the simplex; no gradient may be zero.

    At the optimum :math:`Gw + q \ge \nu`, with equality where :math:`w > 0`. In :math:`G + \tau 1 1^\top` in the place
    of G the sum of the weights is unique for every :math:`\nu` and grows steadily with it, whether G is singular or
    not: a search for the :math:`\nu` at which it is 1.

    Example:
        Of 1/2 (w1 ** 2 + w2 ** 2) - w1 / 2 the minimum on the simplex is at w1 = 3/4.

        >>> import torch
        >>> from balancers.solvers.simplex_qp import simplex_qp
        >>> linear = torch.tensor([-0.5, 0.0], dtype=torch.float64)
        >>> simplex_qp(torch.eye(2, dtype=torch.float64), linear).point.round(decimals=3).tolist()
        [0.75, 0.25]

    Raises:
        ValueError: a gradient is zero.
    """
    if is_single(gramian):
        return solved_by(least_on_simplex, gramian, linear)
    shape = linear.shape
    gramian, linear = flat(gramian), linear.reshape(-1, shape[-1])
    cosines, norms = angles(gramian)
    if not bool((norms > 0).all()):
        raise ValueError("simplex_qp: expected gradients that are not zero")
    smallest = norms.amin(-1, keepdim=True)
    ones = smallest / norms

    def excess(point: Tensor, target: Tensor) -> Tensor:  # noqa: ARG001
        return (point * ones).sum(-1) - 1

    def root(slope: Tensor, fixed: Tensor) -> Tensor:
        return (1 + (fixed * ones).sum(-1)) / (slope * ones).sum(-1)

    unit = smallest.squeeze(-1) ** 2
    low = linear.amin(-1) / unit
    high = (norms.amax(-1) ** 2 + linear.amax(-1)) / unit + 1
    steady = cosines + ones[..., :, None] * ones[..., None, :]
    solution = search(ProgrammeLine(steady, ones, linear / (norms * smallest), low, high), excess, root)
    weights = solution.point * ones
    return shaped(solution._replace(point=weights / weights.sum(-1, keepdim=True)), shape)
