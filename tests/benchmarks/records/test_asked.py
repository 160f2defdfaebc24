"""What a results folder says it was asked for, and what is refused where it says nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.protocols.build_asked import asked_of, explain
from benchmarks.protocols.expand import ALL, Filters, expand
from benchmarks.protocols.files import available, find, read
from benchmarks.records.asked import ASKED, PROTOCOL_COPY, Asked, read_asked, union
from benchmarks.records.store import ARCHIVE, load, write_asked
from tests.benchmarks import synthetic

ROOT = Path(__file__).parents[3]
COMMITTED = sorted(path.parent for path in (ROOT / "results").glob(f"*/{ASKED}"))


def test_a_folder_without_a_protocol_has_the_defaults(tmp_path: Path) -> None:
    assert read_asked(tmp_path) == Asked()


def test_a_folder_with_a_protocol_alone_is_refused_until_it_is_explained(tmp_path: Path) -> None:
    (tmp_path / PROTOCOL_COPY).write_text(find("quick").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"asked\.json is missing; `python -m benchmarks report"):
        read_asked(tmp_path)
    explain(tmp_path)
    assert read_asked(tmp_path) == asked_of(read(find("quick")), [])


@pytest.mark.parametrize(
    "content", ['{"format": 1, "settings": "many"}', "{}", "[1]", '{"format": ', '{"format": "x"}']
)
def test_a_damaged_file_is_named_with_the_way_to_mend_it(content: str, tmp_path: Path) -> None:
    (tmp_path / ASKED).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"is damaged.*delete it"):
        read_asked(tmp_path)


def test_a_file_of_a_newer_version_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / ASKED).write_text('{"format": 2, "rows": []}', encoding="utf-8")
    with pytest.raises(ValueError, match="written by a newer version"):
        read_asked(tmp_path)


@pytest.mark.parametrize("name", available())
def test_every_protocol_can_be_told_and_read_back(name: str, tmp_path: Path) -> None:
    protocol = read(find(name))
    asked = asked_of(protocol, [])
    write_asked(tmp_path, asked)
    assert read_asked(tmp_path) == asked
    assert set(asked.cells) == {cell.id for cell in expand(protocol, ALL)}
    assert list(asked.suites) == list(protocol.suites)
    for cell in expand(protocol, ALL):
        assert asked.searched_once(cell) == protocol.searches_once(cell)


def test_what_a_filter_adds_is_asked_for_as_well() -> None:
    protocol = read(find("quick"))
    cells = expand(protocol, Filters(("cagrad",), ("plane",), 1))
    asked = asked_of(protocol, cells)
    assert {cell.id for cell in cells} <= set(asked.cells)
    assert {cell.id for cell in expand(protocol, ALL)} <= set(asked.cells)


def test_of_several_runs_the_first_decides_which_cells_count() -> None:
    first = Asked(protocol="p", methods=("x", "y"), cells=("1",))
    second = Asked(protocol="p", methods=("y", "z"), cells=("2",))
    assert union([first, second]) == Asked(protocol="p", methods=("x", "y", "z"), cells=("1",))
    assert union([second, first]).cells == ("2",)


def test_a_suite_that_is_not_known_here_keeps_what_the_protocol_says_of_its_search(tmp_path: Path) -> None:
    text = find("standard").read_text(encoding="utf-8").replace("[suites.plane]", "[suites.of-a-plug-in]")
    (tmp_path / "p.toml").write_text(text, encoding="utf-8")
    protocol = read(tmp_path / "p.toml")
    asked = asked_of(protocol, [])
    cell = synthetic.cell("of-a-plug-in", "mgda", ("a", "b"), 0)
    assert asked.searched_once(cell) == protocol.searches_once(cell)
    outside = synthetic.cell("not-in-the-protocol", "mgda", ("a", "b"), 0)
    assert asked.searched_once(outside) == protocol.searches_once(outside)


def test_tables_call_equal_weights_by_what_they_are_on_every_axis() -> None:
    asked = Asked(noise_floor="fixed-again", tuned_weights="tuned-weights", methods=("fixed", "fixed-again", "mgda"))
    rows = ["fixed", "fixed-again", "fixed (own heads)", "mgda", "single-task", "fixed-more"]
    assert [asked.title(row) for row in rows] == [
        "equal-weights",
        "equal-weights-again",
        "equal-weights (own heads)",
        "mgda",
        "single-task",
        "fixed-more",
    ]
    assert asked.titled().methods == ("equal-weights", "equal-weights-again", "mgda")
    assert asked.titled().titled() == asked.titled()


def test_a_protocol_that_names_equal_weights_itself_keeps_its_names() -> None:
    assert Asked(equal_weights="uniform").title("uniform") == "uniform"
    assert Asked(methods=("fixed", "equal-weights")).title("fixed") == "fixed"


def test_every_committed_archive_says_what_it_was_asked_for() -> None:
    assert sorted(path.parent for path in (ROOT / "results").glob(f"*/{ARCHIVE}")) == COMMITTED


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: folder.name)
def test_committed_records_are_those_that_were_asked_for(folder: Path) -> None:
    asked = read_asked(folder)
    protocol = read(folder / PROTOCOL_COPY)
    assert (asked.protocol, asked.version) == (protocol.name, protocol.version)
    assert {record.id for record in load(folder)} & set(asked.cells)


READ = """
import sys
from pathlib import Path
from benchmarks.analysis.results import read_results
results = read_results(Path("results/standard"))
assert len(results.records) > 900, len(results.records)
heavy = {"torch", "balancers", "tasks", "benchmarks.protocols", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""


def test_reading_results_builds_no_balancer_and_imports_no_torch() -> None:
    subprocess.run([sys.executable, "-c", READ], cwd=ROOT, check=True)
