"""What records say about where their numbers come from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks.training.machine.environment import CODE, REPOSITORY, commit_of


def git(repository: Path, *arguments: str) -> str:
    author = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    command = ["git", "-C", str(repository), *author, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


FILES = (
    "balancers/methods/famo.py",
    "tasks/suites/scenes.py",
    "tasks/README.md",
    "benchmarks/protocols/quick.toml",
    "benchmarks/protocols/expand.py",
    "benchmarks/training/train.py",
    "benchmarks/records/selection.py",
    "benchmarks/running/runner.py",
    "benchmarks/analysis/scores.py",
    "benchmarks/reporting/charts/cost.py",
    "docs/README.md",
    "tests/test_train.py",
    "README.md",
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A clone with a file of every kind, all committed."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("first")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "balancers/methods/famo.py",
        "tasks/suites/scenes.py",
        "tasks/suites/new.py",
        "benchmarks/protocols/quick.toml",
        "benchmarks/protocols/expand.py",
        "benchmarks/training/train.py",
        "benchmarks/records/selection.py",
    ],
)
def test_a_change_of_code_that_makes_numbers_is_told(repository: Path, name: str) -> None:
    (repository / name).write_text("second")
    assert commit_of(repository) == git(repository, "rev-parse", "HEAD") + "-dirty"


@pytest.mark.parametrize(
    "name",
    [
        "tasks/README.md",
        "benchmarks/running/runner.py",
        "benchmarks/analysis/scores.py",
        "benchmarks/reporting/charts/cost.py",
        "benchmarks/reporting/charts/new.py",
        "docs/README.md",
        "tests/test_train.py",
        "README.md",
    ],
)
def test_a_change_of_a_chart_a_page_a_description_or_a_test_does_not_count(repository: Path, name: str) -> None:
    (repository / name).write_text("second")
    assert commit_of(repository) == git(repository, "rev-parse", "HEAD")


def test_a_folder_that_is_no_clone_has_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == ""
    git(tmp_path, "init", "--quiet")
    assert commit_of(tmp_path) == "", "nothing is committed yet"


@pytest.mark.parametrize("folder", CODE)
def test_the_folders_with_code_that_makes_numbers_exist(folder: str) -> None:
    assert (REPOSITORY / folder).is_dir()
