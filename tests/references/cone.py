"""The dual of ConicGrad's problem, on explicit gradients: what a convex combination says of the best direction."""

import numpy as np


def bound(gradients: np.ndarray, shares: np.ndarray, cosine: float) -> float:
    r"""No d in the cone, as long as the mean, has a larger :math:`\min_i g_i^\top d`, whatever the shares.

    :math:`\min_i g_i^\top d \le (\sum_i s_i g_i)^\top d`, which is largest along the projection of that sum onto the
    cone.
    """
    mean = gradients.mean(axis=0)
    length = np.linalg.norm(mean)
    combined = shares @ gradients
    along = float(combined @ mean / length)
    across = float(np.sqrt(max(combined @ combined - along**2, 0.0)))
    sine = np.sqrt(1 - cosine**2)
    if along * sine >= across * cosine:
        return float(length * np.hypot(along, across))
    return float(length * max(along * cosine + across * sine, 0.0))
