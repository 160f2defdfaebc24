"""The efficiency study: parameters by hand, times of made-up records, and suites that cannot be had."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from typer.testing import CliRunner, Result

from benchmarks.cli import app
from benchmarks.records.record import SINGLE_TASK, Cell, Record
from benchmarks.records.store import Store
from benchmarks.studies.efficiency import chart, measure, study, table
from benchmarks.studies.efficiency.measure import Parameters, Seconds
from benchmarks.studies.efficiency.results import (
    UNKNOWN,
    EfficiencyResults,
    MethodEfficiency,
    SuiteEfficiency,
    of_methods,
    of_suite,
)
from benchmarks.studies.results import Origin
from benchmarks.studies.timing import Effort
from benchmarks.training.batches import make_optimizer
from tests.benchmarks import synthetic
from tests.benchmarks.tiny_suite import Tiny, registered

TASKS = ("height", "side")
ENCODER = (3 * 4 + 4) + (4 * 4 + 4)
HEIGHT, SIDE = 4 + 1, 2 * (4 + 1)


@pytest.fixture(autouse=True)
def _tiny() -> Iterator[None]:
    with registered("tiny", "lost"):
        yield


def run(row: str, tasks: tuple[str, ...], seconds: float, suite: str = "tiny", **changes: object) -> Record:
    cell: Cell = synthetic.cell(suite, row, tasks, int(changes.pop("seed", 0)), **changes)  # pyright: ignore
    began = {"step": [0], "validation": {task: {"loss": [2.0]} for task in tasks}}
    curves = synthetic.empty_curves(tasks).model_copy(update=began)
    metrics = {task: [synthetic.LOSS] for task in tasks}
    return synthetic.record(cell, metrics, {task: {"loss": 1.0} for task in tasks}, curves=curves, seconds=seconds)


def runs(suite: str = "tiny", **changes: object) -> list[Record]:
    """Single tasks take 2 ms and 3 ms a step, equal weights 4 ms, and pcgrad 8 ms."""
    return [
        run(SINGLE_TASK, ("height",), 0.002, suite, **changes),
        run(SINGLE_TASK, ("side",), 0.003, suite, **changes),
        run("fixed", TASKS, 0.004, suite, **changes),
        run("pcgrad", TASKS, 0.008, suite, **changes),
    ]


def keep(folder: Path, records: list[Record]) -> Path:
    store = Store(folder)
    for record in records:
        store.write(record)
    return folder


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["efficiency", *map(str, arguments)], env={"COLUMNS": "200"})


def test_parameters_are_what_a_count_by_hand_gives() -> None:
    found = measure.parameters(Tiny())
    assert found == Parameters(ENCODER, HEIGHT + SIDE, 2 * ENCODER + HEIGHT + SIDE)
    assert found.ratio == pytest.approx((ENCODER + HEIGHT + SIDE) / (2 * ENCODER + HEIGHT + SIDE))


STEP = {TASKS: 0.004, ("height",): 0.002, ("side",): 0.003}


def test_training_is_steps_times_the_time_of_a_step() -> None:
    found = measure.training(runs(), "fixed", STEP)
    assert found["fixed"] == pytest.approx((synthetic.STEPS * 0.004, synthetic.STEPS * 0.005))
    assert {row: took.ratio for row, took in found.items()} == pytest.approx({"fixed": 0.8, "pcgrad": 1.6})


def test_the_cost_of_a_method_is_in_forward_passes_of_its_own_runs() -> None:
    """A machine that is twice as slow for one method changes nothing."""
    *others, slow = runs()
    assert slow.cost is not None
    cost = slow.cost.model_copy(update={"step": 2 * slow.cost.step, "forward": 2 * slow.cost.forward})
    drifted = [*others, slow.model_copy(update={"cost": cost})]
    assert measure.training(drifted, "fixed", STEP)["pcgrad"].ratio == pytest.approx(1.6)


def test_without_a_baseline_of_every_task_or_equal_weights_no_training_is_compared() -> None:
    assert measure.training(runs()[1:], "fixed", STEP) == {}
    assert measure.training(runs()[:2], "fixed", STEP) == {}
    assert measure.training(runs(), "equal", STEP) == {}


def test_steps_of_all_models_are_timed() -> None:
    suite, cell = Tiny(), synthetic.cell("tiny", "fixed", TASKS, 0, batch_size=10)
    before = torch.get_rng_state()
    found = measure.step_seconds(suite, suite.load().train, cell, 0.0)
    assert set(found) == set(STEP)
    assert all(0 < took < 1 for took in found.values())
    assert torch.equal(torch.get_rng_state(), before)


def test_steps_are_those_of_the_optimizer_and_batch_size_of_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(name: str, model: nn.Module, rate: float) -> torch.optim.Optimizer:
        made.append(name)
        return make_optimizer(name, model, rate)

    monkeypatch.setattr(measure, "make_optimizer", make)
    suite, seen = Tiny(), []
    train = suite.load().train
    cell = synthetic.cell("tiny", "fixed", TASKS, 0, batch_size=7, optimizer="sgd")
    monkeypatch.setattr(measure, "batches_of", lambda split, size, seed: seen.append(size) or iter([split]))
    measure.step_seconds(suite, train, cell, 0.0)
    assert made == ["sgd"] * 3
    assert seen == [7] * 3


def test_inference_is_one_forward_pass_against_one_per_task(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[tuple[str, int, int]] = []

    def alternate(steps: Mapping[str, Callable[[], Any]], clear: object, effort: Effort) -> dict[str, float]:
        for name, step in steps.items():
            said = step()
            for features, outputs in said if isinstance(said, list) else [said]:
                passed.append((name, len(outputs), len(features)))
        assert torch.get_num_threads() == 1
        return {"multi": 1.0, "single": 4.0}

    monkeypatch.setattr(measure, "alternate", alternate)
    found = measure.inference(Tiny(), Tiny().load().test.take(slice(0, 5)).inputs, 0.0)
    assert passed == [("multi", 2, 5), ("single", 1, 5), ("single", 1, 5)]
    assert found.ratio == 0.25


def test_times_of_inference_are_those_of_the_processor() -> None:
    found = measure.inference(Tiny(), Tiny().load().test.inputs, 0.0)
    assert 0 < found.multi < 1
    assert 0 < found.single < 1


def test_a_suite_that_cannot_be_had_is_listed_with_the_reason(tmp_path: Path) -> None:
    records = [
        *runs(),
        *runs("lost", suite_options={"fault": "data"}),
        *runs("gone"),
        *runs("tiny", variant="older", suite_version=0),
    ]
    path = study.run(keep(tmp_path / "records", records), tmp_path / "out", 0.0)
    text = path.read_text(encoding="utf-8")
    assert "- lost: the 48 points are nowhere to be found; write them down again" in text
    assert "- gone: the suite is not known here; one of your own needs --plugin FILE" in text
    assert "- older: the records are of version 0, and the suite is now 1" in text
    with (tmp_path / "out" / "efficiency.csv").open(encoding="utf-8") as file:
        lines = {line["suite"]: line for line in csv.DictReader(file)}
    assert lines["lost"]["shared"] == ""
    assert lines["lost"]["training"] == "nan"
    assert float(lines["tiny"]["training"]) > 0
    assert (int(lines["tiny"]["shared"]), int(lines["tiny"]["batch"])) == (ENCODER, 8)
    assert float(lines["tiny"]["inference_batch"]) > 0


def test_a_suite_without_unseen_examples_has_no_inference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tiny, "generalises", False)
    text = study.run(keep(tmp_path / "records", runs()), tmp_path / "out", 0.0).read_text(encoding="utf-8")
    assert f"- tiny: {study.NOTHING_NEW}" in text
    (line,) = (line for line in text.splitlines() if line.startswith("| tiny | 2 |"))
    assert line.startswith(f"| tiny | 2 | {ENCODER} | {HEIGHT + SIDE} | 87 | 0.59× | ")
    assert line.endswith("× | – | – |")


TRAINING = {"fixed": Seconds(2.0, 4.0), "pcgrad": Seconds(6.0, 4.0)}


def suite_row(suite: str, **changes: object) -> SuiteEfficiency:
    """A suite whose ratios are 0.5, 0.5, 0.25 and 0.75 unless changed."""
    whole = {"parameters": Parameters(6, 2, 16), "training": Seconds(2.0, 4.0)}
    times = {"inference": (Seconds(1.0, 4.0), 64, Seconds(3.0, 4.0))}
    return of_suite(suite, 2, **whole | times | changes)  # pyright: ignore[reportArgumentType]


UNMEASURED = {"parameters": None, "training": UNKNOWN, "inference": (UNKNOWN, 0, UNKNOWN)}


def method_rows(*suites: str) -> list[MethodEfficiency]:
    return [row for suite in suites for row in of_methods(suite, TRAINING)]


def test_the_sentences_say_what_multi_task_takes() -> None:
    first, second, third = table.sentences(
        EfficiencyResults([suite_row("a"), suite_row("b", parameters=Parameters(2, 0, 16))], method_rows("a", "b"))
    )
    assert "0.12 to 0.50 times the parameters of K single-task models (2 suites, geometric mean 0.25)" in first
    assert "0.50 to 0.50 times the time of K trainings" in second
    assert "the most expensive method, pcgrad on b, takes 1.50 times" in second
    assert "0.25 to 0.25 times the time of K for one example" in third
    assert "0.75 to 0.75 times that for a batch" in third
    nothing = table.sentences(EfficiencyResults([suite_row("a", **UNMEASURED)], []))
    assert nothing[0] == "One multi-task model has an unknown part of the parameters of K single-task models."


def test_every_method_has_its_training_time() -> None:
    text = table.as_markdown(
        EfficiencyResults([suite_row("a"), suite_row("b", training=UNKNOWN)], method_rows("a")), Origin("command", {})
    )
    assert "| fixed | 0.50× |\n| pcgrad | 1.50× |" in text


def test_every_suite_has_four_bars_or_says_what_lacks() -> None:
    figure = chart.draw([suite_row("a"), suite_row("b", inference=(UNKNOWN, 64, Seconds(3.0, 4.0)))])
    (axes,) = figure.axes
    widths = [bar.get_width() for bar in axes.patches]  # pyright: ignore[reportAttributeAccessIssue]
    assert widths == pytest.approx([0.5, 0.5, 0.25, 0.75, 0.5, 0.5, 0, 0.75])
    assert [text.get_text() for text in axes.texts][5:] == ["0.50", "no value", "0.75"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a\n2 tasks", "b\n2 tasks"]


def test_the_command_writes_tables_chart_and_numbers(tmp_path: Path) -> None:
    source = keep(tmp_path / "records", runs())
    said = call(source, "--results", tmp_path / "out", "--seconds", 0)
    assert said.exit_code == 0, said.output
    names = {"efficiency.md", "efficiency.csv", "training.csv", "efficiency.png", "efficiency.svg", "environment.json"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    text = (tmp_path / "out" / "efficiency.md").read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert "Command: `python -m benchmarks efficiency records`" in text
    (tmp_path / "out" / "efficiency.md").unlink()
    assert call("--redraw", "--results", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "efficiency.md").read_text(encoding="utf-8") == text


def test_where_nothing_can_be_measured_nothing_is_written(tmp_path: Path) -> None:
    said = call(keep(tmp_path / "records", runs("gone")), "--results", tmp_path / "out")
    assert said.exit_code == 2
    assert "nothing is written: gone: the suite is not known here; one of your own needs --plugin FILE" in said.output
    assert not (tmp_path / "out").exists()


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    said = call(tmp_path, "--results", tmp_path / "out")
    assert said.exit_code == 2
    assert "holds no records, so there is nothing to show; run `make bench`" in said.output
    assert not (tmp_path / "out").exists()


def test_unknown_numbers_are_nan() -> None:
    assert all(map(math.isnan, suite_row("a", **UNMEASURED).ratios.values()))
