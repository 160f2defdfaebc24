"""Tables of what there is: balancers, suites and protocols."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, cast

from rich.table import Table

from balancers import names, reference, registry
from benchmarks import protocol
from tasks import registry as suites


def tables(what: str | None = None) -> Iterator[Table]:
    """The table called ``what``, or all of them.

    Raises:
        ValueError: there is no such table.
    """
    makers = {"balancers": _balancers, "suites": _suites, "protocols": _protocols}
    if what is not None and what not in makers:
        raise ValueError(f"there is no list of {what!r}{registry.nearest(what, makers)}")
    for name, make in makers.items():
        if what in (None, name):
            yield make()


def _balancers() -> Table:
    table = Table("balancer", "needs", "heads", title="Balancers")
    table.add_column("hyperparameters", overflow="fold")
    table.add_column("reference", ratio=1)
    for name in names():
        method = registry.get(name)
        needs = (method.needs.name or "").lower().replace("|", ", ")
        fields = dataclasses.fields(cast(Any, method))
        defaults = ", ".join(f.name if f.default is dataclasses.MISSING else f"{f.name}={f.default}" for f in fields)
        table.add_row(name, needs, method.heads, defaults, reference(method))
    return table


def _suites() -> Table:
    table = Table("suite", "tasks", "what it is", title="Suites")
    for name in suites.names():
        suite = suites.create(name)
        table.add_row(name, ", ".join(task.name for task in suite.tasks), suite.summary)
    return table


def _protocols() -> Table:
    table = Table("protocol", "suites", "methods", "what it is", title="Protocols")
    for name in protocol.available():
        found = protocol.read(protocol.find(name))
        table.add_row(name, ", ".join(found.suites), ", ".join(found.methods), found.description)
    return table
