"""What papers print about the plane, from published.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from balancers import Weighting, create

FILE = Path(__file__).with_suffix(".toml")


class Statement(NamedTuple):
    """What a source says of one row."""

    says: str
    source: str


def rows(methods: Sequence[str]) -> dict[str, Weighting]:
    """The methods by name, each followed by the settings of its published runs where these are not its defaults."""
    found: dict[str, Weighting] = {}
    for name in methods:
        found[name] = create(name)
        for variant in _read()["variant"]:
            if variant["method"] == name:
                found[variant["row"]] = create(name, **variant["hyperparameters"])
    return found


def statements(row: str) -> list[Statement]:
    """Everything that the sources say of a row."""
    return [Statement(found["says"], found["source"]) for found in _read()["statement"] if row in found["rows"]]


@cache
def _read() -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))
