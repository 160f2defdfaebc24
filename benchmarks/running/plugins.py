"""Plug-in files of users: they register balancers, suites, or both."""

from __future__ import annotations

from pathlib import Path

from balancers import registry as balancers
from balancers.naming.plugins import import_file
from tasks import registry as suites


def load(path: Path) -> None:
    """Register the balancers and suites of a file.

    Raises:
        ValueError: there is no such file, it raises, or it registers nothing.
    """
    with balancers.noting(path) as methods, suites.noting(path) as problems:
        import_file(path)
    if not methods and not problems:
        raise ValueError(
            f'plug-in {path} registers neither a balancer nor a suite; decorate a class with @register("name") of '
            "balancers or of tasks.registry"
        )
