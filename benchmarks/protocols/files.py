"""Protocol files: found by name or path, read, and mistakes in them told in sentences."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from balancers.naming.suggest import nearest
from benchmarks.protocols.schema import AxesEntry, FrontEntry, MethodEntry, Overrides, Protocol, SearchEntry, SuiteEntry

PROTOCOLS = Path(__file__).parent
SUFFIX = ".toml"


def available() -> list[str]:
    """The names of the protocols that come with the harness."""
    return sorted(path.stem for path in PROTOCOLS.glob(f"*{SUFFIX}"))


def find(name_or_path: str) -> Path:
    """The file of a protocol that comes with the harness, or of one's own.

    Raises:
        ValueError: there is no such protocol; the message names the nearest.
    """
    path = Path(name_or_path)
    if path.suffix != SUFFIX and path.name == name_or_path:
        if name_or_path not in available():
            hint = nearest(name_or_path, available())
            raise ValueError(f"there is no protocol {name_or_path!r}{hint} The path of a {SUFFIX} file will do too.")
        return PROTOCOLS / f"{name_or_path}{SUFFIX}"
    if not path.is_file():
        raise ValueError(f"protocol {name_or_path} is not a file; give the path of a {SUFFIX} file or a name")
    return path


def read(path: Path) -> Protocol:
    """The protocol in a TOML file.

    Raises:
        ValueError: it is not TOML, or has unknown keys, wrong types or values out of range: one line for each.
    """
    try:
        return Protocol.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"protocol {path.name} is not TOML: {error}") from error
    except ValidationError as error:
        problems = [_sentence(dict(problem)) for problem in error.errors()]
        raise ValueError(f"protocol {path.name}: " + "\n".join(problems)) from None


def _sentence(problem: dict[str, Any]) -> str:
    *table, key = problem["loc"] or ("",)
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r} {_where(table)}{nearest(str(key), _keys(table))}"
    if problem["type"] == "missing":
        return f"key {key!r} is missing {_where(table)}"
    if problem["type"] == "value_error":  # from a validator above: a sentence already
        return str(problem["ctx"]["error"])
    if key == "[key]":
        name = table.pop()
        return f"the name {name!r} {_where(table)} may hold lower-case letters, digits, '.', '_' and '-' only"
    if isinstance(key, int):  # an item of a list
        key = f"{table.pop()}[{key}]"
    wish = problem["msg"].replace("Input should", "it should")
    return f"{key} = {problem['input']!r} {_where(table)}: {wish}"


def _where(table: list[Any]) -> str:
    return f"in [{'.'.join(map(str, table))}]" if table else "at the top"


def _keys(table: list[Any]) -> list[str]:
    tables: dict[str, type[BaseModel]] = {
        "defaults": Overrides,
        "suites": SuiteEntry,
        "methods": MethodEntry,
        "search": SearchEntry,
        "front": FrontEntry,
        "axes": AxesEntry,
    }
    return list((tables[table[0]] if table else Protocol).model_fields)
