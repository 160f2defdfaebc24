"""RotoGrad's two formulas, literally."""

import numpy as np
import torch
from torch import Tensor


def scaled_sum(gradients: np.ndarray, first: np.ndarray) -> np.ndarray:
    """C times the sum of the unit gradients, C mixing their norms by how little each has shrunk."""
    norms = [np.linalg.norm(g) for g in gradients]
    left = [n / np.linalg.norm(g) for n, g in zip(norms, first, strict=True)]
    common = sum(part / sum(left) * n for part, n in zip(left, norms, strict=True))
    return common * np.sum([g / n for g, n in zip(gradients, norms, strict=True)], axis=0)


def slope_of_rotation(task: int, rotated: Tensor, rotations: Tensor) -> Tensor:
    """The derivative of sum_n <R' g_n, v_n> along R exp(S), antisymmetric S, by autograd, g and v held constant."""
    unit = [rotations[k].T @ g.T / g.norm() for k, g in enumerate(rotated)]  # each (M, N)
    mean = sum(unit) / len(unit)
    generator = torch.zeros_like(rotations[task], requires_grad=True)
    turned = rotations[task] @ torch.linalg.matrix_exp(generator - generator.T)
    value = ((turned.T @ rotated[task].T) * mean).sum()
    (slope,) = torch.autograd.grad(value, generator)
    return slope / 2
