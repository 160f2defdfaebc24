"""The command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from benchmarks.cli import app
from benchmarks.records.store import Store, load
from tests.benchmarks.tiny_suite import PROTOCOL, registered

ROOT = Path(__file__).parents[3]
COMMANDS = (
    "list",
    "run",
    "compare",
    "reproduce",
    "merge",
    "export",
    "report",
    "plot",
    "check",
    "predict",
    "finetune",
    "transfer",
    "efficiency",
)
HEAVY = ("torch", "transformers", "pandas", "matplotlib", "numpy", "plotly", "balancers", "tasks")

PLUGIN = '''
from dataclasses import dataclass
from typing import ClassVar
import torch
from balancers import Need, Stateless, register

@register("{name}")
@dataclass(frozen=True)
class Half(Stateless):
    """Half of every gradient."""

    needs: ClassVar[Need] = Need.LOSSES

    def weigh(self, seen, draws):
        return torch.full_like(seen.losses, 0.5)
'''


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A suite that is known to this process alone."""
    monkeypatch.setattr("benchmarks.running.local_workers.default_workers", lambda device: 0)
    with registered("tiny"):
        yield


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(PROTOCOL, encoding="utf-8")
    return path


@pytest.fixture
def _no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes seconds, and one test that sees the report is enough."""
    monkeypatch.setattr("benchmarks.reporting.page.write_report", lambda folder: folder / "report.html")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


def test_help_of_every_command_imports_nothing_heavy() -> None:
    code = f"""
import sys
from typer.testing import CliRunner
from benchmarks.cli import app
for command in {("", *COMMANDS)!r}:
    result = CliRunner().invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0 and len(result.output) > 100, (command, result.output)
