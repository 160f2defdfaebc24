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
    """A claim of a source about one row."""

    says: str
    source: str


def rows(methods: Sequence[str]) -> dict[str, Weighting]:
    """The methods by name, each followed by the settings of its published runs where these are not its defaults."""
    weightings: dict[str, Weighting] = {}
    for name in methods:
        weightings[name] = create(name)
        for variant in _read()["variant"]:
            if variant["method"] == name:
                weightings[variant["row"]] = create(name, **variant["hyperparameters"])
    return weightings


def statements(row: str) -> list[Statement]:
    """Everything that the sources say of a row."""
    return [Statement(each["says"], each["source"]) for each in _read()["statement"] if row in each["rows"]]


@cache
def _read() -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))
