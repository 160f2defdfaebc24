"""Suites by name; a scan of the folder ``suites`` imports every file whose name does not begin with an underscore."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from balancers.naming.plugins import digest_of
from tasks.base import Suite
from tasks.starved import Starved

LABEL_FRACTION = "label_fraction"

S = TypeVar("S", bound=Suite)


class _Entry(NamedTuple):
    suite: type[Suite]
    preset: dict[str, Any]  # options that the name fixes


_entries: dict[str, _Entry] = {}


def register(name: str, **options: Any) -> Callable[[type[S]], type[S]]:
    """Class decorator: register a suite as ``name``; ``options`` are values of its fields that nobody else can set.

    It may be stacked, so that one class serves several names; each name has its own subclass that differs only in
    ``name``.

    Raises:
        ValueError: the name is taken.
    """

    def add(suite: type[S]) -> type[S]:
        earlier = _entries[name].suite if name in _entries else None
        if earlier is not None and not _is_reloaded(earlier, suite):
            raise ValueError(f"a suite named {name!r} is registered already; choose another name")
        named = suite
        if "name" in vars(suite):
            named = cast(
                "type[S]", type(suite.__name__, (suite,), {"__doc__": suite.__doc__, "__module__": suite.__module__})
            )
        named.name = name
        _entries[name] = _Entry(named, options)
        return suite

    return add


def _is_reloaded(earlier: type[Suite], suite: type[Suite]) -> bool:
    """Whether ``suite`` comes from the plug-in that ``earlier`` came from."""
    return bool(earlier.digest) and earlier.__module__ == suite.__module__


@contextmanager
def noting(path: Path) -> Iterator[list[str]]:
    """Collect the names that the plug-in at ``path`` registers; if the block raises, nothing is registered."""
    _scan()
    earlier_entries = dict(_entries)
    added: list[str] = []
    try:
        yield added
    except BaseException:
        _entries.clear()
        _entries.update(earlier_entries)
        raise
    added += sorted(name for name, entry in _entries.items() if earlier_entries.get(name) is not entry)
    for name in added:
        _entries[name].suite.digest = digest_of(path)


def names() -> list[str]:
    """All suites, sorted."""
    _scan()
    return sorted(_entries)


def create(name: str, **options: Any) -> Suite:
    """The suite called ``name``.

    ``label_fraction`` is an option of all suites: see `Starved`.

    Raises:
        ValueError: unknown suite or option (the message names the nearest), or a value that an option cannot have.
    """
    _scan()
    if name not in _entries:
        raise ValueError(_unknown("suite", name, _entries))
    suite_class, preset = _entries[name]
    option_names = [option.name for option in _options(name)]
    fractions = options.pop(LABEL_FRACTION, None)
    for option in options:
        if option not in option_names:
            raise ValueError(_unknown(f"option of suite {name!r}", option, [*option_names, LABEL_FRACTION]))
    suite = suite_class(**preset, **options)
    return suite if fractions is None else Starved(suite, fractions)


def defaults(name: str) -> dict[str, Any]:
    """The default of every option of a suite; options without a simple default are left out.

    Raises:
        ValueError: unknown suite (the message names the nearest).
    """
    _scan()
    if name not in _entries:
        raise ValueError(_unknown("suite", name, _entries))
    return {option.name: option.default for option in _options(name) if option.default is not MISSING}


def _options(name: str) -> list[Field[Any]]:
    suite, preset = _entries[name]
    return [field for field in fields(cast("Any", suite)) if field.init and field.name not in preset]


def resolve(pattern: str) -> list[str]:
    """The suites that ``pattern`` names: one suite, or a family ("gradnorm-regression" names all its sizes).

    Raises:
        ValueError: no suite has this name; the message names the nearest.
    """
    _scan()
    if pattern in _entries:
        return [pattern]
    family = [name for name in names() if name.startswith(f"{pattern}-")]
    if not family:
        raise ValueError(_unknown("suite", pattern, _entries))
    return family


def _unknown(kind: str, name: str, candidates: Iterable[str]) -> str:
    candidates = sorted(candidates)
    near = get_close_matches(name, candidates, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind}: {name!r}{hint} (there is {', '.join(candidates) or 'none'})"


@cache
def _scan() -> None:
    for module in pkgutil.iter_modules([str(Path(__file__).parent / "suites")]):
        if not module.name.startswith("_"):
            importlib.import_module(f"tasks.suites.{module.name}")
