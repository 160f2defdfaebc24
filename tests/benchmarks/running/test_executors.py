"""Executors: whatever becomes of a worker, every cell ends in one record, and the others go on."""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.protocols.expand import expand
from benchmarks.records.record import Cell, Record
from benchmarks.records.store import load
from benchmarks.running.executors import processes
from benchmarks.running.executors.base import Event, Finished, Job, Setting, Skipped
from benchmarks.running.executors.processes import Processes
from benchmarks.running.executors.this_process import Here
from tests.benchmarks.tiny_suite import protocol, registered

FAULTY = ("tests.benchmarks.faulty",)
SUITES = ("tiny", "deadly", "hanging", "nowhere")


def cells(suite: str, seeds: int = 2) -> list[Cell]:
    with registered(*SUITES):
        found = expand(protocol(suites={suite: {"seeds": seeds}}, methods={"fixed": {}}))
    return [cell for cell in found if len(cell.tasks) == 2]


def run(jobs: list[Job], workers: int = 2, limit: float | None = None) -> list[Event]:
    heard: list[Event] = []
    Processes(Setting(threads=1, imports=FAULTY, time_limit=limit), workers).run(jobs, heard.append)
    return heard


def records(heard: list[Event]) -> dict[int, Record]:
    found = [event.record for event in heard if isinstance(event, Finished)]
    assert len({record.id for record in found}) == len(found), "one record per cell"
    return {record.cell.seed: record for record in found}


def numbers(record: Record) -> dict[str, object]:
    return record.model_dump(exclude={"cost", "finished", "environment"})


def test_processes_make_the_records_that_this_process_makes() -> None:
    jobs = [Job((cell,)) for cell in cells("tiny", 3)]
    heard: list[Event] = []
    with registered(*SUITES):
        Here(Setting()).run(jobs, heard.append)
    here, there = records(heard), records(run(jobs))
    assert sorted(here) == [0, 1, 2]
    assert {seed: numbers(record) for seed, record in there.items()} == {s: numbers(r) for s, r in here.items()}


def test_a_worker_that_dies_takes_one_cell_with_it() -> None:
    found = records(run([Job((cell,)) for cell in cells("deadly", 4)]))
    assert {seed: record.status for seed, record in found.items()} == {0: "done", 1: "failed", 2: "done", 3: "done"}
    assert "its process died (signal SIGKILL)" in found[1].reason


def test_of_a_group_that_dies_the_cells_are_tried_one_by_one() -> None:
    found = records(run([Job(tuple(cells("deadly", 3)))], workers=1))
    assert {seed: record.status for seed, record in found.items()} == {0: "done", 1: "failed", 2: "done"}


def test_a_worker_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE", 1.0)
    began = time.monotonic()
    found = records(run([Job((cell,)) for cell in cells("hanging", 3)], limit=20.0))
    assert time.monotonic() - began < 120
    assert {seed: record.status for seed, record in found.items()} == {0: "done", 1: "timed out", 2: "done"}
    assert "took longer than 20 s and did not stop" in found[1].reason


def test_a_suite_without_data_is_skipped_once_for_every_job() -> None:
    heard = run([Job((cell,)) for cell in cells("nowhere")], workers=1)
    assert [type(event) for event in heard] == [Skipped] * 2
    assert all("nowhere to be found" in event.why.reason for event in heard if isinstance(event, Skipped))


def test_an_exception_of_the_listener_ends_the_workers(tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def stop(event: Event) -> None:
        raise StopError

    with pytest.raises(StopError):
        Processes(Setting(threads=1, imports=FAULTY), 2).run([Job((cell,)) for cell in cells("tiny")], stop)
    assert not multiprocessing.active_children()


def test_a_record_that_cannot_be_written_ends_the_run() -> None:
    def full(event: Event) -> None:
        if isinstance(event, Finished):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        Processes(Setting(threads=1, imports=FAULTY), 1).run([Job((cell,)) for cell in cells("tiny")], full)
    assert not multiprocessing.active_children()


def test_a_group_that_hangs_is_ended_and_its_cells_are_tried_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE", 1.0)
    found = records(run([Job(tuple(cells("hanging", 3)))], workers=1, limit=10.0))
    assert {seed: record.status for seed, record in found.items()} == {0: "done", 1: "timed out", 2: "done"}


def test_a_time_limit_ends_a_training_between_steps() -> None:
    found = records(run([Job((cell,)) for cell in cells("tiny", 1)], limit=1e-9))
    assert {record.status for record in found.values()} == {"timed out"}
    assert "took longer than" in found[0].reason


def test_a_ray_cluster_that_loses_its_driver_and_a_node_ends_with_the_records_of_this_process(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    found = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.cluster", str(folder)],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "OMP_NUM_THREADS": "1", "TINY_DELAY": "0.3"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-2000:]
    assert "nodes alive at the end: 2" in found.stdout  # the head and one of two
    wrong = "ModuleNotFoundError: No module named 'there'"
    assert f"wrong program: {[wrong, wrong]}" in found.stdout
    made = re.search(r"left by the driver: (\d+)", found.stdout)
    told = [line for line in found.stdout.splitlines() if re.match(r"\[\d+/10\]", line)]
    assert made
    assert 2 <= int(made[1]) < 8
    assert len(told) == 10 - int(made[1]), "every cell that was left is told of once"
    with registered("tiny"):
        heard: list[Event] = []
        Here(Setting()).run([Job((cell,)) for cell in expand(protocol())], heard.append)
    alone = {event.record.id: numbers(event.record) for event in heard if isinstance(event, Finished)}
    assert {record.id: numbers(record) for record in load(folder)} == alone
