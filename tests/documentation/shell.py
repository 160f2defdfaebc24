"""Checks of the commands that documents show: their names, options and values exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer.main

from benchmarks.cli import app
from benchmarks.protocols import files
from benchmarks.protocols.expand import Filters, expand
from tests.documentation.blocks import ROOT

PYTHONS = ("python", ".venv/bin/python")
EXTRAS = re.compile(r"\[(\w+)\]$")


def commands(text: str) -> Iterator[list[str]]:
    """The commands of a shell block, as words, without comments and settings of the environment."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words:
            yield words


def check(words: Sequence[str]) -> None:
    """Raise if a command could not run as it stands.

    Raises:
        ValueError: no check covers it, or something that it names does not exist.
    """
    program, *arguments = words
    if program == "make":
        _check_make(arguments)
    elif program == "torchrun" and "-m" in arguments:
        check(["python", *arguments[arguments.index("-m") :]])
    elif program in PYTHONS:
        _check_python(arguments)
    elif program == "pip" and arguments[:1] == ["install"]:
        _check_pip(arguments[-1])
    elif program == "pip" and arguments[:1] == ["download"] and arguments[-1].startswith("-"):
        pass  # of files that the text names
    else:
        raise ValueError(f"no check covers the program {program!r}")


def parsed(arguments: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The command of ``python -m benchmarks`` and the values of its options, read by the real command line."""
    group: Any = typer.main.get_command(app)
    name, *rest = arguments
    if name not in group.commands:
        raise ValueError(f"python -m benchmarks has no command {name!r}")
    return name, group.commands[name].make_context(name, list(rest)).params


def _check_make(arguments: Sequence[str]) -> None:
    """Targets and variables exist, and what make would run is right."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [word for word in arguments if "=" not in word]
    for target in targets:
        if not re.search(rf"^{re.escape(target)}:", makefile, flags=re.MULTILINE):
            raise ValueError(f"the Makefile has no target {target!r}")
    for variable in (word.partition("=")[0] for word in arguments if "=" in word):
        if f"$({variable})" not in makefile:
            raise ValueError(f"the Makefile uses no variable {variable!r}")
    shown = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if shown.returncode:
        raise ValueError(f"make {shlex.join(arguments)} fails: {shown.stderr}")
    for line in shown.stdout.splitlines():
        if " -m benchmarks " in line:
            _check_benchmarks(shlex.split(line.partition(" -m benchmarks ")[2]))


def _check_python(arguments: Sequence[str]) -> None:
    if arguments[:2] == ["-m", "benchmarks"]:
        _check_benchmarks(arguments[2:])
    elif arguments[:1] == ["-m"]:
        if importlib.util.find_spec(arguments[1]) is None:
            raise ValueError(f"there is no module {arguments[1]!r}")
    elif not (ROOT / arguments[0]).is_file():
        raise ValueError(f"there is no file {arguments[0]!r}")


def _check_benchmarks(arguments: Sequence[str]) -> None:
    """Command and options exist; protocol, suites and balancers too, unless a plug-in may bring them."""
    if not arguments:
        return
    name, values = parsed(arguments)
    if name not in ("run", "transfer") or values["plugin"]:
        return
    protocol = values["protocol"]
    if Path(protocol).suffix and not (ROOT / protocol).is_file():
        return  # a file of the reader's own
    suites, balancers = (tuple(filter(None, values[key].split(","))) for key in ("suites", "balancers"))
    if not expand(files.read(ROOT / files.find(protocol)), Filters(balancers, suites, values["seeds"])):
        raise ValueError("nothing would be run")


def _check_pip(package: str) -> None:
    extra = EXTRAS.search(package)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    if extra and not re.search(rf"^{extra[1]} = \[", project, flags=re.MULTILINE):
        raise ValueError(f"pyproject.toml has no extra {extra[1]!r}")
    if not package.startswith("."):
        raise ValueError(f"no check covers the package {package!r}")
