"""The command `predict --input` for an untrained model of every suite, built on small data in the exact form of its."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from benchmarks.cli import app
from benchmarks.records.versions import version_of
from benchmarks.training import saved_models
from tasks import registry
from tests.tasks import samples

ASKED = [name for name in registry.names() if samples.takes_inputs(name)]
OTHERS = [name for name in registry.names() if not samples.takes_inputs(name)]


def saved(name: str, folder: Path) -> list[str]:
    """Put the data and an untrained model of a suite into a folder; the tasks, all of which it has."""
    samples.write(name, folder)
    options = samples.options_of(name)
    suite = registry.create(name, **options)
    suite.load(folder)
    tasks = [task.name for task in suite.tasks]
    card = saved_models.Card(
        suite=name, suite_version=version_of(suite), suite_options=options, tasks=tuple(tasks), history=()
    )
    saved_models.save(folder / "trained", suite.build(0, tasks), card)
    return tasks


def predict(folder: Path, given: str) -> Result:
    asked = ["predict", str(folder / "trained"), "--input", given, "--data", str(folder)]  # has pretrained weights
    return CliRunner().invoke(app, asked, env={"BALANCERS_DATA": None})


def answers_in(table: str) -> dict[str, str]:
    """The answers by task; a long one goes on in lines that name no task."""
    parts: dict[str, list[str]] = {}
    last = ""
    for line in table.splitlines():
        if "│" in line:
            task, part = (cell.strip() for cell in line.split("│")[1:-1])
            last = task or last
            parts.setdefault(last, []).append(part)
    return {task: " ".join(several) for task, several in parts.items()}


@pytest.mark.parametrize("name", ASKED)
def test_every_task_answers_in_words_of_its_own(name: str, tmp_path: Path) -> None:
    tasks = saved(name, tmp_path)
    result = predict(tmp_path, samples.given(name, tmp_path))
    assert result.exit_code == 0, result.output
    answers = answers_in(result.output)
    assert list(answers) == tasks
    forms = samples.answers_of(name)
    assert forms.keys() == set(tasks)
    for task, answer in answers.items():
        assert re.fullmatch(forms[task], answer), (task, answer)


@pytest.mark.parametrize("name", OTHERS)
def test_a_suite_without_inputs_of_ones_own_says_so(name: str, tmp_path: Path) -> None:
    saved(name, tmp_path)
    result = predict(tmp_path, "1,2,3")
    assert result.exit_code == 2
    assert f"suite '{name}' cannot answer for inputs of one's own" in result.stderr
