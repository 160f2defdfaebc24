"""Modules and functions that once had another name: programs and pickles that use it still work."""

from __future__ import annotations

import sys
from importlib import import_module

MOVED = {
    "balancers.base": "balancers.contract.weighting",
    "balancers.draws": "balancers.contract.draws",
    "balancers.evidence": "balancers.contract.evidence",
    "balancers.methods.config": "balancers.methods.conflict_free",
    "balancers.parallel": "balancers.step.parallel",
    "balancers.solution": "balancers.contract.solution",
    "balancers.torchjd_method": "balancers.torchjd.names",
}
RENAMED = {("balancers.torchjd.names", "_made"): "_unpickle"}  # by module and earlier name of a function


def keep_earlier_names() -> None:
    """Let every earlier name stand for the module or function of today, for `import` and for pickle.

    Example:
        >>> from importlib import import_module
        >>> from balancers.naming.earlier import keep_earlier_names
        >>> keep_earlier_names()
        >>> import_module("balancers.draws").Draws.__module__
        'balancers.contract.draws'
    """
    for earlier, today in MOVED.items():
        package, _, name = earlier.rpartition(".")
        setattr(import_module(package), name, sys.modules.setdefault(earlier, import_module(today)))
    for (module, earlier), today in RENAMED.items():
        setattr(import_module(module), earlier, getattr(import_module(module), today))
