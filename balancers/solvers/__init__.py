"""Solvers for small problems on K numbers or a K x K Gramian; they know no model and keep no state.

Methods of one's own find the common ones here: ``from balancers.solvers import min_norm``.
"""

from balancers.solvers.bargaining import bargain
from balancers.solvers.conflict_averse import conflict_averse
from balancers.solvers.conic import steepest_in_cone
from balancers.solvers.cosines import angles
from balancers.solvers.dual_cone import dual_cone
from balancers.solvers.min_norm import min_norm
from balancers.solvers.simplex_qp import simplex_qp
from balancers.solvers.spectral import equal_projections

__all__ = [
    "angles",
    "bargain",
    "conflict_averse",
    "dual_cone",
    "equal_projections",
    "min_norm",
    "simplex_qp",
    "steepest_in_cone",
]
