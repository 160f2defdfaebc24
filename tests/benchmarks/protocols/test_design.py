"""Searches: the same design for all, chosen on validation alone, and what follows from the choice."""

from __future__ import annotations

import io
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from balancers import Interval, Simplex, create
from balancers.step.compute import relative_compute
from benchmarks.analysis.results import read_results
from benchmarks.protocols.axes import crossed
from benchmarks.protocols.design import front, trials
from benchmarks.protocols.expand import Filters, expand
from benchmarks.protocols.schema import Protocol
from benchmarks.records import selection
from benchmarks.records.record import FRONT, SINGLE_TASK, Cell, Record
from benchmarks.records.store import load
from benchmarks.running import runner
from benchmarks.running.runner import Options
from benchmarks.training.groups import train_group
from benchmarks.training.loaded import Loaded
from benchmarks.training.measuring import evaluate
from benchmarks.training.measuring.compute import steps_of_equal_compute
from tests.benchmarks.records.test_selection import record
from tests.benchmarks.tiny_suite import PROTOCOL, Tiny, protocol, registered

SEARCH = PROTOCOL.replace("learning_rates = [1e-2]", "learning_rates = [1e-2]\nlearning_rate_range = [1e-3, 1e-1]")
SEARCH = SEARCH.replace("seeds = 2", "seeds = 3").replace("[methods.pcgrad]", '[methods.again]\nbalancer = "fixed"\n')
SEARCH = SEARCH.replace("[methods.fixed]", "[methods.fixed]\nsearch = []\n") + "seeds_from = 1000\nsearch = []\n"
SEARCH = SEARCH.replace("[defaults]", "[search]\ntrials = 3\nseeds = 1\n\n[front]\npoints = 3\nseeds = 2\n\n[defaults]")


@pytest.fixture(autouse=True)
def _tiny() -> Iterator[None]:
    with registered("tiny"):
        yield


def searching() -> Protocol:
    return Protocol.model_validate(tomllib.loads(SEARCH))


def run(folder: Path, text: str = SEARCH) -> list[Record]:
    source = folder.with_suffix(".toml")
    source.write_text(text, encoding="utf-8")
    runner.run(source, Filters(), folder, Options(torch.device("cpu"), replicas=1), Console(file=io.StringIO()))
    return load(folder)


def settings(cells: Sequence[Cell], row: str) -> list[tuple[int, float]]:
    return [(cell.trial, cell.learning_rate) for cell in cells if cell.row == row and cell.tasks != ("side",)]


def test_the_first_trial_is_the_defaults_and_learning_rates_do_not_depend_on_the_space() -> None:
    bare = list(trials(5, 1e-3, (1e-4, 1e-2), {}, 2))
    rich = list(trials(5, 1e-3, (1e-4, 1e-2), {"a": Interval(0.0, 1.0), "weights": Simplex()}, 3))
    assert [trial.learning_rate for trial in bare] == [trial.learning_rate for trial in rich]
    assert rich[0] == (0, 1e-3, {})
    assert all(1e-4 <= trial.learning_rate <= 1e-2 for trial in bare)
    assert len({trial.hyperparameters["a"] for trial in rich[1:]}) == 4
    assert list(trials(3, 1e-3, (1e-4, 1e-2), {}, 2)) == bare[:3], "more trials begin with the same"


def test_a_design_covers_its_range() -> None:
    rates = sorted(trial.learning_rate for trial in list(trials(17, 1e-3, (1e-4, 1e-2), {}, 2))[1:])
    for half in range(4):  # of the logarithmic range
        low, high = 1e-4 * 10 ** (half / 2), 1e-4 * 10 ** ((half + 1) / 2)
        assert 3 <= sum(low <= rate < high for rate in rates) <= 5


def test_the_front_of_two_tasks_is_even_and_relative_to_the_scales() -> None:
    assert front(3, 2, (1.0, 1.0)) == [[0.5, 1.5], [1.0, 1.0], [1.5, 0.5]]
    shares = [a / (a + 100 * b) for a, b in front(3, 2, (1.0, 100.0))]
    assert shares == pytest.approx([0.25, 0.5, 0.75], rel=1e-2)
    assert len({tuple(weights) for weights in front(12, 5, (1.0,) * 5)}) == 12


def test_every_row_has_the_same_trials() -> None:
    cells = expand(searching())
    rates = [rate for _, rate in settings(cells, "gradnorm")]
    for row in ("fixed", "again", SINGLE_TASK):
        assert [rate for _, rate in settings(cells, row)] == rates
    assert {cell.seed for cell in cells if cell.row != "again"} == {0}
    assert {cell.seed for cell in cells if cell.row == "again"} == {1000}
    alphas = {cell.hyperparameters["alpha"] for cell in cells if cell.row == "gradnorm"}
    assert len(alphas) == 3


def test_given_hyperparameters_are_not_searched() -> None:
    methods = {"fixed": {"search": []}, "gradnorm": {"hyperparameters": {"alpha": 0.5}}}
    changes = searching().model_dump(exclude_none=True) | {"methods": methods}
    cells = expand(Protocol.model_validate(changes))
    assert {cell.hyperparameters["alpha"] for cell in cells if cell.row == "gradnorm"} == {0.5}


