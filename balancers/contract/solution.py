"""What every solver returns: a point with a certificate."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor


class Solution(NamedTuple):
    """A solution of one problem per replica.

    ``residual`` is the violation of the optimality conditions at ``point``, relative to the sizes of the terms that
    have to cancel: around 1e-15 where a solution is exact. Where ``solved`` is False the problem has no solution, or
    none was found within the limit of iterations, and ``point`` is what the solver's docstring promises instead.
    """

    point: Float[Tensor, "*B K"]
    residual: Float[Tensor, "*B"]
    solved: Bool[Tensor, "*B"]


class Certificate(NamedTuple):
    """How well a method's equations were solved, over all steps so far."""

    residual: Float[Tensor, "*B"]  # the largest relative violation of the optimality conditions among solved steps
    fallbacks: Float[Tensor, "*B"]  # how many steps found no solution and took the method's documented way out
