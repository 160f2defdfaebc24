"""The house: what may import what, how many doors a floor has, and that one name means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("balancers", "tasks", "benchmarks")
MOST_ENTRIES = 12  # of a package's top level
# Every room with the rooms of its own package that it may import, beside itself. Below all of them there is nothing.
BELOW = {
    "balancers.naming": "",
    "balancers.contract": "",
    "balancers.solvers": "contract",
    "balancers.step": "contract naming",
    "balancers.methods": "contract solvers step",
    "balancers.wrappers": "contract naming",
    "balancers.torchjd": "contract naming wrappers",
    "balancers.registry": "contract step naming methods wrappers torchjd",
    "balancers.balancer": "contract step registry",
    "balancers.conformance": "contract step registry balancer",
    "tasks.contract": "",
    "tasks.offline": "",
    "tasks.data": "contract",
    "tasks.networks": "contract data",
    "tasks.scoring": "contract data",
    "tasks.base": "contract scoring",
    "tasks.starved": "base",
    "tasks.registry": "base starved",
    "tasks.suites": "base data networks scoring registry",
    "tasks.conformance": "base offline",
    "benchmarks.records": "",
    "benchmarks.protocols": "records",
    "benchmarks.training": "records",
    "benchmarks.models": "training",
    "benchmarks.running": "protocols training records",
    "benchmarks.analysis": "records",
    "benchmarks.reporting": "analysis records",
    "benchmarks.studies": "reporting analysis running training protocols records",
    "benchmarks.cli": "studies reporting analysis running training protocols records",
    "benchmarks.__main__": "cli",
}
PACKAGES_BELOW = {"balancers": (), "tasks": ("balancers",), "benchmarks": ("balancers", "tasks")}
PURE = {"benchmarks.records", "benchmarks.analysis"}  # these need no method, suite or tensor


def dotted(path: Path) -> str:
    """The name of a module by its file."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


MODULES = {dotted(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


def imports(path: Path) -> Iterator[str]:
    """The modules of this project that a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            targets = [
                full if (full := f"{node.module}.{alias.name}") in MODULES else str(node.module) for alias in node.names
            ]
        else:
            continue
        yield from (target for target in targets if target in MODULES)


GRAPH = {module: set(imports(path)) - {module} for module, path in MODULES.items()}


def room(module: str) -> str:
    """The first two parts of a module's name; a package itself is its own room."""
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("module", [module for module in MODULES if room(module) in BELOW])
def test_imports_go_downwards(module: str) -> None:
    package = module.split(".", maxsplit=1)[0]
    own = {f"{package}.{name}" for name in BELOW[room(module)].split()} | {room(module)}
    for target in GRAPH[module]:
        other = target.split(".")[0]
        if other == package:
            assert room(target) in own, f"{module} imports {target}, which is not below it"
        else:
            below = () if room(module) in PURE else PACKAGES_BELOW[package]
            assert other in below, f"{module} imports {target}, which is not below it"


def test_every_room_is_in_the_plan() -> None:
    assert {room(module) for module in MODULES} - set(PACKAGES) == set(BELOW)


def test_the_plan_allows_no_import_that_nobody_needs() -> None:
    needed = {(room(module), room(target)) for module, targets in GRAPH.items() for target in targets}
    allowed = {(name, f"{name.split('.')[0]}.{other}") for name, others in BELOW.items() for other in others.split()}
    assert allowed <= needed, sorted(allowed - needed)


def test_there_is_no_circle() -> None:
    TopologicalSorter(GRAPH).prepare()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_top_level_has_few_entries_and_each_says_what_belongs_there(package: str) -> None:
    entries = [path for path in (ROOT / package).iterdir() if path.name != "__pycache__"]
    assert len(entries) <= MOST_ENTRIES, sorted(path.name for path in entries)
    for path in (ROOT / package).rglob("__init__.py"):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        first = text.split("\n\n")[0].replace("\n", " ")
        assert first.endswith((".", "::")), f"{dotted(path)} should say in one sentence what belongs there"


def test_no_two_public_classes_share_a_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}