def test_a_search_needs_a_range_and_one_usual_learning_rate() -> None:
    with pytest.raises(ValueError, match="learning_rate_range"):
        protocol(search={"trials": 3})
    defaults = searching().defaults.model_dump(exclude_none=True) | {"learning_rates": [1e-3, 1e-2]}
    with pytest.raises(ValueError, match="holds one"):
        protocol(search={"trials": 3}, defaults=defaults)


def test_a_hyperparameter_without_a_space_cannot_be_searched() -> None:
    methods = {"fixed": {"search": []}, "gradnorm": {"search": ["alhpa"]}}
    changes = searching().model_dump(exclude_none=True) | {"methods": methods}
    with pytest.raises(ValueError, match="alpha"):
        expand(Protocol.model_validate(changes))


def test_the_chosen_setting_is_run_with_all_seeds_and_the_front_with_its_learning_rate(tmp_path: Path) -> None:
    records = run(tmp_path / "results")
    by_row: dict[tuple[str, tuple[str, ...]], list[Record]] = {}
    for each in records:
        by_row.setdefault((each.cell.row, each.cell.tasks), []).append(each)
    for (row, _), found in by_row.items():
        if row == FRONT:
            continue
        best = min((r for r in found if r.cell.repetition == 0), key=selection.score)
        more = [r for r in found if r.cell.repetition > 0]
        assert sorted(r.cell.repetition for r in more) == [1, 2]
        assert {r.cell.trial for r in more} == {best.cell.trial}
        assert len(found) == 3 + 2
    chosen = next(r for (row, _), found in by_row.items() if row == "fixed" for r in found if r.cell.seed == 1)
    points = by_row[FRONT, ("height", "side")]
    assert len(points) == 3 * 2
    assert {r.cell.learning_rate for r in points} == {chosen.cell.learning_rate}
    before = {record.id for record in records}
    assert {record.id for record in run(tmp_path / "results")} == before, "nothing is left to run"


def test_a_study_holds_the_chosen_settings_and_the_front_apart(tmp_path: Path) -> None:
    run(tmp_path / "results")
    found = read_results(tmp_path / "results")
    assert {record.cell.row for record in found.records} == {SINGLE_TASK, "fixed", "gradnorm", "again"}
    assert all(row.done == row.total == 3 for suite in found.aggregates.suites for row in suite.rows)
    assert len(found.front) == 6
    assert len(found.trials) == (2 + 3) * 5
    assert {r.id for r in found.records} <= {r.id for r in found.trials}


def test_poisoned_test_metrics_change_the_test_column_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = {each.id: each for each in run(tmp_path / "clean")}
    splits = Tiny().load()
    honest = evaluate.evaluate

    def poisoned(model: Any, tasks: Any, split: Any) -> Any:
        found = honest(model, tasks, split)
        if torch.equal(split.inputs["x"], splits.test.inputs["x"]):
            noise = torch.rand((), generator=torch.Generator().manual_seed(hash(str(found)) % 2**31)).item()
            return {task: dict.fromkeys(metrics, 1000.0 * noise) for task, metrics in found.items()}
        return found

    monkeypatch.setattr("benchmarks.training.engines.single.evaluate", poisoned)
    dirty = {each.id: each for each in run(tmp_path / "dirty")}
    assert dirty.keys() == clean.keys(), "the same trials, choices and front"
    shown = [{each.id for each in read_results(tmp_path / name).records} for name in ("clean", "dirty")]
    assert shown[0] == shown[1]
    for key, found in dirty.items():
        before = clean[key]
        assert found.best is not None
        assert before.best is not None
        assert found.best.test != before.best.test
        assert _without_test(found) == _without_test(before)


def _without_test(record: Record) -> dict[str, Any]:
    outcomes = {"best": {"test"}, "last": {"test"}, "at_equal_compute": {"test"}}
    return record.model_dump(exclude={"cost": True, "finished": True, "environment": True, **outcomes})


@pytest.mark.parametrize(
    ("name", "place", "tasks", "expected"),
    [
        ("fixed", "shared", 5, 1),
        ("pcgrad", "shared", 1, 1),
        ("pcgrad", "shared", 4, 9 / 3),
        ("pcgrad", "features", 4, 1),
        ("famo", "shared", 4, 4 / 3),
        ("modo", "shared", 2, 3 * 5 / 3),
        ("every:4:pcgrad", "shared", 4, (9 + 3 * 3) / 4 / 3),
    ],
)
def test_compute_in_steps_of_equal_weights(name: str, place: str, tasks: int, expected: float) -> None:
    assert relative_compute(create(name), place, tasks) == pytest.approx(expected)


def test_a_run_records_its_state_at_equal_compute() -> None:
    suite = Tiny()
    loaded = Loaded(suite, suite.load(), torch.device("cpu"))
    for row, step in (("fixed", 12), ("pcgrad", round(12 / (5 / 3)))):
        (cell,) = [cell for cell in expand(protocol()) if cell.row == row and cell.seed == 0]
        assert steps_of_equal_compute(cell, 12) == step
        (record,) = train_group([cell], loaded)
        (shorter,) = train_group([cell.model_copy(update={"steps": step})], loaded)
        assert record.at_equal_compute is not None
        assert record.at_equal_compute == shorter.last, "as if it had stopped there"


