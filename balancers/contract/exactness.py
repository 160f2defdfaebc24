"""How exact measured gradients are: whatever counts as zero up to their rounding derives from here.

Solvers have tolerances of their own for their iterations and for answers that are solutions; these are about algorithms
and stand with them.

Gradients are rounded to their dtype. Their Gramian is formed from products and sums in double precision, so that it
adds next to nothing to that, but the length of a combination is a square root: of gradients in double precision it is
known to the root of the rounding of that.
"""

from __future__ import annotations

from functools import lru_cache

import torch

COSINE = 4 * torch.finfo(torch.float64).eps  # typical error of a cosine of exact gradients
PIECE = 1 << 15  # elements of a row that are multiplied at a time: a few rows of them fit a processor's cache
ROUNDINGS = 4  # of an element of a gradient, at least: of the losses, the activations, the backward pass and its sums


def resolution_of(dtype: torch.dtype, elements: int = 1, processes: int = 1) -> float:
    r"""The length below which a combination of gradients is zero up to rounding, relative to its terms.

    A vector :math:`\sum_i x_i g_i` that is shorter than this times :math:`(\sum_i x_i^2 \|g_i\|^2)^{1/2}` is
    rounding: its direction is unknown.

    Example:
        >>> import torch
        >>> from balancers.contract.exactness import resolution_of
        >>> [f"{resolution_of(dtype):.1e}" for dtype in (torch.float64, torch.float32, torch.bfloat16)]
        ['3.0e-08', '4.8e-07', '3.1e-02']

    Args:
        dtype: of the gradients. A complex one counts as its real part.
        elements: of one gradient; sums of many pieces are rounded more often, which counts in float64 alone.
        processes: that average their gradients in that dtype.
    """
    pieces, averaged = max(1.0, elements / PIECE), float(processes)
    of_products = (COSINE * (pieces * averaged) ** 0.5) ** 0.5
    return max(of_products, ROUNDINGS * torch.finfo(dtype).eps * averaged**0.5)


@lru_cache
def widest(device: torch.device) -> torch.dtype:
    """Double precision, or single precision on a device that has no other, such as Apple's.

    Example:
        >>> import torch
        >>> from balancers.contract.exactness import widest
        >>> widest(torch.device("cpu"))
        torch.float64
    """
    try:
        torch.zeros((), device=device).to(torch.float64)
    except (TypeError, RuntimeError):
        return torch.float32
    return torch.float64


DOUBLE = resolution_of(torch.float64)  # of a Gramian that nothing else is known of


def least_eigenvalue(tasks: int, resolution: float) -> float:
    """The eigenvalue of a K x K matrix of cosines below which it is zero up to rounding.

    Example:
        >>> from balancers.contract.exactness import DOUBLE, least_eigenvalue
        >>> f"{least_eigenvalue(3, DOUBLE):.1e}"
        '3.6e-15'
    """
    return resolution**2 + COSINE * tasks
