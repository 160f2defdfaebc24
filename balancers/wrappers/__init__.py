"""Methods around a method: solve less often, smooth the weights, fix the length of the update; and their notation."""

from balancers.wrappers.wrappers import Every, Rescaled, Smoothed

__all__ = ["Every", "Rescaled", "Smoothed"]
