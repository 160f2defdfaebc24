"""How far above one answer for all: shares of its error, and what counts as learnt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.reporting.findings import trivial_baseline
from tests.benchmarks.reporting.findings import made

CONSTANTS = {"one": made.scalars((0.25, 0.5))}  # single-task reaches 0.5 on both


def test_a_task_is_told_by_the_part_of_the_trivial_error_that_is_gone() -> None:
    records = [*made.baselines(), made.run("fixed", (20, 10)), made.run("bad", (-50, 40))]
    found = trivial_baseline.block(replace(made.study(records), constants=CONSTANTS))
    assert found is not None
    assert found.table is not None
    lines = {line[0]: line[1:] for line in found.table[1]}
    # Accuracies of fixed: 0.6 and 0.55; of bad: 0.25 and 0.7.
    assert lines["one: a"] == ["accuracy", "0.2500", "33.3", "46.7", "bad", "0.0"]
    assert lines["one: b"] == ["accuracy", "0.5000", "0.0", "10.0", "fixed", "10.0"]


def test_rows_that_do_not_learn_a_task_are_named() -> None:
    records = [*made.baselines(), made.run("fixed", (20, 20)), made.run("bad", (-50, 40))]
    found = trivial_baseline.block(replace(made.study(records), constants=CONSTANTS))
    assert found is not None
    assert found.sentences == (
        "fixed learns all of 2 tasks.",
        "single-task does not learn one: b.",
        "bad does not learn one: a.",
    )


def test_rows_that_miss_the_same_are_named_together_and_none_is_left_out() -> None:
    short = {"all": (-50, -50), "b": (20, -50), "c": (20, -50), "a": (-50, 20)}
    records = [*made.baselines(), made.run("fixed", (20, 20)), *(made.run(row, gain) for row, gain in short.items())]
    study = replace(made.study(records), constants={"one": made.scalars((0.3, 0.3))})
    found = trivial_baseline.block(study)
    assert found is not None
    assert found.sentences == (
        "single-task and fixed learn all of 2 tasks.",
        "all does not learn one: a and one: b.",
        "a does not learn one: a.",
        "b and c do not learn one: b.",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trivial_baseline, "MOST_SAID", 1)
        few = trivial_baseline.block(study)
    assert few is not None
    assert few.sentences[1:] == (
        "all does not learn one: a and one: b.",
        "a, b and c fail to learn 1 task at most.",
    )


def test_if_all_is_learnt_one_sentence_says_so() -> None:
    study = made.study([*made.baselines(), made.run("fixed", 1.0)])
    found = trivial_baseline.block(replace(study, constants={"one": made.scalars((0.1, 0.2))}))
    assert found is not None
    assert found.sentences == (
        "Every method learns all of 2 tasks: it removes at least 10% of the trivial error of each.",
    )


def test_rows_that_lack_a_result_are_not_said_to_learn() -> None:
    records = [*made.baselines(), made.run("fixed", (20, 20)), made.run("broken", None)]
    study = replace(made.study(records), constants={"one": made.scalars((0.1, 0.2))})
    found = trivial_baseline.block(study)
    assert found is not None
    assert found.sentences == (
        "single-task and fixed learn all of 2 tasks.",
        "broken lacks a result on some task.",
    )


def test_a_task_that_one_answer_solves_is_nothing_to_learn() -> None:
    study = made.study([*made.baselines(), made.run("fixed", 1.0)])
    found = trivial_baseline.block(replace(study, constants={"one": made.scalars((0.1, 1.0))}))
    assert found is not None
    assert found.sentences[0].startswith("Every method learns all of 1 task:")
    none = trivial_baseline.block(replace(study, constants={"one": made.scalars((1.0, 1.0))}))
    assert none is not None
    assert none.sentences == ()


@pytest.mark.parametrize("constants", [{}, {"two": made.scalars((0.1, 0.1))}])
def test_where_no_constant_answer_is_known_nothing_is_said(constants: dict) -> None:
    study = made.study([*made.baselines(), made.run("fixed", 1.0)])
    assert trivial_baseline.block(replace(study, constants=constants)) is None
