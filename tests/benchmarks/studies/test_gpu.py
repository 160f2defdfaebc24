"""The study of an accelerator: its command in the smallest size on the CPU, what it refuses, and counts of waits."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from benchmarks.analysis.results import read_results
from benchmarks.studies.gpu import study
from benchmarks.studies.gpu.results import GpuResults
from benchmarks.studies.gpu.runs import Deadline, Missing, SuiteRuns, device_rates
from benchmarks.studies.gpu.steps import METHODS, DeviceStep, device_steps
from benchmarks.studies.gpu.study import GpuOptions
from benchmarks.studies.gpu.waits import STEP, waits_of, waits_within
from benchmarks.studies.results import Origin
from benchmarks.studies.step_cost.peers import PEERS
from benchmarks.training.machine import devices
from tasks.base import DataUnavailableError
from tests.benchmarks.studies.test_commands import PROTOCOL, call, column, require_redrawn

CPU = torch.device("cpu")


class Span(NamedTuple):
    start: float
    end: float


class Event(NamedTuple):
    name: str
    time_range: Span


def test_the_command_measures_and_writes(tmp_path: Path) -> None:
    protocol, folder = tmp_path / "smallest.toml", tmp_path / "results"
    protocol.write_text(PROTOCOL, encoding="utf-8")
    smallest = ["--models", "two-layer", "--tasks", "3", "--methods", "pcgrad,upgrad", "--suites", "plane"]
    smallest += ["--rate-methods", "pcgrad", "--replicas", "1,2", "--seconds", "0"]
    done = call("gpu", "--device", "cpu", "--protocol", protocol, "--results", folder, *smallest)
    assert done.exit_code == 0, done.output
    assert "[3/3] the protocol smallest" in done.output
    assert column(folder / "steps.csv", "method") == ["pcgrad", "upgrad"]
    assert column(folder / "steps.csv", "waits") == ["", ""]
    assert all(
        float(value) > 0 for name in ("plain", "ours", "torchjd") for value in column(folder / "steps.csv", name)
    )
    assert column(folder / "rates.csv", "way") == ["one at a time", "replicas"]
    assert column(folder / "runs.csv", "done") == column(folder / "runs.csv", "runs") == ["4"]
    assert len(read_results(folder / "smallest").of("plane")) == 4
    text = (folder / "gpu.md").read_text(encoding="utf-8")
    assert "| two-layer | 3 | pcgrad | " in text
    assert text.count("| not seen | not seen |") == 2
    assert "Command: `python -m benchmarks gpu --device cpu --protocol smallest.toml --models two-layer " in text
    assert str(tmp_path) not in text
    require_redrawn("gpu", folder, "gpu.md")


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is an accelerator here")
def test_without_an_accelerator_the_command_says_so(tmp_path: Path) -> None:
    refused = call("gpu", "--results", tmp_path / "results")
    assert refused.exit_code == 2
    assert "torch finds no accelerator here; run this where there is one, or try it with --device cpu" in refused.output
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--models", "bert-13"], "there is no model 'bert-13'; expected some of mlp, "),
        (["--methods", "gradnorm"], "there is no method of TorchJD's 'gradnorm'"),
        (["--replicas", "16"], "--replicas lacks 1, the ordinary run"),
        (["--rate-methods", ""], "--rate-methods is empty: name at least one"),
        (["--suites", "plain"], "plain"),
        (["--protocol", "quik"], "there is no protocol 'quik'"),
        (["--device", "tpu"], "there is no device 'tpu'"),
    ],
)
def test_what_is_unknown_is_refused_before_anything_is_measured(
    options: list[str], message: str, tmp_path: Path
) -> None:
    refused = call("gpu", "--device", "cpu", "--results", tmp_path / "results", *options)
    assert refused.exit_code == 2
    assert message in refused.output
    assert not (tmp_path / "results").exists()


def test_the_default_options_are_known_and_eight_methods_stand_beside_torchjd() -> None:
    GpuOptions().require_known()
    assert len(METHODS) == 8
    assert set(METHODS) <= set(PEERS)


def test_waits_are_the_waiting_calls_within_the_step() -> None:
    inside = ["aten::mul", "cudaMemcpyAsync", "cudaStreamSynchronize", "cudaLaunchKernel", "cudaMemcpy"]
    events = [Event(name, Span(10.0 + i, 10.5 + i)) for i, name in enumerate(inside)]
    before, after = Event("cudaDeviceSynchronize", Span(1.0, 2.0)), Event("cudaDeviceSynchronize", Span(30.0, 31.0))
    step = Event(STEP, Span(9.0, 20.0))
    assert waits_within([before, step, *events, after]) == 2


def test_the_profiler_is_read_and_finds_no_waits_in_a_step_on_the_cpu() -> None:
    cpu = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=cpu) as profiled, torch.profiler.record_function(STEP):
        torch.ones(3).sum().item()
    assert waits_within(list(profiled.events() or [])) == 0
    assert waits_of(lambda: None, CPU) is None


def test_a_step_that_torchjd_cannot_do_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(tasks: int) -> torch.nn.Module:
        method = PEERS["pcgrad"](tasks)
        monkeypatch.setattr(type(method), "forward", lambda *_: (_ for _ in ()).throw(RuntimeError("CPU only")))
        return method

    monkeypatch.setitem(PEERS, "upgrad", broken)
    (step,) = device_steps("two-layer", 2, ["upgrad"], CPU, 0.0)
    assert math.isnan(step.torchjd)
    assert step.ours > 0


def test_the_page_shows_waits_and_what_is_missing(tmp_path: Path) -> None:
    steps = [DeviceStep("bert-12", 3, "mgda", 0.01, 0.02, 0.021, 0.4, 1, 300)]
    steps += [DeviceStep("bert-12", 3, "cagrad", 0.01, 0.02, 0.021, math.nan, 1, None)]
    GpuResults(steps, [], [SuiteRuns("plane", 4, 3, 61.4, 2.0)], [Missing("reviews", "no network")]).save(tmp_path)
    Origin("command", {"gpu": "a GPU"}).save(tmp_path)
    text = study.report(tmp_path).read_text(encoding="utf-8")
    assert "| bert-12 | 3 | mgda | 10 | 2.00 | 2.10 | 40.00 | 1 | 300 |" in text
    assert "| bert-12 | 3 | cagrad | 10 | 2.00 | 2.10 | – | 1 | – |" in text
    assert "| plane | 4 | 3 | 61 | 2 |" in text
    assert "- reviews was skipped: no network" in text
    assert "## Runs per hour" not in text


def test_rates_of_a_suite_without_data_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise DataUnavailableError("no data")

    monkeypatch.setattr("benchmarks.studies.gpu.runs.engine_rate", nothing)
    assert list(device_rates("quick", "plane", "pcgrad", [1, 2], CPU)) == [
        Missing("rates of pcgrad on plane", "no data")
    ]


def test_nothing_is_left_after_the_deadline() -> None:
    assert Deadline(0).left == 0
    assert 0 < Deadline(60).left <= 60


def test_rates_without_time_are_not_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    protocol = tmp_path / "smallest.toml"
    protocol.write_text(PROTOCOL, encoding="utf-8")
    monkeypatch.setattr(devices, "prepare", lambda device: None)
    options = ["--models", "two-layer", "--tasks", "2", "--methods", "pcgrad", "--suites", "plane", "--minutes", "0"]
    done = call(
        "gpu", "--device", "cpu", "--protocol", protocol, "--results", tmp_path / "out", "--seconds", 0, *options
    )
    assert done.exit_code == 0, done.output
    assert column(tmp_path / "out" / "missing.csv", "reason") == ["no time was left"] * 2
    assert column(tmp_path / "out" / "rates.csv", "suite") == []
