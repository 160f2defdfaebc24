"""The examples in the docstrings of the library are true, and every public class and function has one.

Exempt are the states of the methods, which the methods alone make and read, and the checks of the conformance kit,
which `balancers.conformance.check` runs: the examples of the methods and of `check` show them at work.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.balancers.examples import ALL, Documented, failures, needs_torchjd, required, with_examples


@pytest.mark.parametrize("example", with_examples(), ids=str)
def test_the_examples_say_what_happens(example: Documented) -> None:
    if needs_torchjd(example):
        pytest.importorskip("torchjd")
    report = failures(example)
    assert not report, report


def test_every_public_class_and_function_has_an_example() -> None:
    texts = {(each.module, each.name): each.text for each in ALL}
    missing = sorted(f"{module}:{name}" for module, name in required() if ">>>" not in texts.get((module, name), ""))
    assert not missing, f"no example in the docstrings of {', '.join(missing)}"


def test_an_example_that_is_wrong_is_told() -> None:
    report = failures(Documented("balancers", "wrong", ">>> names()[0]\n'nothing'", 1))
    assert "Expected:\n    'nothing'\nGot:\n    'aligned-mtl'" in report


def test_examples_run_without_the_hooks_of_the_tests_too() -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.balancers.examples"]
    run = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
