"""Numbers that the batched solvers and their twins for one Gramian share: what counts as rounding, and when to stop."""

from __future__ import annotations

# Programmes over non-negative variables
RIDGE = 1e-11  # beside diagonals of 1: far above float64's rounding
REFINEMENTS = 2  # enough to remove the effect of the ridge
ZERO = 1e-13  # a relative violation below this is rounding
SETTLED = 1e-8  # relative to the terms that cancel: a programme whose conditions are violated more is not solved
ACCURATE = 1e-6  # relative to what the equation asks for: a solution that misses it by more is none
TRIES = 3  # exchanges without progress before variables are taken one by one
ROOTS = 80  # steps of a search along a line: enough to halve any interval down to rounding
FAR = 1e9  # stands for infinity in a search

# The cone of vectors that conflict with no gradient
NARROW = 1e-2  # distance of the hull from zero below which the cone counts as narrow
LARGE = 1e3  # larger numbers may throw out heads that follow the weights
DAMPING = 1e-6  # added to the diagonal: keeps them below 500, and moves the result by a thousandth at most
WILD = 1e5  # larger numbers in what is no solution are rounding

# Newton's method for bargains
NEWTON = 500  # steps; about ten are taken unless α is extreme and norms differ by many orders of magnitude
CALM = 0.25  # relative change below which steps are taken whole
SHORT = 1e-3  # relative change from which on the method surely converges
CONVERGED = 1e-7  # relative change of the last step; the next would be its square
FAINT = 1e-100  # a share in the update below this has no effect

# Singular values
GOOD = 1e-11  # relative error of a singular triple that the usual decomposition is allowed
ORTHOGONAL = 1e-14  # cosine of two columns that are orthogonal
SWEEPS = 30  # about six are taken
FARTHEST = 1e-70  # a norm over the longest one: squares of norms that are further apart leave the range of float64

# The simplex method
NEGLIGIBLE = 1e-11  # entries of a tableau, which are scaled to 1, below this are rounding
GREEDY = 3  # pivots per column of the tableau that take the steepest variable; then the first, which cannot cycle
PIVOTS = 30  # per column of the tableau, in all; a few are enough
