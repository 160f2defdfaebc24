"""Links lead somewhere, tables are complete, and the numbers of the README are those of the records."""

from __future__ import annotations

import re
import runpy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import typer.main
from pydantic import BaseModel

from balancers import get, names
from benchmarks.analysis.results import Results, read_results
from benchmarks.analysis.statistics import holm, paired, smallest_detectable
from benchmarks.cli import app, catalogue
from benchmarks.protocols.files import available
from benchmarks.protocols.schema import AxesEntry, FrontEntry, MethodEntry, Overrides, Protocol, SearchEntry, SuiteEntry
from benchmarks.records.record import SINGLE_TASK
from tasks import registry
from tests.documentation.blocks import DOCUMENTS, ROOT, prose

MOST_BYTES = 12_000
LINK = re.compile(r"\]\((?!https?:)(?P<file>[^)#\s]*)(?:#(?P<anchor>[^)]*))?\)")
LINKS = [
    pytest.param(document, match["file"], match["anchor"], id=f"{document}:{match['file']}#{match['anchor'] or ''}")
    for document in DOCUMENTS
    for match in LINK.finditer(prose(document))
]


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("document", "file", "anchor"), LINKS)
def test_links_lead_to_files_and_headings(document: Path, file: str, anchor: str | None) -> None:
    target = ROOT / document.parent / file if file else ROOT / document
    assert target.exists(), f"{document} links to {file}"
    assert not anchor or anchor in anchors(target)


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len(text_of("README.md").encode()) <= MOST_BYTES


@pytest.mark.parametrize("document", ["README.md", "benchmarks/README.md"])
def test_every_protocol_is_in_the_tables(document: str) -> None:
    assert [name for name in available() if f"`{name}`" not in text_of(document)] == []


def test_every_method_and_suite_is_in_the_readme() -> None:
    readme = text_of("README.md")
    ours = [name for name in names() if get(name).__module__.startswith("balancers.methods.")]
    assert [name for name in ours if f"| `{name}` |" not in readme] == []
    suites = [name for name in registry.names() if type(registry.create(name)).__module__.startswith("tasks.suites.")]
    shown = {f"`{name}`" for name in suites} - {"`gradnorm-regression-10`"}  # written as `-10` beside the other
    assert [name for name in shown if name not in readme] == []


@pytest.mark.parametrize("schema", [Protocol, Overrides, SuiteEntry, MethodEntry, SearchEntry, FrontEntry, AxesEntry])
def test_the_manual_explains_every_key_of_a_protocol(schema: type[BaseModel]) -> None:
    manual = text_of("benchmarks/README.md")
    tables = {"search", "front", "axes", "defaults", "suites", "methods"}
    assert [key for key in schema.model_fields if f"`{key}`" not in manual and key not in tables] == []
    assert [table for table in tables if f"[{table}" not in manual] == []


def test_the_manual_lists_every_command() -> None:
    commands = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]
    _, _, table = text_of("benchmarks/README.md").partition("## All commands")
    assert [name for name in commands if f"`{name}`" not in table] == []


def test_the_full_table_of_methods_is_todays() -> None:
    _, _, rest = text_of("docs/methods.md").partition(catalogue.FULL_BEGIN)
    table, end, _ = rest.partition(catalogue.FULL_END)
    assert end
    assert table.strip() == catalogue.markdown_in_full(), "run: python -m benchmarks list --into docs/methods.md"


@cache
def standard() -> Results:
    return read_results(ROOT / "results" / "standard")


def cells(row: str) -> list[str]:
    """The numbers in a row of the README's first table."""
    (line,) = (line for line in text_of("README.md").splitlines() if line.startswith(f"| {row}"))
    return [cell.strip().replace("−", "-") for cell in line.split("|")[2:-1]]


def test_the_numbers_of_the_readme_are_those_that_its_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "docs" / "recipes" / "best_fixed_weights.py"))
    first, second = capsys.readouterr().out.split("gradnorm-regression-10\n")
    named = {
        "sum of logarithms": "scale-invariant",
        "FAMO": "famo",
        "geometric mean": "gls",
        "best of nine": "front",
        "equal weights": standard().aggregates.equal_weights,
    }
    for row, label in named.items():
        for cell, printed in zip(cells(row), (first, second), strict=True):
            (line,) = (line for line in printed.splitlines() if line.split()[0] == label)
            assert cell in line
            if label in ("scale-invariant", "famo", "gls"):
                low, high = map(float, re.findall(r"\[(\S+), (\S+)\]", line)[1])
                assert low < 0 < high, "level with the best weights"


def test_equal_weights_leave_one_task_of_each_regression_untrained() -> None:
    results = standard()
    for suite in ("gradnorm-regression-2", "gradnorm-regression-10"):
        (summary,) = (each for each in results.aggregates.suites if each.name == suite)
        row = summary.row(results.aggregates.equal_weights)
        assert row is not None
        errors = dict(zip(summary.tasks, (metric.best.mean for metric in row.primary), strict=True))
        trivial = {task: metrics["normalised_loss"] for task, metrics in results.constants[suite].items()}
        assert [task for task in errors if errors[task] > trivial[task]] == ["task_1"]


def test_nothing_is_shown_to_differ_from_equal_weights_on_multimnist_and_the_plane() -> None:
    results = standard()
    for suite in ("multimnist", "plane"):
        (summary,) = (each for each in results.aggregates.suites if each.name == suite)
        equal = summary.row(results.aggregates.equal_weights)
        assert equal is not None
        aside = (SINGLE_TASK, equal.row, results.noise_floor)
        p_values = [paired(row.deltas, equal.deltas).p_value for row in summary.rows if row.row not in aside]
        assert len(p_values) == 41
        assert min(holm(p_values)) > 0.05


def test_five_seeds_would_miss_a_smaller_difference_on_multimnist() -> None:
    results = standard()
    (summary,) = (each for each in results.aggregates.suites if each.name == "multimnist")
    tuned = summary.row(results.tuned_weights or "")
    assert tuned is not None
    aside = (SINGLE_TASK, tuned.row, results.noise_floor)
    pairs = [paired(row.deltas, tuned.deltas) for row in summary.rows if row.row not in aside]
    detectable = [smallest_detectable(pair.estimate.sd, len(pair.differences)) for pair in pairs]
    assert round(float(np.median(detectable)), 1) == 1.6
