"""On a pretend accelerator, every step and every run gives what it gives on the CPU, with a counted number of waits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from balancers import names

ROOT = Path(__file__).parents[1]
PLACES = ("shared", "last", "features")
TWICE = {
    "famo": 2,  # it is shown the losses after the step
    **dict.fromkeys(("db-mtl", "excess-mtl", "m-config", "moco"), 2),  # inner products of what they keep of gradients
}
WAITS = dict.fromkeys(names(), 1) | TWICE
REFUSED = {  # by the balancer, on every device
    **{name: {"last", "features"} for name in ("db-mtl", "excess-mtl", "m-config", "moco", "sam-gs")},
    **{name: {"last"} for name in ("graddrop", "trimmed-mean")},
    **{name: {"features"} for name in ("modo", "sdmgrad")},
    "rotograd": {"shared", "last"},
}
NOT_STACKABLE = {"excess-mtl", "rotograd"}  # see `benchmarks.running.grouping.stackable`
IN_PIECES = {"gradnorm-regression-10 pcgrad alone"}  # the CPU adds its Gramian up by pieces that fit into caches
ROUNDING, SINGLE = 1e-5, 1e-4  # of such sums in curves of six digits, and of Gramians in single precision


def printed_by(*arguments: str) -> Any:
    """What a program of `tests.pretend` prints, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def steps() -> dict[str, Any]:
    return printed_by("tests.pretend.steps")


@pytest.fixture(scope="module")
def runs() -> dict[str, Any]:
    return printed_by("tests.pretend.runs")


@pytest.mark.parametrize("method", names())
@pytest.mark.parametrize("place", PLACES)
def test_every_method_does_on_an_accelerator_what_it_does_on_the_cpu(
    method: str, place: str, steps: dict[str, Any]
) -> None:
    compared = steps[f"{method} {place}"]
    assert ("refused" in compared) == (place in REFUSED.get(method, set()))
    if "refused" not in compared:
        assert compared.get("error") is None
        assert compared["gap"] == 0
        assert compared["waits"] == [WAITS[method]] * 2


def test_every_method_works_where_there_is_no_double_precision() -> None:
    for case, compared in printed_by("tests.pretend.steps", "without-float64").items():
        assert compared.get("error") is None, case
        assert "refused" in compared or compared["gap"] < SINGLE, case


def test_runs_leave_the_same_records_on_an_accelerator(runs: dict[str, Any]) -> None:
    assert len(runs["compared"]) == 18
    for case, compared in runs["compared"].items():
        if case in IN_PIECES:
            for theirs, ours in zip(compared["cpu"], compared["accelerator"], strict=True):
                assert list(numbers_in(ours)) == pytest.approx(list(numbers_in(theirs)), rel=ROUNDING), case
        else:
            assert compared["accelerator"] == compared["cpu"], case
        assert {record["status"] for record in compared["cpu"]} == {"done"}, case
        assert set(compared["waits"]) == {WAITS[case.split()[1]]}, case


def numbers_in(part: Any) -> Iterator[float]:
    """All numbers of a record, in its order."""
    if isinstance(part, dict | list):
        for each in part.values() if isinstance(part, dict) else part:
            yield from numbers_in(each)
    elif isinstance(part, int | float):
        yield part


def test_replicas_wait_once_a_step_for_all_that_the_host_must_know(runs: dict[str, Any]) -> None:
    waits = runs["waits"]
    assert set(waits) == set(WAITS) - NOT_STACKABLE  # the methods of before other tests registered theirs
    assert waits == {method: [WAITS[method]] * 3 for method in waits}
