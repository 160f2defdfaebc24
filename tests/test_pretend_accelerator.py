"""On a pretend accelerator, every step and every run gives what it gives on the CPU, with a counted number of waits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from balancers import Need, create, names

ROOT = Path(__file__).parents[1]
K_NUMBERS_ON_THE_HOST = False  # in the step of a single run, and in methods that look at gradients themselves
PLACES = ("shared", "last", "features")
WAITS = dict.fromkeys(names(), 1) | {"famo": 2}  # famo is shown the losses after the step
WITH_GRADIENTS = {name for name in names() if Need.GRADIENTS in create(name).needs}
REFUSED = {  # by the balancer, on every device
    **{name: {"last", "features"} for name in ("db-mtl", "excess-mtl", "m-config", "moco", "sam-gs")},
    **{name: {"last"} for name in ("graddrop", "trimmed-mean")},
    **{name: {"features"} for name in ("modo", "sdmgrad")},
    "rotograd": {"shared", "last"},
}
NOT_STACKABLE = {"excess-mtl", "rotograd"}  # see `benchmarks.running.grouping.stackable`
ROUNDING = 1e-4  # of Gramians in single precision, after two steps


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
        if K_NUMBERS_ON_THE_HOST:
            assert compared["waits"] == [WAITS[method]] * len(compared["waits"])


@pytest.mark.skipif(not K_NUMBERS_ON_THE_HOST, reason="steps compute K numbers in double precision on the device")
def test_every_method_works_where_there_is_no_double_precision() -> None:
    for case, compared in printed_by("tests.pretend.steps", "without-float64").items():
        assert compared.get("error") is None, case
        assert "refused" in compared or compared["gap"] < ROUNDING, case


def test_runs_leave_the_same_records_on_an_accelerator(runs: dict[str, Any]) -> None:
    assert len(runs["compared"]) == 18
    for case, compared in runs["compared"].items():
        assert compared["accelerator"] == compared["cpu"], case
        assert {record["status"] for record in compared["cpu"]} == {"done"}, case
        if K_NUMBERS_ON_THE_HOST:
            assert set(compared["waits"]) == {WAITS[case.split()[1]]}, case


def test_replicas_wait_once_a_step_for_all_that_the_host_must_know(runs: dict[str, Any]) -> None:
    waits = runs["waits"]
    assert set(waits) == set(names()) - NOT_STACKABLE
    for method, counts in waits.items():
        if K_NUMBERS_ON_THE_HOST or method not in WITH_GRADIENTS:
            assert counts == [WAITS[method]] * 3, method
