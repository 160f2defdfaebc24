"""The four problems whose data no program can fetch, from the command line, on folders in the exact form of theirs."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from benchmarks.analysis.results import read_results
from benchmarks.cli import app
from tests.tasks.sample_folders import write

PROTOCOL = Path(__file__).parents[2] / "tasks" / "sample_folders.toml"
SUITES = ("nyuv2", "cityscapes", "celeba", "qm9")


def test_all_four_train_from_the_command_line(tmp_path: Path) -> None:
    write(tmp_path / "data", share=0.15)  # of fewer scenes none would be held out
    short = tmp_path / "short.toml"
    short.write_text(PROTOCOL.read_text(encoding="utf-8").replace("epochs = 20", "epochs = 1"), encoding="utf-8")
    where = ["--protocol", str(short), "--data", str(tmp_path / "data"), "--results", str(tmp_path / "out")]
    done = CliRunner().invoke(app, ["run", *where, "--balancers", "fixed", "--workers", "0"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    found = read_results(tmp_path / "out")
    assert tuple(suite.name for suite in found.aggregates.suites) == SUITES
    assert set(found.constants) == set(SUITES)
    assert all(row.done == row.total for suite in found.aggregates.suites for row in suite.rows)
