"""What can be done with results: compare, run one again, export, and set a method of one's own beside them."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from benchmarks.analysis.results import Results, read_results
from benchmarks.analysis.statistics import paired
from benchmarks.cli import app
from benchmarks.records import selection, store
from benchmarks.records.agreement import relative
from benchmarks.records.asked import ASKED, PROTOCOL_COPY
from benchmarks.records.record import Cell, Record
from benchmarks.records.store import Store
from benchmarks.reporting import export as exporting
from benchmarks.reporting import versus
from benchmarks.reporting.formats import delta
from benchmarks.running import reproduce
from tests.benchmarks import synthetic
from tests.benchmarks.cli.test_cli import PLUGIN
from tests.benchmarks.explained import ask
from tests.benchmarks.tiny_suite import PROTOCOL, registered

FIVE_SEEDS = PROTOCOL.replace("seeds = 2", "seeds = 5")


@pytest.fixture(scope="module", autouse=True)
def _tiny() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr("benchmarks.running.local_workers.default_workers", lambda device: 0)
    patch.setattr("benchmarks.reporting.page.write_report", lambda folder: folder / "report.html")
    with registered("tiny"):
        yield
    patch.undo()


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "250"})


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A protocol, with a file beside it that registers a method."""
    path = tmp_path_factory.mktemp("protocol") / "tiny.toml"
    path.write_text(FIVE_SEEDS, encoding="utf-8")
    path.with_name("halved.py").write_text(PLUGIN.format(name="halved"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real results: three methods and the baselines with five seeds."""
    path = tmp_path_factory.mktemp("results") / "tiny"
    assert call("run", "--protocol", source, "--results", path, "--replicas", 1).exit_code == 0
    return path


@pytest.fixture(scope="module")
def found(folder: Path) -> Results:
    return read_results(folder)


def some(folder: Path, row: str = "pcgrad") -> Record:
    return next(record for record in store.load(folder) if record.cell.row == row)


def rewritten(folder: Path, into: Path, change: float) -> Path:
    """A copy in which every test metric of PCGrad is higher by ``change``."""
    shutil.copytree(folder, into)
    for record in store.load(into):
        if record.cell.row == "pcgrad":
            assert record.best is not None
            test = {task: {m: v + change for m, v in values.items()} for task, values in record.best.test.items()}
            Store(into).write(record.model_copy(update={"best": record.best.model_copy(update={"test": test})}))
    return into


def test_two_methods_are_compared_seed_by_seed(found: Results) -> None:
    block = versus.methods(found, "pcgrad", "fixed")
    assert block.table is not None
    head, (line,) = block.table
    row, reference = (found.aggregates.suites[0].row(name) for name in ("pcgrad", "fixed"))
    assert row is not None
    assert reference is not None
    expected = paired(row.deltas, reference.deltas)
    assert dict(zip(head, line, strict=True))["difference"] == delta(expected.estimate)
    assert dict(zip(head, line, strict=True))["seeds"] == "5"
    assert "pcgrad is" in block.sentences[0]
    turned = versus.methods(found, "fixed", "pcgrad").table
    assert turned is not None
    assert turned[1][0][1] == line[2]


def test_several_suites_get_a_line_for_all_of_them_and_few_seeds_no_test(tmp_path: Path) -> None:
    for record in synthetic.records(["multimnist", "gradnorm-regression-2"], failures=False):
        Store(tmp_path).write(record)
    block = versus.methods(read_results(tmp_path), "pcgrad", "uncertainty")
    assert block.table is not None
    assert [line[0] for line in block.table[1]] == ["gradnorm-regression-2", "multimnist", "all suites"]
    assert "Nothing can be tested" in block.sentences[0]


def test_a_folder_compared_with_itself_is_the_same_in_every_number(folder: Path) -> None:
    result = call("compare", folder, folder)
    assert result.exit_code == 0, result.output
    assert "25 of 25 runs that both have give the same numbers" in result.output


def test_folders_differ_where_they_were_made_to(folder: Path, found: Results, tmp_path: Path) -> None:
    changed = rewritten(folder, tmp_path / "changed", 0.25)
    (block,) = versus.folders(found, read_results(changed))
    assert block.table is not None
    alike = {line[0]: line[5] for line in block.table[1]}
    assert alike == {"single-task": "10/10", "fixed": "5/5", "gradnorm": "5/5", "pcgrad": "0/5"}
    assert "pcgrad differs significantly" in block.sentences[1] or "none differs significantly" in block.sentences[1]


def test_folders_of_other_protocols_or_versions_are_not_compared(folder: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(folder, newer)
    ask(newer, "version = 2\n" + FIVE_SEEDS)
    result = call("compare", folder, newer)
    assert result.exit_code == 2
    assert "tiny, version 1 and tiny, version 2" in result.stderr


def test_folders_whose_suites_are_of_other_versions_are_not_compared(found: Results) -> None:
    later = [r.model_copy(update={"cell": r.cell.model_copy(update={"suite_version": 9})}) for r in found.records]
    with pytest.raises(ValueError, match="suite 'tiny' differ"):
        versus.folders(found, replace(found, searches=tuple(selection.searches(later))))


def test_what_is_merged_into_a_folder_stands_beside_its_archive(folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for path, rows in ((first, {"single-task", "fixed"}), (second, {"pcgrad"})):
        for record in store.load(folder):
            if record.cell.row in rows:
                Store(path).write(record)
        shutil.copy(folder / PROTOCOL_COPY, path)
        shutil.copy(folder / ASKED, path)
    store.pack(first)
    shutil.rmtree(first / "records")
    assert call("merge", second, "--into", first).exit_code == 0
    assert {record.cell.row for record in store.load(first)} == {"single-task", "fixed", "pcgrad"}


@pytest.mark.parametrize(
    ("names", "expected"), [(("pcgard", "fixed"), "'pcgrad'"), (("fixed", "fixed"), "with itself")]
)
def test_a_row_that_is_not_there_cannot_be_compared(names: tuple[str, str], expected: str, folder: Path) -> None:
    result = call("compare", *names, "--results", folder)
    assert result.exit_code == 2
    assert expected in result.stderr


def test_a_run_is_reproduced_exactly_from_its_file_and_from_the_beginning_of_its_id(folder: Path) -> None:
    record = some(folder)
    by_file = call("reproduce", Store(folder).path(record.cell), "--tolerance", 0)
    assert by_file.exit_code == 0, by_file.output
    assert "It agrees exactly" in by_file.output
    by_id = call("reproduce", record.id[:12], "--results", folder, "--tolerance", 0)
    assert by_id.exit_code == 0, by_id.output


def test_a_changed_number_is_found_and_named(folder: Path, tmp_path: Path) -> None:
    changed = rewritten(folder, tmp_path / "changed", 0.5)
    result = call("reproduce", Store(changed).path(some(changed).cell))
    assert result.exit_code == 1
    assert "It does not agree within 0.02" in result.output
    assert "test " in result.output


def test_what_was_not_the_same_is_told(folder: Path) -> None:
    record = some(folder)
    other = record.model_copy(update={"environment": {**record.environment, "torch": "1.0"}, "replicas": 8})
    done = reproduce.reproduce(other, "cpu")
    assert "runs trained together: 8, now 1" in done.circumstances
    assert any(line.startswith("torch: 1.0, now") for line in done.circumstances)
    assert "Not the same were" in done.sentences(0)[1]


@pytest.mark.parametrize("what", ["suite_version", "balancer_version"])
def test_a_run_of_another_version_is_not_reproduced(what: str, folder: Path) -> None:
    record = some(folder)
    older = record.model_copy(update={"cell": record.cell.model_copy(update={what: 99})})
    with pytest.raises(ValueError, match=r"version 99 .* check out the commit"):
        reproduce.reproduce(older, "cpu")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(("nothing.json",), "there is no file"), (("ffff", "--results"), "no record"), (("", "--results"), "25 records")],
)
def test_a_record_that_cannot_be_told_is_asked_for(arguments: tuple[str, ...], expected: str, folder: Path) -> None:
    result = call("reproduce", *arguments, *([folder] if arguments[-1] == "--results" else []))
    assert result.exit_code == 2
    assert expected in result.stderr


def test_relative_differences_have_no_scale() -> None:
    assert relative(1e-20, 2e-20) == relative(1e20, 2e20) == 0.5
    assert relative(0.0, 0.0) == relative(math.nan, math.nan) == 0
    assert relative(0.0, 3.0) == 1


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_exported_runs_hold_every_number_of_the_records(suffix: str, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / f"runs{suffix}"
    assert call("export", folder, path).exit_code == 0
    frame = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    record = some(folder)
    assert record.best is not None
    which = {"id": record.id, "state": "best", "split": "test", "metric": "mse"}
    (line,) = (line for line in frame.to_dict(orient="records") if which.items() <= line.items())
    assert line["value"] == pytest.approx(record.best.test["height"]["mse"], rel=1e-12)
    assert json.loads(line["hyperparameters"]) == record.cell.hyperparameters
    assert json.loads(line["halve_at"]) == []
    assert set(Cell.model_fields) <= set(frame.columns)
    assert json.loads(line["suite_options"]) == record.cell.suite_options
    assert (line["batch_size"], line["evaluations"]) == (record.cell.batch_size, record.cell.evaluations)
    assert len(set(frame["id"])) == 25
    assert set(frame["counts"]) == {True}


def test_failed_runs_are_exported_with_their_reason(tmp_path: Path) -> None:
    for record in synthetic.records(["multimnist"]):
        Store(tmp_path).write(record)
    frame = exporting.frame(read_results(tmp_path))
    (line,) = (line for line in frame.to_dict(orient="records") if line["status"] == "failed")
    assert "No space left" in line["reason"]
    assert math.isnan(line["value"])


def test_a_latex_table_is_balanced_and_its_text_escaped(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "table.tex"
    assert call("export", folder, path, "--suite", "tiny").exit_code == 0
    text = path.read_text(encoding="utf-8")
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")].strip().splitlines()[1:]
    columns = text[text.index("{l") + 1 : text.index("}\n\\toprule")]
    assert {line.replace(r"\&", "").count("&") for line in body} == {len(columns) - 1}
    assert len(body) == 4
    assert r"\%" in text
    assert text.isascii()


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("a.xls", (), ".csv, .parquet, .tex"),
        ("a.csv", ("--suite", "tny"), "'tiny'"),
        ("no/a.csv", (), "does not exist"),
    ],
)
def test_an_export_that_cannot_be_is_refused(
    name: str, options: tuple[str, ...], expected: str, folder: Path, tmp_path: Path
) -> None:
    result = call("export", folder, tmp_path / name, *options)
    assert result.exit_code == 2
    assert expected in result.stderr


@pytest.fixture
def home(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the results as a reference, in an archive."""
    reference = tmp_path / "results" / "tiny"
    reference.mkdir(parents=True)
    for name in (store.ARCHIVE, PROTOCOL_COPY):
        shutil.copy(folder / name, reference / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_method_of_ones_own_runs_alone_and_stands_beside_the_reference(home: Path, source: Path) -> None:
    before = (home / "results" / "tiny" / store.ARCHIVE).read_bytes()
    result = call("run", "--protocol", source, "--balancers", "halved", "--plugin", source.with_name("halved.py"))
    assert result.exit_code == 0, result.output
    assert "Reference: 25 runs" in result.output
    beside = read_results(home / "results" / "tiny-halved")
    assert {row.row for row in beside.aggregates.overall} == {"fixed", "gradnorm", "pcgrad", "halved"}
    own = [record for record in beside.records if record.cell.row == "halved"]
    first = min(record.finished for record in own)
    assert len(own) == 5
    assert all(record.finished <= first for record in beside.records if record.cell.row != "halved")
    assert (home / "results" / "tiny" / store.ARCHIVE).read_bytes() == before


def test_without_the_reference_everything_runs(home: Path, source: Path) -> None:
    asked = ("--balancers", "halved", "--plugin", source.with_name("halved.py"), "--seeds", 1)
    result = call("run", "--protocol", source, *asked, "--no-reference")
    assert result.exit_code == 0, result.output
    assert {record.cell.row for record in store.load(home / "results" / "tiny-halved")} == {
        "single-task",
        "fixed",
        "halved",
    }


def test_a_reference_of_another_version_is_never_mixed_in(home: Path, source: Path) -> None:
    newer = home / "newer.toml"
    newer.write_text("version = 2\n" + source.read_text(encoding="utf-8"), encoding="utf-8")
    asked = (
        "run",
        "--protocol",
        newer,
        "--balancers",
        "halved",
        "--plugin",
        source.with_name("halved.py"),
        "--seeds",
        1,
    )
    result = call(*asked)
    assert result.exit_code == 0, result.output
    assert "All cells are run" in result.output
    assert "of version 1" in result.output
    refused = call(*asked, "--reference")
    assert refused.exit_code == 2
    assert "never put in one table" in refused.stderr
