"""Builds `asked.json`, which says what a run was asked for, from a protocol."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from benchmarks.protocols.expand import ALL, expand
from benchmarks.protocols.files import read
from benchmarks.protocols.schema import Protocol, SuiteEntry
from benchmarks.records.asked import PROTOCOL_COPY, Asked, AskedSuite, lacks_asked
from benchmarks.records.record import Cell
from benchmarks.records.store import write_asked
from tasks import registry

logger = logging.getLogger(__name__)


def asked_of(protocol: Protocol, cells: list[Cell]) -> Asked:
    """Everything that a run of some cells of a protocol is asked for: these cells, and all others of the protocol.

    Cells of a plug-in that is not loaded are left out.
    """
    everything = {cell.id: cell for cell in [*_known_cells(protocol), *cells]}
    tables = dict.fromkeys([*protocol.suites, *(cell.table for cell in everything.values())])
    return Asked(
        protocol=protocol.name,
        version=protocol.version,
        description=protocol.description,
        equal_weights=protocol.cost_reference,
        tuned_weights=protocol.tuned_reference,
        noise_floor=protocol.noise_floor,
        settings=protocol.trials,
        suites={table: _suite(protocol, table) for table in tables},
        others_searched_once=protocol.search_seeds is not None,
        methods=tuple(protocol.methods),
        cells=tuple(everything),
    )


def explain(folder: Path) -> None:
    """Write `asked.json` into a results folder that has a protocol and is older than that file.

    Raises:
        ValueError: its protocol cannot be read.
    """
    if lacks_asked(folder):
        write_asked(folder, asked_of(read(folder / PROTOCOL_COPY), []))


def _known_cells(protocol: Protocol) -> list[Cell]:
    try:
        return expand(protocol, ALL)
    except ValueError as error:
        logger.warning("parts of protocol %s are not known here: %s", protocol.name, error)
        return []


def _suite(protocol: Protocol, table: str) -> AskedSuite:
    """The suite of a table; of one that is not known here, what the protocol says."""
    entry = protocol.suites.get(table, SuiteEntry())
    name = entry.suite or table
    is_registered = name in registry.names()
    return AskedSuite(
        suite=name,
        options=_as_json((registry.defaults(name) if is_registered else {}) | entry.options),
        summary=getattr(registry.create(name, **entry.options), "summary", "") if is_registered else "",
        searched_once=protocol.settings(table).search_seeds is not None,
    )


def _as_json(options: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(options, default=str))
