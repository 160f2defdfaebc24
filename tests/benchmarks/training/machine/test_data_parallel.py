"""Data-parallel runs of the harness: two processes with half of every batch make the records of one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.records.record import Record
from benchmarks.records.store import load
from benchmarks.training.machine.data_parallel import World

ROOT = Path(__file__).parents[4]
PROTOCOL = """
name = "small"
description = "for tests"

[defaults]
seeds = 1
optimizer = "adam"
learning_rates = [3e-3]
batch_size = 20
epochs = 2
halve_at = [1]
evaluations = 2

[suites.gradnorm-regression-2]
options = { examples = 100 }

[methods.fixed]
[methods.pcgrad]
[methods.graddrop]
[methods.imtl-g]
[methods.modo]
"""


def run(folder: Path, *launcher: str) -> dict[str, Record]:
    source = folder.with_suffix(".toml")
    source.write_text(PROTOCOL, encoding="utf-8")
    arguments = ["-m", "benchmarks", "run", "--protocol", str(source), "--results", str(folder), "--workers", "0"]
    found = subprocess.run(
        [sys.executable, *launcher, *arguments, "--threads", "1", "--replicas", "1"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    assert found.stdout.count("Report:") == 1, "one process speaks"
    return {record.id: record for record in load(folder)}


def test_two_processes_make_the_records_of_one(tmp_path: Path) -> None:
    one = run(tmp_path / "one")
    two = run(tmp_path / "two", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    assert two.keys() == one.keys()
    for key, want in one.items():
        got = two[key]
        assert got.status == want.status == "done"
        assert got.environment["processes"] == "2"
        for task in want.cell.tasks:
            for ours, theirs in (
                (got.curves.train_loss, want.curves.train_loss),
                (got.curves.weights, want.curves.weights),
                (got.curves.norms, want.curves.norms),
            ):
                assert ours[task][0] == theirs[task][0]
                assert ours[task][1:] == pytest.approx(theirs[task][1:], rel=1e-3), (want.cell.row, task)
        for a, b in ((got.last, want.last), (got.best, want.best)):
            assert a is not None
            assert b is not None
            assert a.step == b.step
            for task, metrics in b.test.items():
                assert a.test[task] == pytest.approx(metrics, rel=1e-4), (want.cell.row, task)


def test_parts_of_a_batch_are_of_one_size() -> None:
    assert World(1, 3).part(torch.arange(6)).tolist() == [2, 3]
    assert World(0, 3).indivisible(6, [60]) == ""
    assert World(0, 4).indivisible(6, [60]) == "a batch of 6 examples cannot be divided among 4 processes"
    assert "of 5 examples" in World(0, 3).indivisible(6, [65]), "the last batch of an epoch"
    assert "of 1 examples" in World(0, 2).indivisible(100, [1])


def test_after_an_error_that_others_may_not_have_met_a_process_ends() -> None:
    assert World(0, 2).out_of_step(torch.OutOfMemoryError("no memory"))
    assert not World(0, 2).out_of_step(ValueError("a wrong number, everywhere"))
    assert not World().out_of_step(torch.OutOfMemoryError("no memory"))
