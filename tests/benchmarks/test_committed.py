"""What the committed results are there to show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import study
from benchmarks.findings import constant
from benchmarks.records import SINGLE_TASK

RESULTS = Path(__file__).parents[2] / "results"
FIELDS = {"multifashion", "scenes", "reviews", "sentiment+genre", "ewt", "morphology", "speech", "movielens"}
SAMPLES = {"nyuv2", "cityscapes", "celeba", "qm9"}


@pytest.mark.parametrize(("folder", "suites"), [("fields", FIELDS), ("samples", SAMPLES)])
def test_every_task_is_learnt_alone_and_by_some_method(folder: str, suites: set[str]) -> None:
    found = study.read(RESULTS / folder)
    assert {suite.name for suite in found.aggregates.suites} == suites
    assert all(len(suite.rows) >= 6 for suite in found.aggregates.suites), "single-task, equal weights and four more"
    block = constant.block(found)
    assert block is not None
    assert block.table is not None
    head, lines = block.table
    assert len(lines) == sum(len(suite.tasks) for suite in found.aggregates.suites)
    alone = {line[0]: float(line[head.index(SINGLE_TASK)].replace("−", "-")) for line in lines}
    assert min(alone.values()) >= 100 * constant.CLEAR, alone
    assert re.match(r"Every row learns all|All of \d+ tasks are learnt by single-task(, \S+)* and", block.sentences[0])