print(sorted(set(sys.modules) & set({HEAVY!r})))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_python_m_benchmarks_lists_its_commands() -> None:
    command = [sys.executable, "-m", "benchmarks", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "python -m benchmarks" in done.stdout
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize(
    ("what", "expected"),
    [("balancers", "pcgrad"), ("suites", "plane"), ("protocols", "quick")],
)
def test_list_shows_what_there_is(what: str, expected: str) -> None:
    result = call("list", what)
    assert result.exit_code == 0
    assert expected in result.output
    assert expected in call("list").output


def test_the_table_of_the_readme_can_be_printed_and_brought_up_to_date(tmp_path: Path) -> None:
    assert "| `pcgrad` |" in call("list", "balancers", "--markdown").output
    document = tmp_path / "text.md"
    document.write_text("<!-- methods --><!-- end of methods -->", encoding="utf-8")
    assert call("list", "balancers", "--into", document).exit_code == 0
    assert "| `pcgrad` |" in document.read_text(encoding="utf-8")


@pytest.mark.usefixtures("_no_charts")
def test_wrapped_methods_run_by_their_notation(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    asked = ("--seeds", 1, "--balancers", "every:4:pcgrad,torchjd:UPGrad")
    result = call("run", "--protocol", source, "--results", folder, *asked)
    assert result.exit_code == 0, result.output
    assert {record.cell.row for record in load(folder)} == {"single-task", "fixed", "every:4:pcgrad", "torchjd:UPGrad"}
    assert not any(":" in path.name for path in (folder / "records").iterdir())


def test_run_trains_and_says_where_the_report_is(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    result = call("run", "--protocol", source, "--results", folder, "--seeds", 1, "--balancers", "fixed,pcgrad")
    assert result.exit_code == 0, result.output
    assert {record.cell.row for record in load(folder)} == {"single-task", "fixed", "pcgrad"}
    assert "Cells: 4 done" in result.output
    assert f"Report: {folder / 'report.html'}" in result.output
    assert (folder / "report.html").exists()


@pytest.mark.usefixtures("_no_charts")
def test_run_ends_with_1_if_a_cell_failed(tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    text = PROTOCOL.replace("[suites.tiny]", '[suites.tiny]\noptions = { fault = "loss" }')
    path.write_text(text, encoding="utf-8")
    result = call("run", "--protocol", path, "--results", tmp_path / "results", "--seeds", 1)
    assert result.exit_code == 1
    assert "Cells: 1 done, 4 failed" in result.output


@pytest.mark.usefixtures("_no_charts")
def test_a_method_from_a_file_runs_without_being_in_the_protocol(source: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "half.py"
    plugin.write_text(PLUGIN.format(name="half"), encoding="utf-8")
    folder = tmp_path / "results"
    asked = ("--balancers", "half,fixed", "--plugin", plugin, "--seeds", 1)
    result = call("run", "--protocol", source, "--results", folder, *asked)
    assert result.exit_code == 0, result.output
    records = {record.cell.row: record for record in load(folder)}
    assert records["half"].curves.weights["side"][-1] == 0.5


def test_check_passes_a_sound_method_and_shows_every_result(tmp_path: Path) -> None:
    result = call("check", "fixed")
    assert result.exit_code == 0, result.output
    assert "passed" in result.output
    assert "✗" not in result.output


def test_a_wrapped_method_can_be_checked() -> None:
    result = call("check", "every:2:fixed")
    assert result.exit_code == 0, result.output


def test_check_ends_with_1_for_an_unsound_method(tmp_path: Path) -> None:
    plugin = tmp_path / "unsound.py"
    text = PLUGIN.format(name="unsound").replace("0.5)", "float('nan'))")
    plugin.write_text(text, encoding="utf-8")
    result = call("check", "unsound", "--plugin", plugin)
    assert result.exit_code == 1
    assert "✗" in result.output
    assert "[nan" in result.output  # the offending values, which must not be taken for markup


def test_check_refuses_a_plug_in_that_asks_for_a_network_when_it_is_imported(tmp_path: Path) -> None:
    plugin = tmp_path / "asking.py"
    plugin.write_text("import socket\nsocket.getaddrinfo('127.0.0.1', 9)\n" + PLUGIN.format(name="asking"))
    result = call("check", "asking", "--plugin", plugin)
    assert result.exit_code == 2
    assert "asking.py failed: RefusedError: the address of '127.0.0.1' was asked for" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("run", "--protocol", "quik"), "did you mean 'quick'?"),
        (("run", "--balancers", "pcgard"), "did you mean 'pcgrad'?"),
        (("run", "--suites", "multimnst"), "multimnist"),
        (("run", "--device", "tpu"), "expected auto, cpu, cuda, mps or xpu"),
        (("run", "--plugin", "nowhere.py"), "nowhere.py"),
        (("list", "suits"), "did you mean 'suites'?"),
        (("check", "pcgard"), "did you mean 'pcgrad'?"),
        (("check", "evry:4:pcgrad"), "did you mean 'every'?"),
        (("list", "balancers", "--into", "nowhere.md"), "nowhere.md cannot be read"),
        (("report", "nowhere"), "nowhere"),
        (("plot", "nowhere"), "nowhere"),
        (("predict", "nowhere"), "has no model.json"),
        (("finetune", "nowhere", "--task", "a", "--output", "b"), "has no model.json"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    arguments: tuple[str, ...], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert expected in result.stderr
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_results_folder_that_cannot_be_written_is_refused(source: Path) -> None:
    result = call("run", "--protocol", source, "--results", source / "results")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


@pytest.mark.usefixtures("_no_charts")
def test_a_trained_model_can_be_used_and_fine_tuned(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    asked = ("--seeds", 1, "--balancers", "fixed", "--save-models")
    call("run", "--protocol", source, "--results", folder, *asked)
    record = next(record for record in load(folder) if record.cell.row == "fixed")
    model = folder / "models" / Store(folder).path(record.cell).stem
    assert record.best is not None
    used = call("predict", model, "--output", tmp_path / "out.csv")
    assert used.exit_code == 0, used.output
    assert f"{record.best.test['height']['mse']:.6g}" in used.output
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 1 + 8
    tuned = call("finetune", model, "--task", "height", "--output", tmp_path / "tuned", "--learning-rate", 1e-2)
    assert tuned.exit_code == 0, tuned.output
    assert call("predict", tmp_path / "tuned", "--split", "validation").exit_code == 0
    answered = call("predict", model, "--input", "1,2,3")
    assert answered.exit_code == 0, answered.output
    assert "left" in answered.output or "right" in answered.output
    assert "three numbers" in call("predict", model, "--input", "nothing").stderr
