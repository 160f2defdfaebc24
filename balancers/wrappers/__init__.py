"""Wrappers, which are methods around a method, and the notation of their names (``every:4:pcgrad``)."""

from balancers.wrappers.wrappers import Every, Rescaled, Smoothed

__all__ = ["Every", "Rescaled", "Smoothed"]
