"""GradNorm's objective from Equations 1 and 2 of Chen et al., ICML 2018, differentiated by autograd."""

import torch
from torch import Tensor


def gradnorm_slope(weights: Tensor, losses: Tensor, first_losses: Tensor, gradients: Tensor, alpha: float) -> Tensor:
    """The gradient (K,) of L_grad in the weights, for explicit gradients (K, D) at the layer W."""
    weights = weights.clone().requires_grad_(True)
    norms = torch.stack([(w * g).norm() for w, g in zip(weights, gradients, strict=True)])
    ratios = losses / first_losses
    rates = ratios / ratios.mean()
    targets = (norms.mean() * rates**alpha).detach()
    objective = (norms - targets).abs().sum()
    return torch.autograd.grad(objective, weights)[0]
