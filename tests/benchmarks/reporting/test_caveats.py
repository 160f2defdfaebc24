"""What a reader must know of a study before trusting it."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.records import selection
from benchmarks.records.record import Record
from benchmarks.reporting.caveats import limits
from tests.benchmarks.reporting.findings import made


def searched(trials: int) -> list[Record]:
    return [made.run("fixed", 1.0, trial=trial, seed=seed) for seed in range(2) for trial in range(trials)]


def test_a_complete_study_of_one_machine_has_none() -> None:
    baselines = [record for trial in range(3) for record in made.baselines(seeds=2, trial=trial)]
    assert limits(made.study([*baselines, *searched(3)])) == []


def test_searches_that_were_cut_short_are_counted() -> None:
    complete = made.study([*made.baselines(), *searched(3)])
    records = [record for record in complete.trials if (record.cell.seed, record.cell.trial) != (1, 2)]
    (said,) = limits(replace(complete, searches=tuple(selection.searches(records))))
    assert "3 of 4 searches have not yet tried all 3 settings" in said


def test_records_of_other_settings_and_of_several_machines_are_told() -> None:
    found = replace(made.study([*made.baselines(), *searched(1)]), set_aside=7)
    first, *others = (r.model_copy(update={"environment": {"processor": "one"}}) for r in found.records)
    records = [first.model_copy(update={"environment": {"processor": "another"}}), *others]
    aside, machines = limits(replace(found, searches=tuple(selection.searches(records))))
    assert aside.startswith("7 records")
    assert machines.startswith("The records come from 2 processors (another, one)")
