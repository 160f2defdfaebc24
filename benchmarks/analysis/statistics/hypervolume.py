"""The volume that a set of points dominates: exact where that is quick, and else estimated with its error."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.analysis.statistics.dominance import checked, nondominated
from benchmarks.analysis.statistics.resampling import BOOTSTRAP_SEED, Array

EXACT_POINTS = {2: 3000, 3: 300, 4: 200, 5: 100, 6: 100, 7: 50, 8: 50}  # by objectives: about a second at most
EXACT_POINTS_ABOVE = 25  # for more objectives
SAMPLES = 100_000  # a tenth of a second, and a standard error of 0.1 to 0.4 % for 50 points


class Volume(NamedTuple):
    """A hypervolume."""

    value: float
    error: float  # its standard error; 0 where it is exact


def hypervolume(points: ArrayLike, reference: ArrayLike) -> Volume:
    """Volume of what lies between the reference and at least one point; larger is better in every objective.

    ``λ(∪_p [r, p])``. Exact, by the recursion of While et al. with one objective fewer at each level, up to
    `EXACT_POINTS` points that are neither dominated nor below the reference: 3000 for 2 objectives, 50 for 8, 25 from 9
    on. Beyond, by the seeded sampling of Karp and Luby: boxes are drawn by their volume and points within them, and the
    volume is ``Σ_p vol_p`` times the mean of 1 / (how many boxes hold the point). The relative standard error is at
    most ``√(N / SAMPLES)`` however little of the space is filled, unlike that of sampling from one box around all.

    Args:
        points: (N, D).
        reference: (D,), a point that is worse than all that should count. What a point has below it does not count.

    Returns:
        The volume in the product of the objectives' units, 0 without points, and its standard error.

    Raises:
        ValueError: not a matrix and a vector of one width, or not finite.

    *Reference: While, Bradstreet and Barone, A Fast Way of Calculating Exact Hypervolumes, IEEE TEC 2012; Karp, Luby
    and Madras, Monte-Carlo approximation algorithms for enumeration problems, J. Algorithms 1989.*
    """
    corners, origin = checked(points), np.asarray(reference, dtype=float)
    if origin.shape != corners.shape[1:] or not np.all(np.isfinite(origin)):
        raise ValueError(f"the reference must be {corners.shape[1]} finite numbers, but it is {origin}")
    sizes = corners - origin
    sizes = _front(sizes[np.all(sizes > 0, axis=1)])
    if not len(sizes):
        return Volume(0.0, 0.0)
    if len(sizes) <= EXACT_POINTS.get(sizes.shape[1], EXACT_POINTS_ABOVE):
        return Volume(_exact(sizes), 0.0)
    return _sampled(sizes)


def _front(sizes: Array) -> Array:
    """The boxes that lie in no other, each once."""
    different = np.unique(sizes, axis=0)
    return different[nondominated(different)]


def _exact(sizes: Array) -> float:
    """Volume of the union of boxes (N, D) from the origin, none of which lies in another.

    Boxes are taken in rising order of the last objective. What a box adds to those after it is as high as the box, so
    that only its base, with what the others cover of it, is left to compute.
    """
    if len(sizes) == 1:
        return float(np.prod(sizes))
    sizes = sizes[np.argsort(sizes[:, -1])]
    if sizes.shape[1] == 1:
        return float(sizes[-1, 0])
    if sizes.shape[1] == 2:  # with the last objective rising, the first one falls
        return float(np.sum(sizes[:, 1] * (sizes[:, 0] - np.append(sizes[1:, 0], 0))))
    bases, heights = sizes[:, :-1], sizes[:, -1]
    volume = float(np.prod(sizes[-1]))
    for i, (base, height) in enumerate(zip(bases[:-1], heights[:-1], strict=True)):
        covered = _exact(_front(np.minimum(bases[i + 1 :], base)))
        volume += float(height) * (float(np.prod(base)) - covered)
    return volume


def _sampled(sizes: Array) -> Volume:
    """The same, estimated."""
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    volumes = np.prod(sizes, axis=1)
    total = float(volumes.sum())
    box = rng.choice(len(sizes), size=SAMPLES, p=volumes / total)
    drawn = rng.random((SAMPLES, sizes.shape[1])) * sizes[box]
    holding = np.zeros(SAMPLES)
    for size in sizes:
        holding += np.all(drawn <= size, axis=1)
    shares = 1 / holding
    return Volume(total * float(shares.mean()), total * float(shares.std(ddof=1)) / math.sqrt(SAMPLES))
