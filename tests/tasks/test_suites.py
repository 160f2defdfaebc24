"""What every suite owes the harness, on small data in the exact form that it reads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks import registry
from tasks.base import Suite
from tasks.conformance import CHECKS
from tests.tasks import samples

WITHOUT_A_NETWORK = """
from tasks.offline import refused

with refused() as asked:
    from tasks import registry
    for name in registry.names():
        registry.create(name).tasks
assert not asked, asked
print(*registry.names())
"""


@pytest.fixture(scope="module", params=registry.names())
def suite(request: pytest.FixtureRequest) -> Suite:
    return registry.create(request.param, **samples.options_of(request.param))


@pytest.fixture(scope="module")
def data(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(suite.name)
    samples.write(suite.name, folder)
    return folder


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_conformance(suite: Suite, data: Path, check: Callable[[Suite, Path], None]) -> None:
    check(suite, data)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_conformance_with_few_labels(suite: Suite, data: Path, check: Callable[[Suite, Path], None]) -> None:
    if not suite.generalises:
        pytest.skip("there are no labels")
    task = suite.tasks[0].name
    starved = registry.create(suite.name, **samples.options_of(suite.name), label_fraction={task: 0.4})
    check(starved, data)


def test_nothing_asks_for_a_network_or_a_program_at_import() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_A_NETWORK], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == registry.names()
