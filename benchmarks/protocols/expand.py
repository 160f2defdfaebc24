"""From a protocol to the cells that it stands for; every mistake in a name shows here, before any training."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from balancers import Balancer, Space, Weighting, registry
from balancers.naming.suggest import nearest
from balancers.wrappers.wrapper import innermost
from benchmarks.protocols.axes import crossed
from benchmarks.protocols.design import Trial, relative_to, trials
from benchmarks.protocols.schema import MethodEntry, Protocol, Settings, SuiteEntry
from benchmarks.records.asked import VALUE
from benchmarks.records.record import SINGLE_TASK, Cell
from benchmarks.records.versions import version_of
from tasks import registry as suites
from tasks.base import Suite

ALL_METHODS = "all"  # in a filter: every method that is registered

# A baseline has one task of weight 1, so that heads and place make no difference.
SINGLE_TASK_ENTRY = MethodEntry(balancer="fixed", heads="weighted", place="shared", search=[])


class Filters(NamedTuple):
    """What to run of a protocol; an empty filter lets everything through.

    Single-task baselines and the protocol's references, equal and tuned weights, always run, so that every method has
    something to be compared with.

    Methods, wrapped methods and suites that the protocol lacks are added with their defaults; "all" stands for every
    registered method. ``seeds`` is a number of seeds.
    """

    balancers: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    seeds: int | None = None


ALL = Filters()


class _Row(NamedTuple):
    label: str
    tasks: tuple[str, ...]
    balancer: str
    version: int | str
    hyperparameters: dict[str, Any]
    heads: str
    place: str
    seeds_from: int
    space: Mapping[str, Space]  # what a search tries


def expand(protocol: Protocol, filters: Filters = ALL) -> list[Cell]:
    """The cells that can be run at once, in the order in which they should.

    `benchmarks.protocols.stages` has those that follow.

    Suite by suite; within a suite all of seed 0 comes first, the single-task baselines before the methods. With a
    search, these are its trials.

    Raises:
        ValueError: an unknown balancer, suite, hyperparameter or option (with the nearest name), or a bad value.
    """
    methods = crossed(_methods(protocol, filters.balancers), protocol)
    chosen = _suites(protocol, filters.suites)
    return [cell for name in chosen for cell in _cells(protocol, name, methods, seeds_of(protocol, name, filters))]


def seeds_of(protocol: Protocol, suite: str, filters: Filters) -> int:
    """How many seeds a suite is run with in the end."""
    return protocol.settings(suite).seeds if filters.seeds is None else filters.seeds


def _methods(protocol: Protocol, wanted: Iterable[str]) -> dict[str, MethodEntry]:
    """Methods by label. A wanted name is a label, or a balancer: then all labels that use it, or a new one."""
    if not wanted:
        return dict(protocol.methods)
    chosen: dict[str, MethodEntry] = {}
    if any(name != SINGLE_TASK for name in wanted):  # what costs and gains are relative to runs anyway
        always = (protocol.cost_reference, protocol.tuned_reference)
        chosen |= {label: protocol.methods[label] for label in always if label is not None}
    for name in [name for each in wanted for name in (registry.names() if each == ALL_METHODS else [each])]:
        labels = [label for label, entry in protocol.methods.items() if name in (label, entry.balancer)]
        chosen |= {label: protocol.methods[label] for label in labels}
        if not labels and name != SINGLE_TASK:  # the baselines run anyway
            _require_method(name, protocol)
            chosen[name] = MethodEntry()
    return chosen


def _require_method(name: str, protocol: Protocol) -> None:
    if ":" in name:  # wrapped, or from another library: the registry says which part is wrong
        registry.get(name)
    elif name not in registry.names():
        hint = nearest(name, {*protocol.methods, *registry.names()})
        more = " Hyperparameters go into a protocol file." if "=" in name else ""
        raise ValueError(f"there is no balancer {name!r}{hint} One of your own needs --plugin FILE.{more}")


def _suites(protocol: Protocol, wanted: Iterable[str]) -> list[str]:
    """Tables of suites. A wanted name is a table, or a suite: then all tables of it, or a new one."""
    if not wanted:
        return list(protocol.suites)

    def named(name: str) -> list[str]:
        return [table for table, entry in protocol.suites.items() if name in (table, entry.suite)]

    tables = (named(name) or suites.resolve(name) for name in wanted)
    return list(dict.fromkeys(table for each in tables for table in each))


def _cells(protocol: Protocol, name: str, methods: Mapping[str, MethodEntry], seeds: int) -> Iterator[Cell]:
    entry = protocol.suites.get(name, SuiteEntry())
    settings = protocol.settings(name)
    suite = suites.create(entry.suite or name, **entry.options)
    rows = _rows(suite, entry, methods)
    seeds = min(seeds, settings.search_seeds or seeds)
    for optimizer, factor in (protocol.axes.optimizers or {settings.optimizer: 1.0}).items():
        for seed in range(seeds):
            for row in rows:
                for trial in _trials(protocol, settings, row, suite):
                    yield Cell(
                        suite=suite.name,
                        variant="" if suite.name == name else name,
                        suite_version=version_of(suite),
                        suite_options=entry.options,
                        tasks=row.tasks,
                        row=row.label,
                        balancer=row.balancer,
                        balancer_version=row.version,
                        hyperparameters=row.hyperparameters | trial.hyperparameters,
                        heads=cast(Any, row.heads),
                        place=cast(Any, row.place),
                        optimizer=optimizer,
                        learning_rate=trial.learning_rate * factor,
                        precision=settings.precision,
                        batch_size=settings.batch_size,
                        steps=settings.steps,
                        epochs=settings.epochs,
                        halve_at=settings.halve_at,
                        evaluations=settings.evaluations,
                        seed=row.seeds_from + seed,
                        trial=trial.number,
                    )


def _trials(protocol: Protocol, settings: Settings, row: _Row, suite: Suite) -> Iterator[Trial]:
    if protocol.search is None or settings.learning_rate_range is None:
        return (Trial(0, rate, {}) for rate in settings.learning_rates)
    (usual,) = settings.learning_rates
    space = relative_to(suite.loss_scales, row.space)
    return trials(protocol.search.trials, usual, settings.learning_rate_range, space, len(row.tasks))


def _rows(suite: Suite, entry: SuiteEntry, methods: Mapping[str, MethodEntry]) -> list[_Row]:
    names = tuple(task.name for task in suite.tasks)
    baselines = [_row(SINGLE_TASK, (name,), SINGLE_TASK_ENTRY, {}) for name in names]
    for_suite = {label: entry.methods.get(label.partition(VALUE)[0], {}) for label in methods}
    return baselines + [
        _row(label, names, method, for_suite[label], suite.separate) for label, method in methods.items()
    ]


def _row(
    label: str, tasks: tuple[str, ...], method: MethodEntry, for_suite: Mapping[str, Any], separate: bool = False
) -> _Row:
    """A row with all defaults filled in; raises if the hyperparameters are invalid."""
    name = method.balancer or label
    settings = {**method.hyperparameters, **for_suite}
    try:
        registry.require_hyperparameters(name, settings)  # or else one could be taken for an argument of Balancer
    except ValueError as error:
        raise ValueError(f"method {label!r}: {error}") from error
    try:
        balancer = Balancer(name, tasks=tasks, heads=method.heads, **settings)
    except (TypeError, ValueError) as error:
        raise ValueError(f"method {label!r} with hyperparameters {settings}: {error}") from error
    facts = balancer.weighting
    # As JSON knows them, so that a cell equals the one read back from its record.
    hyperparameters = json.loads(json.dumps(dataclasses.asdict(cast(Any, innermost(facts)))))
    place = facts.place
    if separate and not balancer.adapts:  # features of examples of their own: all gradients would be orthogonal
        place = "shared"
        if method.place == "features":
            raise ValueError(
                f"method {label!r}: place = 'features' says nothing where tasks have examples of their own, whose "
                "gradients never meet there; choose 'shared' or 'last'"
            )
    where = method.heads or balancer.heads, method.place or place
    return _Row(
        label,
        tasks,
        name,
        version_of(facts),
        hyperparameters,
        *where,
        method.seeds_from,
        _space(label, method, facts, settings),
    )


def _space(label: str, method: MethodEntry, facts: Weighting, settings: Mapping[str, Any]) -> dict[str, Space]:
    """The hyperparameters to search: those that its entry lists, else all with a space and no fixed value."""
    if method.search is None:
        return {name: space for name, space in facts.space.items() if name not in settings}
    for name in method.search:
        if name not in facts.space:
            hint = nearest(name, facts.space)
            raise ValueError(f"method {label!r}: there is no space to search {name!r} in{hint}")
    return {name: facts.space[name] for name in method.search}