def test_axes_make_rows_where_they_make_a_difference() -> None:
    found = protocol(axes={"rescaled": ["mean"], "heads": ["own", "weighted"], "places": ["shared", "features"]})
    labels = set(crossed(found.methods, found))
    assert labels >= {"pcgrad (rescaled to mean)", "pcgrad (weighted heads)", "pcgrad (at features)"}
    assert "pcgrad (own heads)" not in labels, "as in the paper already"
    assert "fixed (at features)" not in labels, "it looks at no gradient"


def test_a_method_is_not_put_where_it_cannot_look() -> None:
    found = protocol(methods={"fixed": {}, "moco": {}}, axes={"places": ["features"]})
    assert "moco (at features)" not in crossed(found.methods, found)


def test_optimizers_are_problems_of_their_own_with_their_learning_rates() -> None:
    cells = expand(protocol(axes={"optimizers": {"adam": 1.0, "sgd": 10.0}}))
    rates: Mapping[str, set[float]] = {
        problem: {cell.learning_rate for cell in cells if cell.problem == problem} for problem in ("tiny", "tiny (sgd)")
    }
    assert rates == {"tiny": {0.01}, "tiny (sgd)": {0.1}}
    assert {cell.row for cell in cells if cell.optimizer == "sgd"} == {cell.row for cell in cells}


def test_a_tie_goes_to_the_earlier_trial_and_a_failure_loses() -> None:
    same = [record(1e-3, 0, 0.5, trial=number) for number in (1, 0)]
    assert {r.cell.trial for r in selection.chosen(same)} == {0}
    failed = [record(1e-3, 0, 0.1, "diverged", trial=0), record(1e-3, 0, 0.5, trial=1)]
    assert {r.cell.trial for r in selection.chosen(failed)} == {1}


def test_where_all_is_run_every_seed_is_a_search_of_its_own() -> None:
    errors = {0: (0.5, 0.4), 1: (0.2, 0.3), 2: (0.1, 0.6)}
    records = [
        record(1e-3, seed, error, trial=trial) for seed, two in errors.items() for trial, error in enumerate(two)
    ]
    assert {r.cell.seed: r.cell.trial for r in selection.chosen(records)} == {0: 1, 1: 0, 2: 0}
    assert {r.cell.trial for r in selection.chosen(records, lambda _: True)} == {0}


def test_of_a_search_cut_short_each_seed_has_what_it_tried() -> None:
    records = [record(1e-3, 0, 0.5, trial=0), record(1e-3, 0, 0.4, trial=1), record(1e-3, 1, 0.9, trial=0)]
    assert {r.cell.seed: r.cell.trial for r in selection.chosen(records)} == {0: 1, 1: 0}


def test_seeds_that_only_one_setting_has_do_not_decide() -> None:
    records = [record(1e-3, 0, 0.5, trial=0), record(1e-3, 0, 0.4, trial=1), record(1e-3, 1, 0.9, trial=1)]
    found = selection.chosen(records, lambda _: True)
    assert {r.cell.trial for r in found} == {1}
    assert len(found) == 2


def test_where_each_seed_searches_the_front_has_each_seeds_learning_rate(tmp_path: Path) -> None:
    alone = SEARCH.replace("trials = 3\nseeds = 1", "trials = 3")
    records = run(tmp_path / "results", alone)
    equal = selection.chosen(record for record in records if record.cell.row == "fixed")
    rates = {record.cell.seed: record.cell.learning_rate for record in equal}
    points = [record.cell for record in records if record.cell.row == FRONT]
    assert len(points) == 3 * 2
    assert all(point.learning_rate == rates[point.seed] for point in points)


def test_tuned_weights_run_whatever_methods_are_chosen() -> None:
    found = Protocol.model_validate(tomllib.loads('tuned_reference = "again"\n' + SEARCH))
    assert {cell.row for cell in expand(found, Filters(("gradnorm",)))} == {SINGLE_TASK, "fixed", "again", "gradnorm"}


def test_a_row_of_an_axis_keeps_what_the_suite_gives_its_method() -> None:
    text = SEARCH.replace("[suites.tiny]", "[suites.tiny]\n[suites.tiny.methods.gradnorm]\nalpha = 0.7")
    found = Protocol.model_validate(tomllib.loads(text + "\n[axes]\nrescaled = ['mean']\n"))
    rows = {cell.row: cell.hyperparameters for cell in expand(found) if cell.trial == 0}
    assert rows["gradnorm"]["alpha"] == rows["gradnorm (rescaled to mean)"]["alpha"] == 0.7


@pytest.mark.parametrize("name", [SINGLE_TASK, FRONT])
def test_a_method_cannot_have_the_name_of_another_row(name: str) -> None:
    with pytest.raises(ValueError, match="stands for other rows"):
        protocol(methods={"fixed": {}, name: {"balancer": "fixed"}})
