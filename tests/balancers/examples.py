"""The examples in the docstrings of the library: which public names have one, and what running them says."""

from __future__ import annotations

import ast
import doctest
import importlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import balancers
from balancers import names
from balancers.conformance import CHECKS
from balancers.contract import registration

FOLDER = Path(balancers.__file__).parent
# Rooms and files in which every public class and function has an example, except for those in `exempt`.
ROOMS = ("conformance", "contract", "methods", "naming", "solvers", "step", "torchjd", "wrappers")
FILES = ("registry.py",)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Documented(NamedTuple):
    """A class, function or method of the library, by module and qualified name, with its docstring."""

    module: str
    name: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


def documented(path: Path) -> Iterator[Documented]:
    """All that has a docstring in a file, as it stands in the source, whatever decorators made of it."""
    module = ".".join(path.relative_to(FOLDER.parent).with_suffix("").parts).removesuffix(".__init__")

    def walk(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[Documented]:
        for child in node.body:
            if isinstance(child, ast.ClassDef | ast.FunctionDef):
                yield Documented(module, prefix + child.name, ast.get_docstring(child) or "", child.lineno)
            if isinstance(child, ast.ClassDef):
                yield from walk(child, f"{prefix}{child.name}.")

    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield Documented(module, "", ast.get_docstring(tree) or "", 1)
    yield from walk(tree, "")


ALL = [each for path in sorted(FOLDER.rglob("*.py")) for each in documented(path)]


def required() -> set[tuple[str, str]]:
    """Module and name of all that must have an example: what is public in the rooms, and the methods of `Balancer`.

    Exempt are two kinds of names. The state of a method, a ``NamedTuple`` called ``...State`` beside the method, is
    made and read by the method alone: its docstring names its fields, and the method's example shows what it does. A
    check of the conformance kit has no result but a complaint: `check` runs all of them, and its example shows how.
    """
    exported = {(cls.__module__, cls.__name__) for cls in map(vars(balancers).get, balancers.__all__) if cls}
    files = {path for room in ROOMS for path in (FOLDER / room).glob("*.py")} | {FOLDER / name for name in FILES}
    public = {
        (each.module, each.name)
        for path in files
        for each in documented(path)
        if each.name and not any(part.startswith("_") for part in each.name.split(".")) and "." not in each.name
    }
    balancer = {
        (each.module, each.name)
        for each in documented(FOLDER / "balancer.py")
        if each.name.startswith("Balancer.") and not each.name.split(".")[1].startswith("_")
    }
    return exported | (public - exempt()) | balancer


def exempt() -> set[tuple[str, str]]:
    """Module and name of the states of the methods, and of the checks of the conformance kit."""
    states = {
        (each.module, each.name)
        for path in (FOLDER / "methods").glob("*.py")
        for each in documented(path)
        if each.name.endswith("State") and issubclass(getattr(importlib.import_module(each.module), each.name), tuple)
    }
    return states | {(function.__module__, function.__name__) for function in CHECKS.values()}


def failures(example: Documented) -> str:
    """What went wrong when the examples of a docstring ran; empty if all is as it says."""
    report = io.StringIO()
    names()  # all methods are known before some are added
    before = dict(registration.registered)
    scope = dict(vars(importlib.import_module(example.module)))
    test = doctest.DocTestParser().get_doctest(example.text, scope, str(example), example.module, example.line)
    try:
        doctest.DocTestRunner(optionflags=OPTIONS, verbose=False).run(test, out=report.write)
    finally:  # methods that examples register are gone afterwards
        registration.registered.clear()
        registration.registered.update(before)
    return report.getvalue()


def with_examples() -> list[Documented]:
    """All that has an example."""
    return [each for each in ALL if ">>>" in each.text]


def needs_torchjd(example: Documented) -> bool:
    """Whether an example runs only where TorchJD is installed."""
    return "torchjd" in example.text.partition("Example:")[2] or example.module.startswith("balancers.torchjd")


if __name__ == "__main__":  # without the hooks that check shapes and types
    sys.exit("".join(failures(each) for each in with_examples() if not needs_torchjd(each)) or 0)
