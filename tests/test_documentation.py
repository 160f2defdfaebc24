"""The complete examples of the documentation, a balancer and a suite, keep every promise."""

import runpy
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from balancers import Balancer, create, load_plugin
from balancers.conformance import check
from benchmarks.cli import app
from benchmarks.records import store
from tests.balancers.network import small_network
from tests.documentation.blocks import ROOT, saved_files


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("plugin") / "inverse_norm.py"
    path.write_text(saved_files()["inverse_norm.py"])
    (name,) = load_plugin(path)
    return name


def test_the_training_loop_runs_and_its_checkpoint_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = ROOT / "docs" / "recipes" / "plain_loop.py"
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path(str(recipe))
    assert "tensor" in capsys.readouterr().out
    torch.save({"balancer": names["balancer"].state_dict()}, "checkpoint.pt")
    resumed = Balancer("gradnorm", tasks=["sum", "sign"], alpha=1.5)
    resumed.load_state_dict(torch.load("checkpoint.pt", weights_only=True)["balancer"])


@pytest.fixture(scope="module")
def example_suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plugin") / "bits.py"
    path.write_text(saved_files()["bits.py"])
    return path


def test_the_example_suite_keeps_every_promise(example_suite: Path) -> None:
    result = CliRunner().invoke(app, ["check", "bits", "--plugin", str(example_suite)])
    assert result.exit_code == 0, result.output
    assert "9 of 9 passed" in result.output


LONGER = """
name = "longer"
description = "long enough to learn to count"
[defaults]
seeds = 1
optimizer = "adam"
learning_rates = [1e-2]
batch_size = 100
epochs = 5
evaluations = 2
[suites.bits]
[methods.fixed]
[methods.pcgrad]
"""


def test_the_example_suite_trains_from_the_command_line(example_suite: Path, tmp_path: Path) -> None:
    protocol = tmp_path / "longer.toml"
    protocol.write_text(LONGER)
    arguments = ["--protocol", str(protocol), "--results", str(tmp_path), "--plugin", str(example_suite)]
    result = CliRunner().invoke(app, ["run", *arguments, "--workers", "1"])
    assert result.exit_code == 0, result.output
    records = store.load(tmp_path)
    assert {record.cell.row for record in records} == {"single-task", "fixed", "pcgrad"}
    assert {str(record.cell.suite_version)[:2] for record in records} == {"1+"}, "with the digest of the file"
    for record in records:
        assert record.best is not None
        for task, metrics in record.best.test.items():
            assert metrics["accuracy"] > {"majority": 0.9, "count": 0.5}[task], "always the same gives 0.61 and 0.23"


def test_the_example_balancer_keeps_every_promise(example: str) -> None:
    assert [result for result in check(example) if not result.passed] == []


def test_the_example_balancer_gives_every_task_the_same_share(example: str) -> None:
    network = small_network(3)
    balancer = Balancer(create(example), 3)
    weights = balancer.backward(network.losses(), shared=network.encoder.parameters())
    shares = weights * balancer.evidence.norms
    torch.testing.assert_close(shares, shares[:1].expand(3), rtol=1e-5, atol=0)
