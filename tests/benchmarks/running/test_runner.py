"""A whole run: what is run again and what is not, and what an end in the middle costs."""

from __future__ import annotations

import io
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from benchmarks.protocols.expand import Filters
from benchmarks.records.asked import ASKED, PROTOCOL_COPY
from benchmarks.records.store import Store, load
from benchmarks.running import runner
from benchmarks.running.progress import Forecast, duration
from benchmarks.running.runner import Options, Summary
from benchmarks.training.machine.environment import describe
from benchmarks.training.saved_models import load as load_saved
from tests.benchmarks.records.test_selection import CELL, record
from tests.benchmarks.tiny_suite import PROTOCOL, registered

ROOT = Path(__file__).parents[3]
DELAY = "TINY_DELAY"  # see faulty.py, which this process must not import: it registers suites
CPU = torch.device("cpu")
CELLS = 10


@pytest.fixture(autouse=True)
def _tiny() -> Iterator[None]:
    with registered("tiny", "other"):
        yield


def run(folder: Path, text: str = PROTOCOL, filters: Filters = Filters(), **options: Any) -> tuple[Summary, str]:  # noqa: B008
    source = folder.with_suffix(".toml")
    source.write_text(text, encoding="utf-8")
    shown = io.StringIO()
    summary = runner.run(source, filters, folder, Options(CPU, **options), Console(file=shown, width=200))
    return summary, shown.getvalue()


def numbers(folder: Path) -> list[dict[str, Any]]:
    return [r.model_dump(exclude={"cost", "finished", "environment"}) for r in load(folder)]


