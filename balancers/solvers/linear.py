"""Linear programmes on the simplex, exact and batched."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from balancers.contract.arrays import is_single
from balancers.contract.solution import Solution
from balancers.solvers.programmes import shaped
from balancers.solvers.single.arrays import solved_by
from balancers.solvers.single.linear import best_on_simplex
from balancers.solvers.tolerances import ACCURATE, GREEDY, NEGLIGIBLE, PIVOTS


class LinearProgramme(NamedTuple):
    """Maximise ``gains @ x`` over x on the simplex with ``matrix @ x >= bounds``.

    No bound is above 0; a bound of minus infinity is none.

    Example:
        >>> import torch
        >>> from balancers.solvers.linear import LinearProgramme
        >>> ones = torch.ones(1, 2, dtype=torch.float64)
        >>> LinearProgramme(ones, torch.eye(2, dtype=torch.float64)[None], -ones).bounds.tolist()
        [[-1.0, -1.0]]
    """

    gains: Float[Tensor, "*B K"]
    matrix: Float[Tensor, "*B R K"]
    bounds: Float[Tensor, "*B R"]


def maximise(programme: LinearProgramme) -> Solution:
    r"""The best vertex of a linear programme, by the simplex method.

    Since no bound is above 0, x = 0 meets them all. From there :math:`\sum_i x_i` is brought to 1, and then the gain to
    its maximum. No point of the simplex that meets the bounds has a gain above
    :math:`\max_i (c + A^\top y)_i - b^\top y`, whatever :math:`y \ge 0` is. The residual is the distance of the gain
    from that limit, or the largest violation of a bound, each relative to its terms, whichever is larger. Where no
    point meets the bounds, or rounding hides it, the programme is not solved, and the point is any point of the
    simplex.

    Example:
        The gain is largest at (1, 0), but the second weight must be at least half the first.

        >>> import torch
        >>> from balancers.solvers.linear import LinearProgramme, maximise
        >>> gains = torch.tensor([1.0, 0.0], dtype=torch.float64)
        >>> matrix, bounds = torch.tensor([[-0.5, 1.0]], dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
        >>> solution = maximise(LinearProgramme(gains, matrix, bounds))
        >>> solution.point.round(decimals=3).tolist(), bool(solution.solved)
        ([0.667, 0.333], True)

    Reference: Bland, New Finite Pivoting Rules for the Simplex Method, Mathematics of Operations Research 1977.
    """
    if is_single(programme.matrix):
        return solved_by(best_on_simplex, programme.gains, programme.matrix, programme.bounds)
    shape = programme.gains.shape
    gains = programme.gains.reshape(-1, shape[-1])
    matrix = programme.matrix.reshape(-1, *programme.matrix.shape[-2:])
    bounds = programme.bounds.reshape(-1, programme.bounds.shape[-1])
    bounded = bounds.isfinite()
    rows, floors = torch.where(bounded[..., None], matrix, 0.0), torch.where(bounded, bounds, 0.0)
    flat = LinearProgramme(gains, rows, floors)
    return shaped(_certified(flat, *_vertex(_scaled(flat), bounded)), shape)


class _Scaled(NamedTuple):
    """The programme in units in which no column and no row is larger than 1: what is solved, and how to go back."""

    gains: Float[Tensor, "N K"]
    rows: Float[Tensor, "N R K"]
    floors: Float[Tensor, "N R"]
    shares: Float[Tensor, "N K"]  # what a unit of every variable adds to the sum of x
    heights: Float[Tensor, "N R"]
    gain: Float[Tensor, "N 1"]


def _scaled(programme: LinearProgramme) -> _Scaled:
    gains, matrix, floors = programme
    heights = _or_one(matrix.abs().amax(-1))
    widths = (matrix / heights[..., None]).abs().amax(-2)
    least = torch.where(widths > 0, widths, 1.0).amin(-1, keepdim=True)
    widths = torch.where(widths > 0, widths, least)
    per_width = gains / widths
    gain = _or_one(per_width.abs().amax(-1, keepdim=True))
    rows = matrix / heights[..., None] / widths[:, None, :]
    return _Scaled(per_width / gain, rows, floors / heights / least, least / widths, heights, gain)


def _or_one(sizes: Tensor) -> Tensor:
    return torch.where(sizes > 0, sizes, 1.0)


class _Tableau(NamedTuple):
    """The equations with the basic variables eliminated, their right sides in the last column.

    The columns are: what is missing in the sum of x, the slack of every bound, and the variables. The first row says
    what the sum is, the others are the bounds.
    """

    rows: Float[Tensor, "N E C"]
    basis: Int[Tensor, "N E"]


def _vertex(scaled: _Scaled, bounded: Bool[Tensor, "N R"]) -> tuple[Tensor, Tensor]:
    """The best vertex and the multipliers of the bounds, in the units of the programme as it was given."""
    count, bounds, _ = scaled.rows.shape
    sums = torch.cat([scaled.shares.new_zeros(count, 1, bounds), scaled.shares[:, None, :]], -1)
    identity = torch.eye(bounds + 1, dtype=sums.dtype, device=sums.device).expand(count, -1, -1)
    left = torch.cat([scaled.shares[:, None, :], -scaled.rows], 1)
    right = torch.cat([torch.ones_like(sums[..., 0]), torch.where(bounded, -scaled.floors, 1.0)], -1)
    equations = torch.cat([identity, left], -1)
    start = torch.arange(bounds + 1, device=sums.device).expand(count, -1)
    tableau = _Tableau(torch.cat([equations, right[..., None]], -1), start)
    missing = torch.zeros(count, equations.shape[-1], dtype=sums.dtype, device=sums.device)
    missing[:, 0] = -1
    costs = torch.cat([torch.zeros_like(missing[:, : bounds + 1]), scaled.gains], -1)
    tableau = _climb(_climb(tableau, missing, first=0), costs, first=1)
    return _at(tableau.basis, equations, right, costs, scaled)


def _climb(tableau: _Tableau, costs: Float[Tensor, "N C"], first: int) -> _Tableau:
    """Pivots until no variable from column ``first`` on can enter at a gain."""
    rows, basis = tableau
    columns = rows.shape[-1] - 1
    index = torch.arange(columns, device=rows.device)
    for turn in range(PIVOTS * columns):
        reduced = costs - (costs.take_along_dim(basis, -1)[:, None, :] @ rows[..., :-1]).squeeze(-2)
        eligible = (reduced > NEGLIGIBLE) & (index >= first)
        if not eligible.any():
            break
        steepest = torch.where(eligible, reduced, 0.0).argmax(-1)
        earliest = torch.where(eligible, index, columns - 1).amin(-1)
        entering = (steepest if turn < GREEDY * columns else earliest)[:, None]
        column = rows.take_along_dim(entering[..., None], -1).squeeze(-1)
        leaving = _leaving(column, rows[..., -1], basis, first)
        moves = eligible.any(-1) & leaving.any(-1)
        if not moves.any():
            break
        chosen = leaving & moves[:, None]
        pivot = torch.where(chosen, column, 1.0)
        row = (chosen.to(rows.dtype)[:, None, :] @ (rows / pivot[..., None])).squeeze(-2)
        eliminated = rows - torch.where(moves[:, None], column, 0.0)[..., None] * row[:, None, :]
        rows = torch.where(chosen[..., None], row[:, None, :], eliminated)
        rows = torch.cat([rows[..., :-1], rows[..., -1:].clamp(min=0)], -1)
        basis = torch.where(chosen, entering, basis)
    return _Tableau(rows, basis)


def _leaving(column: Tensor, right: Tensor, basis: Tensor, first: int) -> Bool[Tensor, "N E"]:
    """The row of the basic variable that falls to 0 first, of equal ones the earliest; none if none falls.

    Once the sum is 1, what is missing in it leaves at once if it is still basic.
    """
    stuck = (basis < first) & (column.abs() > NEGLIGIBLE)
    ratios = torch.where(column > NEGLIGIBLE, right / column, torch.inf)
    ratios = torch.where(stuck, 0.0, ratios)
    least = ratios.amin(-1, keepdim=True)
    tied = (ratios <= least) & ratios.isfinite()
    earliest = torch.where(tied, basis, basis.amax() + 1)
    return tied & (earliest == earliest.amin(-1, keepdim=True))


def _at(basis: Tensor, equations: Tensor, right: Tensor, costs: Tensor, scaled: _Scaled) -> tuple[Tensor, Tensor]:
    """The vertex and the multipliers of a basis, from the equations as they were given."""
    square = equations.take_along_dim(basis[:, None, :], -1)
    values, _ = torch.linalg.solve_ex(square, right[..., None])
    dual, _ = torch.linalg.solve_ex(square.mT, costs.take_along_dim(basis, -1)[..., None])
    place = torch.zeros_like(costs).scatter(-1, basis, values.squeeze(-1).clamp(min=0))
    parts = (place[:, scaled.rows.shape[-2] + 1 :] * scaled.shares).nan_to_num(0.0, 0.0, 0.0)
    total = parts.sum(-1, keepdim=True)
    point = torch.where(total > 0, parts / total, 1 / parts.shape[-1])
    multipliers = dual[:, 1:, 0].clamp(min=0) * scaled.gain / scaled.heights
    return point, multipliers.nan_to_num(0.0, 0.0, 0.0)


def _certified(programme: LinearProgramme, point: Tensor, multipliers: Tensor) -> Solution:
    """The point with its residual: violated bounds, and the gap to the bound that the multipliers give."""
    gains, matrix, floors = programme
    values = (matrix @ point[..., None]).squeeze(-1)
    terms = (matrix.abs() @ point[..., None]).squeeze(-1) + floors.abs()
    violation = torch.where(terms > 0, (floors - values).clamp(min=0) / terms, 0.0).amax(-1)
    raised = gains + (multipliers[:, None, :] @ matrix).squeeze(-2)
    above = raised.amax(-1) - (multipliers * floors).sum(-1)
    gain = (gains * point).sum(-1)
    size = (gains.abs() + (multipliers[:, None, :] @ matrix.abs()).squeeze(-2)).amax(-1)
    size = size + (multipliers * floors.abs()).sum(-1) + (gains.abs() * point).sum(-1)
    gap = torch.where(size > 0, (above - gain).abs() / size, 0.0)
    residual = torch.maximum(violation, gap)
    return Solution(point, residual, residual < ACCURATE)
