"""Every study runs from its command to the written page in its smallest size, and draws the same page again."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from benchmarks.cli import app
from benchmarks.studies.throughput.options import ThroughputOptions
from tests.benchmarks.tiny_suite import registered

REPOSITORY = Path(__file__).parents[3]
PROTOCOL = """
name = "smallest"
description = "for tests"
cost_reference = "fixed"

[defaults]
seeds = 1
optimizer = "adam"
learning_rates = [1e-2]
batch_size = 1
steps = 6
evaluations = 2

[suites.plane]

[methods.fixed]
[methods.pcgrad]
"""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "200"})


def column(path: Path, name: str) -> list[str]:
    with path.open(encoding="utf-8") as file:
        return [line[name] for line in csv.DictReader(file)]


def require_redrawn(study: str, folder: Path, page: str) -> None:
    """The page is written anew, byte for byte, from the tables alone."""
    before = (folder / page).read_text(encoding="utf-8")
    (folder / page).unlink()
    again = call(study, "--results", folder, "--redraw")
    assert again.exit_code == 0, again.output
    assert (folder / page).read_text(encoding="utf-8") == before


def test_throughput_is_measured_and_written(tmp_path: Path) -> None:
    protocol, folder = tmp_path / "smallest.toml", tmp_path / "results"
    protocol.write_text(PROTOCOL, encoding="utf-8")
    smallest = {"suites": "plane", "methods": "pcgrad", "replicas": "1,2", "seconds": "0", "workers": "1"}
    workers = {"worker-suite": "plane", "worker-method": "fixed", "worker-cells": "2"}
    driver = {"protocol": str(protocol), "driver-protocol": str(protocol), "driver-seeds": "2", "device": "cpu"}
    options = [word for name, value in (smallest | workers | driver).items() for word in (f"--{name}", value)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "throughput", "--results", str(folder), *options],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "[7/7] the protocol" in done.stdout
    assert column(folder / "rates.csv", "way") == ["plain loop with TorchJD", "one at a time", "replicas", "replicas"]
    assert all(float(rate) > 0 for rate in column(folder / "rates.csv", "runs_per_hour"))
    assert column(folder / "sweeps.csv", "executor") == ["local processes", "Ray nodes"]
    assert sum(map(float, column(folder / "shares.csv", "share"))) == pytest.approx(1, abs=1e-4)
    assert len(column(folder / "chores.csv", "what")) == 7
    assert column(folder / "sizes.csv", "suite") == ["plane"]
    text = (folder / "throughput.md").read_text(encoding="utf-8")
    assert text.count("| plane | pcgrad | replicas, ") == 2
    assert "A run is one training of the protocol `smallest.toml`" in text
    assert "Command: `python -m benchmarks throughput --protocol smallest.toml --suites plane " in text
    assert str(tmp_path) not in text
    assert {"throughput.svg", "throughput.png", "options.json"} <= {path.name for path in folder.iterdir()}
    require_redrawn("throughput", folder, "throughput.md")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--protocol", "quik"], "there is no protocol 'quik'"),
        (["--driver-protocol", "methods"], "there is no protocol 'methods'"),
        (["--suites", "plain"], "plain"),
        (["--methods", ""], "--methods is empty: name at least one"),
        (["--replicas", "0"], "expected whole numbers from 1 on, separated by commas, got '0' in '0'"),
        (["--device", "tpu"], "there is no device 'tpu'"),
    ],
)
def test_throughput_refuses_what_is_unknown_before_it_measures(
    options: list[str], message: str, tmp_path: Path
) -> None:
    refused = call("throughput", "--results", tmp_path / "results", *options)
    assert refused.exit_code == 2
    assert message in refused.output
    assert not (tmp_path / "results").exists()


def test_the_default_options_of_throughput_are_those_of_protocols_that_exist() -> None:
    ThroughputOptions().require_cells()


def test_plane_is_trained_and_written(tmp_path: Path) -> None:
    done = call("plane", "--results", tmp_path, "--steps", 20, "--methods", "fixed,mgda")
    assert done.exit_code == 0, done.output
    assert column(tmp_path / "plane.csv", "method") == ["fixed"] * 5 + ["mgda"] * 5
    text = (tmp_path / "plane.md").read_text(encoding="utf-8")
    assert "| mgda | 0/5 | " in text
    assert "Command: `python -m benchmarks plane --steps 20`" in text
    assert {"trajectories.svg", "trajectories.png"} <= {path.name for path in tmp_path.iterdir()}
    require_redrawn("plane", tmp_path, "plane.md")


def test_transfer_is_trained_fine_tuned_and_written(tmp_path: Path) -> None:
    protocol, folder = tmp_path / "smallest.toml", tmp_path / "results"
    protocol.write_text(PROTOCOL.replace("plane", "tiny"), encoding="utf-8")
    options = ["--epochs", 1, "--balancers", "pcgrad", "--workers", 0, "--device", "cpu"]
    with registered("tiny"):
        done = call("transfer", "--protocol", protocol, "--results", folder, *options)
        assert done.exit_code == 0, done.output
        require_redrawn("transfer", folder, "transfer.md")
    assert "[6/6] tiny " in done.output  # two methods and a baseline on each of two tasks
    rows = zip(column(folder / "transfer.csv", "row"), column(folder / "transfer.csv", "task"), strict=True)
    assert sorted(rows) == [(row, task) for row in ("fixed", "pcgrad") for task in ("height", "side")]
    text = (folder / "transfer.md").read_text(encoding="utf-8")
    assert "## tiny: height (mse, lower is better; " in text
    assert "Command: `python -m benchmarks transfer --protocol results/protocol.toml --epochs 1`" in text
    assert {"transfer.svg", "transfer.png"} <= {path.name for path in folder.iterdir()}


def test_step_cost_is_measured_and_written(tmp_path: Path) -> None:
    smallest = ["--models", "lenet", "--tasks", "3", "--methods", "fixed,pcgrad", "--solver-tasks", "2"]
    smallest += ["--operator-tasks", "2"]
    done = call("step-cost", "--results", tmp_path, "--effort", 0, *smallest)
    assert done.exit_code == 0, done.output
    cases = list(zip(column(tmp_path / "micro.csv", "method"), column(tmp_path / "micro.csv", "place"), strict=True))
    assert cases == [("fixed", "shared"), *(("pcgrad", place) for place in ("shared", "last", "features"))]
    assert column(tmp_path / "checks.csv", "method") == ["fixed", "pcgrad", "pcgrad"]
    text = (tmp_path / "micro.md").read_text(encoding="utf-8")
    assert "| lenet | 3 | fixed | shared | " in text
    assert column(tmp_path / "operators.csv", "model") == ["two-layer"] * 2 + ["bert-12"] * 2
    assert column(tmp_path / "solvers.csv", "gradients")[-1] == "stationary"
    options = " ".join([*smallest, "--effort", "0"])
    assert f"Command: `python -m benchmarks step-cost {options}`" in text
    require_redrawn("step-cost", tmp_path, "micro.md")


def test_step_cost_refuses_an_unknown_model(tmp_path: Path) -> None:
    refused = call("step-cost", "--models", "lennet", "--results", tmp_path / "results")
    assert refused.exit_code == 2
    assert "there is no model 'lennet'; expected some of mlp, lenet, transformer, encoder-22m" in refused.output


@pytest.mark.parametrize(
    ("target", "study"),
    [
        ("plane", "plane"),
        ("transfer", "transfer"),
        ("efficiency", "efficiency"),
        ("micro", "step-cost"),
        ("gpu", "gpu"),
        ("throughput", "throughput"),
    ],
)
def test_every_target_of_the_makefile_calls_its_study(target: str, study: str) -> None:
    recipes = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(rf"^{target}: setup.*results/{target}\n\t\$\(RUN\) benchmarks (\S+)", recipes, re.MULTILINE)
    assert recipe
    assert recipe[1] == study
    shown = call(study, "--help")
    assert shown.exit_code == 0
    assert "--redraw" in shown.output
    if target != "transfer":  # its folder depends on the protocol
        assert f"results/{target}" in shown.output
