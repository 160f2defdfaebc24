"""Losses that are negative, or whose smallest value is known: `lower_bounds`.

Methods that take logarithms or ratios of losses need losses above 0. A balancer subtracts the bounds first.
"""

import torch
from torch import nn

from balancers import Balancer

encoder, heads = nn.Linear(8, 16), nn.ModuleList([nn.Linear(16, 1), nn.Linear(16, 1)])


def losses() -> dict[str, torch.Tensor]:
    """A squared error, and a negative log-likelihood that can fall below 0 but not below -5."""
    error, likelihood = (head(encoder(torch.randn(32, 8))).square().mean() for head in heads)
    return {"error": error, "nll": likelihood - 5.0}


try:
    Balancer("scale-invariant", tasks=["error", "nll"]).backward(losses(), shared=encoder.parameters())
except ValueError as error:
    print("without a bound:", error)

balancer = Balancer("scale-invariant", tasks=["error", "nll"], lower_bounds={"nll": -5.0})
print("weights with a bound:", balancer.backward(losses(), shared=encoder.parameters()))
