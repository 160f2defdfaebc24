"""Gradient balancers for multi-task learning: interchangeable methods that put K losses into one update."""

from balancers.balancer import Balancer
from balancers.conformance.probing import Response, probe
from balancers.contract.solution import Certificate, Solution
from balancers.contract.solving import Solving
from balancers.contract.space import Choice, Interval, Simplex, Space, searching
from balancers.contract.weighting import Answer, Claim, Draws, Evidence, Need, Sizes, Stateless, Weighting, reference
from balancers.naming.earlier import keep_earlier_names
from balancers.registry import create, get, load_plugin, names, register
from balancers.step.errors import NonFiniteError, NonFiniteGradientError, NonFiniteLossError, OutOfRangeError
from balancers.step.measuring import measure
from balancers.wrappers.wrappers import Every, Rescaled, Smoothed

__all__ = [
    "Answer",
    "Balancer",
    "Certificate",
    "Choice",
    "Claim",
    "Draws",
    "Every",
    "Evidence",
    "Interval",
    "Need",
    "NonFiniteError",
    "NonFiniteGradientError",
    "NonFiniteLossError",
    "OutOfRangeError",
    "Rescaled",
    "Response",
    "Simplex",
    "Sizes",
    "Smoothed",
    "Solution",
    "Solving",
    "Space",
    "Stateless",
    "Weighting",
    "create",
    "get",
    "load_plugin",
    "measure",
    "names",
    "probe",
    "reference",
    "register",
    "searching",
]

keep_earlier_names()