def test_a_run_leaves_a_record_per_cell_the_protocol_and_the_environment(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    summary, shown = run(folder)
    assert summary == Summary({"done": CELLS, "diverged": 0, "failed": 0, "timed out": 0}, {})
    assert not summary.failed
    assert len(load(folder)) == CELLS
    assert (folder / "protocol.toml").read_text(encoding="utf-8") == PROTOCOL
    assert json.loads((folder / "environment.json").read_text(encoding="utf-8"))["torch"] == str(torch.__version__)
    lines = shown.splitlines()
    assert len(lines) == CELLS
    assert re.match(
        r"\[1/10\] tiny single-task height, seed 0, learning rate 0.01: done, .* s; about .* left", lines[0]
    )


def test_what_has_a_record_is_not_run_again(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    run(folder)
    before = {path: path.stat().st_mtime_ns for path in (folder / "records").iterdir()}
    summary, shown = run(folder)
    assert shown == ""
    assert summary.counts["done"] == CELLS
    assert {path: path.stat().st_mtime_ns for path in (folder / "records").iterdir()} == before


def test_more_seeds_run_only_what_is_new(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    run(folder, filters=Filters(seeds=1))
    _, shown = run(folder)
    assert len(shown.splitlines()) == CELLS // 2
    assert "seed 0" not in shown


def test_a_corrupt_record_is_set_aside_and_run_again(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    run(folder)
    expected = numbers(folder)
    path = next((folder / "records").iterdir())
    path.write_text(path.read_text(encoding="utf-8")[:100], encoding="utf-8")
    _, shown = run(folder)
    assert len(shown.splitlines()) == 1
    assert numbers(folder) == expected
    assert [p.name for p in (folder / "corrupt").iterdir()] == [path.name]


FAULTY = PROTOCOL.replace("[suites.tiny]", '[suites.other]\noptions = {{ fault = "{}" }}\n[suites.tiny]')


def test_a_failing_cell_is_recorded_and_the_others_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    summary, shown = run(folder, FAULTY.format("loss"))
    assert "RuntimeError: the loss is broken" in shown
    counts = {"done": CELLS + 2, "diverged": 0, "failed": 8, "timed out": 0}  # "side" alone does not meet the fault
    assert summary.counts == counts
    assert summary.failed


def test_failed_cells_run_again_only_if_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    text = FAULTY.format("loss")
    run(folder, text)
    assert run(folder, text)[1] == ""
    assert run(folder, text, retry_failed=True)[1].count("failed") == 8


def test_a_suite_without_data_is_skipped_with_its_reason_and_the_others_run(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    summary, shown = run(folder, FAULTY.format("data"))
    assert summary.counts["done"] == CELLS
    assert not summary.failed
    assert "other is skipped: the 48 points are nowhere to be found" in shown
    noted = json.loads((folder / "skipped.json").read_text(encoding="utf-8"))
    assert list(noted) == ["other"]
    run(folder, FAULTY.format(""))
    assert not (folder / "skipped.json").exists()


def test_a_note_about_a_suite_stays_while_others_run(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    run(folder, FAULTY.format("data"))
    run(folder, FAULTY.format("data"), Filters(suites=("tiny",)))
    assert (folder / "skipped.json").exists()


def test_a_loader_that_breaks_is_skipped_too_but_counts_as_a_failure(tmp_path: Path) -> None:
    summary, _ = run(tmp_path / "results", FAULTY.format("loader"))
    assert summary.counts["done"] == CELLS
    assert summary.skipped["other"].reason == "KeyError: 'points'"
    assert summary.failed


def test_it_is_an_error_if_every_suite_is_skipped(tmp_path: Path) -> None:
    text = PROTOCOL.replace("[suites.tiny]", '[suites.tiny]\noptions = { fault = "data" }')
    with pytest.raises(ValueError, match="no suite could run:\ntiny: the 48 points"):
        run(tmp_path / "results", text)


def test_a_suite_that_the_protocol_does_not_list_is_told(tmp_path: Path) -> None:
    _, said = run(tmp_path / "results", filters=Filters(("fixed",), ("tiny", "other"), 1))
    assert "other: not in the protocol tiny, so with default options, which may take long" in said
    assert "tiny: not" not in said


def test_a_run_in_which_no_suite_can_run_leaves_what_earlier_ones_wrote(tmp_path: Path) -> None:
    run(tmp_path / "results")
    before = (tmp_path / "results" / PROTOCOL_COPY).read_bytes()
    (tmp_path / "results" / "environment.json").write_text("{}")
    with pytest.raises(ValueError, match="no suite could run"):
        run(tmp_path / "results", PROTOCOL.replace("[suites.tiny]", '[suites.tiny]\noptions = { fault = "data" }'))
    assert (tmp_path / "results" / PROTOCOL_COPY).read_bytes() == before
    assert (tmp_path / "results" / "environment.json").read_text() == "{}"


def test_a_run_in_which_no_suite_can_run_explains_no_older_folder(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    run(folder)
    before = (folder / ASKED).read_bytes()
    other = PROTOCOL.replace("[suites.tiny]", '[suites.tiny]\noptions = { fault = "data" }')
    with pytest.raises(ValueError, match="no suite could run"):
        run(folder, other)
    assert (folder / ASKED).read_bytes() == before
    (folder / ASKED).unlink()  # as a folder is that is older than this file
    with pytest.raises(ValueError, match="no suite could run"):
        run(folder, other)
    assert not (folder / ASKED).exists()


def test_models_are_kept_if_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    run(folder, filters=Filters(balancers=("fixed",), seeds=1), save_models=True)
    kept = {path.name for path in (folder / "models").iterdir()}
    assert kept == {Store(folder).path(r.cell).stem for r in load(folder)}
    assert all(load_saved(folder / "models" / name) for name in kept)


def test_a_run_that_kept_no_models_trains_again_to_keep_them(tmp_path: Path) -> None:
    folder, filters = tmp_path / "results", Filters(balancers=("fixed",), seeds=1)
    run(folder, filters=filters)
    before = numbers(folder)
    run(folder, filters=filters, save_models=True)
    assert len(list((folder / "models").iterdir())) == len(load(folder))
    assert numbers(folder) == before


def test_records_of_another_device_are_made_anew(tmp_path: Path) -> None:
    folder, filters = tmp_path / "results", Filters(balancers=("fixed",), seeds=1)
    run(folder, filters=filters)
    for old in load(folder):
        Store(folder).write(old.model_copy(update={"environment": {**old.environment, "device": "cuda"}}))
    run(folder, filters=filters)
    assert {r.environment["device"] for r in load(folder)} == {"cpu"}


def start(folder: Path, where: str, delay: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.driver", str(folder), where],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", DELAY: str(delay)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_records(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 120
    while len(list((folder / "records").glob("*.json"))) < count:
        assert time.monotonic() < deadline, "the driver made no records"
        time.sleep(0.02)


@pytest.mark.parametrize("where", ["0", "2"])
@pytest.mark.parametrize(("ending", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_a_run_that_was_ended_goes_on_and_ends_with_the_same_records(
    tmp_path: Path, ending: signal.Signals, code: int, where: str
) -> None:
    folder, undisturbed = tmp_path / "results", tmp_path / "undisturbed"
    with start(folder, where, delay=0.1) as driver:
        wait_for_records(folder, 2)
        time.sleep(0.1)  # into the middle of a cell
        driver.send_signal(ending)
        _, errors = driver.communicate(timeout=30)  # returns once the workers are gone as well: they hold the pipes
    assert driver.returncode == code
    assert "Traceback" not in errors
    if ending == signal.SIGINT:
        assert "the same command continues" in errors
    finished = len(load(folder))
    assert 2 <= finished < CELLS
    _, shown = run(folder)
    assert len(shown.splitlines()) == CELLS - finished
    run(undisturbed)
    assert numbers(folder) == numbers(undisturbed)


def test_the_environment_names_no_host_and_no_path() -> None:
    text = json.dumps(describe(CPU))
    assert platform.node() not in text
    assert str(ROOT) not in text


def test_times_are_guessed_from_the_same_row_then_suite_then_all() -> None:
    def cell(suite: str, row: str) -> Any:
        return CELL.model_copy(update={"suite": suite, "row": row})

    def finished(suite: str, row: str, total: float) -> Any:
        cost = {"step": 1, "forward": 1, "backward": 1, "weighting": 1, "optimizer": 1, "peak_memory": 1}
        made = record(1e-3, 0, 0.5)
        return made.model_validate(
            made.model_dump() | {"cell": cell(suite, row).model_dump(), "cost": {**cost, "total": total}}
        )

    forecast = Forecast([finished("a", "x", 10.0), finished("a", "y", 20.0), finished("b", "x", 60.0)])
    assert forecast.seconds([cell("a", "x")]) == 10
    assert forecast.seconds([cell("a", "z")]) == 15
    assert forecast.seconds([cell("c", "z"), cell("b", "x")]) == 30 + 60
    assert Forecast([]).seconds([cell("a", "x")]) is None


@pytest.mark.parametrize(("seconds", "text"), [(1.24, "1.2 s"), (59.6, "60 s"), (600, "10 min"), (7500, "2 h 05 min")])
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert duration(seconds) == text
