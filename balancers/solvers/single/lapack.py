"""The routines of LAPACK that solvers for one Gramian call, for numbers in double precision.

The arguments after the matrix and the right side say which triangle is read (1 for the lower one) and what may be
overwritten. SciPy makes these functions when it is built, and describes no types.
"""

from __future__ import annotations

from typing import Any

from scipy.linalg import lapack

_routines: Any = lapack
dgesdd = _routines.dgesdd  # singular values
dposv = _routines.dposv  # a system with a positive definite matrix
dpotrf = _routines.dpotrf  # its Cholesky factor
dpotri = _routines.dpotri  # its inverse, from the factor
dpotrs = _routines.dpotrs  # a system, from the factor
dsyevd = _routines.dsyevd  # eigenvalues of a symmetric matrix
dtrtrs = _routines.dtrtrs  # a system with a triangular matrix
