"""Gradient balancers for multi-task learning: interchangeable methods that put K losses into one update."""

from balancers.balancer import Balancer
from balancers.base import Claim, Draws, Evidence, Need, Stateless, Weighting, reference
from balancers.guards import NonFiniteError, NonFiniteGradientError, NonFiniteLossError
from balancers.measuring import measure
from balancers.registry import create, get, load_plugin, names, register

__all__ = [
    "Balancer",
    "Claim",
    "Draws",
    "Evidence",
    "Need",
    "NonFiniteError",
    "NonFiniteGradientError",
    "NonFiniteLossError",
    "Stateless",
    "Weighting",
    "create",
    "get",
    "load_plugin",
    "measure",
    "names",
    "reference",
    "register",
]
