"""The transfer study: equal compute, choices on validation alone, and results that an interruption does not lose."""

from __future__ import annotations

import io
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner, Result

from benchmarks.analysis.results import read_results
from benchmarks.cli import app
from benchmarks.protocols.expand import ALL
from benchmarks.records.record import SINGLE_TASK, MetricFact, Record
from benchmarks.records.store import Store, load
from benchmarks.running import runner
from benchmarks.studies.finetuning import chart, forwards, results, study, table, words
from benchmarks.studies.finetuning.budget import further_epochs, relative_cost
from benchmarks.studies.finetuning.plan import comparisons, planned_tunings
from benchmarks.studies.finetuning.results import TransferOutcome, TransferResults, rows
from benchmarks.studies.finetuning.tuning import TUNED, Tuned, Tuner, TuningSetting
from benchmarks.studies.results import Origin
from benchmarks.training.finetune import Epoch, Finetuning, best_within, follow
from tasks.base import DataUnavailableError
from tests.benchmarks import synthetic
from tests.benchmarks.tiny_suite import PROTOCOL, Tiny, registered

MORE = 2
NOWHERE = Origin("command", {})
E = 3  # 12 steps of 10 of 32 points
ERROR = [MetricFact(name="mse", best=0.0, higher_is_better=False)]


@pytest.fixture(autouse=True)
def _tiny() -> Iterator[None]:
    with registered("tiny"):
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of the tiny protocol, with two seeds."""
    folder = tmp_path_factory.mktemp("transfer")
    (folder / "tiny.toml").write_text(PROTOCOL, encoding="utf-8")
    with registered("tiny"):
        again(folder / "results", folder / "tiny.toml")
    return folder


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A folder of its own for a test that changes something."""
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def again(folder: Path, protocol: Path) -> str:
    """Run the study, and return what it says on the way."""
    console = Console(file=io.StringIO(), width=200)
    options = runner.Options(torch.device("cpu"))
    study.run(protocol, ALL, TuningSetting(folder), MORE, options, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["transfer", *map(str, arguments)], env={"COLUMNS": "200"})


def epochs(validation: list[float], test: list[float]) -> list[Epoch]:
    pairs = zip(validation, test, strict=True)
    return [Epoch(validation={"mse": seen}, test={"mse": hidden}) for seen, hidden in pairs]


@pytest.mark.parametrize(
    ("cost", "trained", "more", "expected"),
    [
        (1.0, 3, 2, 2),  # a step that costs the same: fine-tuning alone
        (2.0, 3, 2, 5),  # F + E
        (1.5, 3, 2, 4),  # 3.5, rounded up
        (0.5, 4, 3, 3),  # never less than fine-tuning has
        (1.1, 10, 3, 4),  # (1.1 - 1) 10 is a little more than 1 in floating point
        (1.25, 2.4, 1, 2),  # an uneven number of epochs
    ],
)
def test_single_task_goes_on_until_both_have_cost_the_same(
    cost: float, trained: float, more: int, expected: int
) -> None:
    assert further_epochs(cost, trained, more) == expected


def test_the_budget_is_the_smallest_that_favours_single_task() -> None:
    for cost in (1.0, 1.3, 2.07, 3.9):
        spent, allowed = cost * 4 + 3, 4 + further_epochs(cost, 4, 3)
        assert spent <= allowed < spent + 1


def test_without_a_time_of_steps_there_is_no_equal_compute() -> None:
    with pytest.raises(ValueError, match="run the protocol again"):
        further_epochs(math.nan, 3, 2)


def test_both_steps_are_measured_in_forward_passes_of_their_own_runs() -> None:
    tasks = ("left", "right")
    cells = [synthetic.cell("multimnist", "pcgrad", tasks, seed) for seed in range(3)]
    slow = [synthetic.record(cell, {}, {}, seconds=s) for cell, s in zip(cells, (0.02, 0.03, 0.1), strict=True)]
    alone = synthetic.record(synthetic.cell("multimnist", SINGLE_TASK, ("left",), 0), {}, {}, seconds=0.012)
    assert relative_cost(slow, [alone], 1.0) == pytest.approx(0.03 / 0.012)
    assert relative_cost(slow, [alone], 1.2) == pytest.approx(1.2 * 0.03 / 0.012)
    assert alone.cost is not None
    drifted = alone.cost.model_copy(update={"step": 2 * alone.cost.step, "forward": 2 * alone.cost.forward})
    assert relative_cost(slow, [alone.model_copy(update={"cost": drifted})], 1.0) == pytest.approx(0.03 / 0.012)


def test_forward_passes_are_timed_once_with_the_losses_of_their_tasks(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed: list[list[list[str]]] = []

    def alternate(steps: Mapping[str, Callable[[], Any]], *_: object) -> dict[str, float]:
        timed.append([list(steps[side]()) for side in ("multi", "single")])
        return {"multi": 3.0, "single": 2.0}

    monkeypatch.setattr(forwards, "alternate", alternate)
    records = read_results(finished / "results").records
    multi = [record for record in records if record.cell.row != SINGLE_TASK]
    single = [record for record in records if record.cell.tasks == ("side",)]
    for _ in range(2):
        found = forwards.Forwards(Tuner(TuningSetting(tmp_path)), tmp_path)
        assert found.ratio(multi, single) == 1.5
        assert math.isnan(found.ratio(multi, []))
    assert timed == [[["height", "side"], ["side"]]]
    larger = [r.model_copy(update={"cell": r.cell.model_copy(update={"batch_size": 20})}) for r in multi]
    assert forwards.Forwards(Tuner(TuningSetting(tmp_path)), tmp_path).ratio(larger, single) == 1.5
    assert len(timed) == 2, "what was timed with another batch size is no answer"


def test_on_a_gpu_forward_passes_are_those_of_the_records(finished: Path, tmp_path: Path) -> None:
    records = read_results(finished / "results").records
    (multi, *_), (single, *_) = ([r for r in records if (len(r.cell.tasks) == 1) == alone] for alone in (False, True))
    assert multi.cost is not None
    assert single.cost is not None
    found = forwards.Forwards(Tuner(TuningSetting(tmp_path, device="cuda")), tmp_path).ratio([multi], [single])
    assert found == pytest.approx(multi.cost.forward / single.cost.forward)


def test_the_best_epoch_on_validation_counts_whatever_the_test_split_says() -> None:
    seen = [3.0, 1.5, 2.0, 1.0, 0.5]
    for hidden in ([0.0] * 5, [5.0, 4.0, 3.0, 2.0, 1.0], [0.0, 9.0, 0.0, 9.0, math.nan]):
        chosen = [best_within(epochs(seen, hidden), ERROR, budget) for budget in range(5)]
        assert chosen == [0, 1, 1, 3, 4]


def test_the_earliest_of_equals_counts_and_broken_epochs_do_not() -> None:
    assert best_within(epochs([1.0, 1.0, 1.0], [3.0, 2.0, 1.0]), ERROR, 2) == 0
    assert best_within(epochs([2.0, math.nan, 1.0], [0.0] * 3), ERROR, 2) == 2
    assert best_within(epochs([2.0, math.nan, math.inf], [0.0] * 3), ERROR, 2) == 0


def test_a_longer_training_begins_like_a_shorter_one() -> None:
    suite, splits = Tiny(), Tiny().load()

    def followed(count: int) -> list[Epoch]:
        model = suite.build(0, ("height", "side"))
        return follow(model, suite.tasks[0], splits, Finetuning(count, 1e-2, 10))

    long = followed(4)
    assert len(long) == 5
    assert long[:3] == followed(2)
    assert long[4].validation["mse"] < long[0].validation["mse"]


def test_fine_tuning_on_a_task_leaves_the_heads_of_others() -> None:
    suite, splits = Tiny(), Tiny().load()
    model = suite.build(0, ("height", "side"))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    follow(model, suite.tasks[0], splits, Finetuning(1, 1e-2, 10))
    same = {name for name, value in model.state_dict().items() if torch.equal(value, before[name])}
    assert same == {"heads.side.weight", "heads.side.bias"}


def test_one_continuation_of_a_baseline_serves_all_methods(finished: Path) -> None:
    found = read_results(finished / "results")
    compared = comparisons(found.records, found.aggregates.rows, MORE, lambda _: E, lambda *_: 1.2)
    planned = planned_tunings(compared, MORE)
    alone = [job for job in planned if job.cell.row == SINGLE_TASK]
    assert len(alone) == 2 * 2  # tasks, seeds
    longest = {one.task: max(one.budgets.values()) for one in compared}
    assert all(job.epochs == longest[job.task] for job in alone)
    others = [job for job in planned if job.cell.row != SINGLE_TASK]
    assert len(others) == 3 * 2 * 2
    assert {job.epochs for job in others} == {MORE}


def test_every_outcome_is_what_the_files_say(finished: Path) -> None:
    folder = finished / "results"
    by = {(r.cell.row, r.cell.tasks, r.cell.seed): r for r in read_results(folder).records}
    files = [Tuned.model_validate_json(path.read_bytes()) for path in (folder / TUNED).iterdir()]
    tuned = {(one.run, one.task): one.epochs for one in files}
    found = TransferResults.load(folder).outcomes
    assert len(found) == 3 * 2 * 2
    for outcome in found:
        run, alone = (
            by[row, tasks, outcome.seed]
            for row, tasks in (
                (outcome.row, ("height", "side")),
                (SINGLE_TASK, (outcome.task,)),
            )
        )
        assert outcome.trained == E
        assert outcome.multi == near(metric(run, outcome))
        assert outcome.plain == near(metric(alone, outcome))
        assert outcome.budget == further_epochs(outcome.cost, E, MORE)
        for epoch, value, of, budget in (
            (outcome.tuned_epoch, outcome.tuned, run, MORE),
            (outcome.single_epoch, outcome.single, alone, int(outcome.budget)),
        ):
            seen = tuned[of.id, outcome.task][: budget + 1]
            errors = [abs(outcome.best - one.validation[outcome.metric]) for one in seen]
            assert epoch == errors.index(min(errors))
            assert value == near(seen[int(epoch)].test[outcome.metric])
        assert tuned[run.id, outcome.task][0].test[outcome.metric] == near(outcome.multi)


def metric(run: Record, outcome: TransferOutcome) -> float:
    assert run.best is not None
    return run.best.test[outcome.task][outcome.metric]


def near(value: object) -> object:
    return pytest.approx(value, rel=1e-5)  # as precise as the file


def test_a_poisoned_test_split_changes_no_choice(copy: Path) -> None:
    folder = copy / "results"
    for path in (folder / TUNED).iterdir():
        found = Tuned.model_validate_json(path.read_bytes())
        tempting = [
            one.model_copy(update={"test": {name: float(-k) if k % 2 else 100.0 * k for name in one.test}})
            for k, one in enumerate(found.epochs)
        ]
        path.write_text(found.model_copy(update={"epochs": tempting}).model_dump_json(), encoding="utf-8")
    before = TransferResults.load(folder).outcomes
    after, _ = study.tune(TuningSetting(folder), MORE, 0, Console(quiet=True))
    assert [(o.tuned_epoch, o.single_epoch) for o in after] == [(o.tuned_epoch, o.single_epoch) for o in before]
    assert {o.tuned for o in after} | {o.single for o in after} <= {0.0, -1.0, 200.0, -3.0, 400.0, -5.0, 600.0, -7.0}


def test_the_study_goes_on_where_it_was_interrupted(copy: Path) -> None:
    folder = copy / "results"
    before = (folder / "transfer.csv").read_bytes()
    files = {path: path.stat().st_mtime_ns for path in (folder / TUNED).iterdir()}
    assert len(files) == (3 + 1) * 2 * 2
    first, *others = sorted(files)
    first.unlink()
    others[0].write_text('{"run": ', encoding="utf-8")  # cut off, as no file of the study's own could be
    said = again(folder, copy / "tiny.toml")
    assert "[15/16]" in said
    assert "[16/16]" in said
    assert "[14/16]" not in said
    assert first.is_file()
    assert all(path.stat().st_mtime_ns == files[path] for path in others[1:])
    assert (folder / "transfer.csv").read_bytes() == before
    assert again(folder, copy / "tiny.toml") == ""


def test_another_learning_rate_is_tuned_anew(copy: Path) -> None:
    console = Console(file=io.StringIO(), width=200)
    found, _ = study.tune(TuningSetting(copy / "results", rate=0.1), MORE, 0, console)
    assert {outcome.rate for outcome in found} == {0.1}
    assert console.file.getvalue().count("epoch") == 16  # pyright: ignore[reportAttributeAccessIssue]


def test_a_model_that_was_trained_again_is_tuned_anew(copy: Path) -> None:
    model = next((copy / "results" / "models").glob("*pcgrad*")) / "model.safetensors"
    later = max(path.stat().st_mtime for path in (copy / "results" / TUNED).iterdir()) + 10
    os.utime(model, (later, later))
    console = Console(file=io.StringIO(), width=200)
    study.tune(TuningSetting(copy / "results"), MORE, 0, console)
    assert console.file.getvalue().count("epoch") == 2, "both tasks of one model"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_fine_tuning_that_fails_is_told_and_the_others_count(copy: Path) -> None:
    folder = copy / "results"
    model = next((folder / "models").glob("*pcgrad*s1*")) / "model.safetensors"
    model.write_bytes(b"cut off")
    later = max(path.stat().st_mtime for path in (folder / TUNED).iterdir()) + 10
    os.utime(model, (later, later))
    again = call("--protocol", copy / "tiny.toml", "--results", folder, "--epochs", MORE, "--workers", 0)
    assert again.exit_code == 1
    assert again.output.count("tiny pcgrad") == again.output.count(", failed (") == 2, "both tasks of one model"
    assert "2 failed, as the table says; the same command tries fine-tunings again" in again.output
    lost = [outcome for outcome in TransferResults.load(folder).outcomes if math.isnan(outcome.tuned)]
    assert [(o.row, o.seed, o.task) for o in lost] == [("pcgrad", 1, task) for task in ("height", "side")]
    assert all(o.note.startswith(f"pcgrad: fine-tuning on {o.task} failed (ValueError: ") for o in lost)
    assert "pcgrad: fine-tuning on side failed" in (folder / study.PAGE).read_text(encoding="utf-8")


DEADLY = """
import os
import signal

from tasks import registry
from tests.benchmarks.tiny_suite import Tiny


@registry.register("tiny")
class Deadly(Tiny):
    def _regression(self, outputs, targets):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_dies_takes_one_fine_tuning_with_it(copy: Path) -> None:
    """The task "height" kills its process, "side" does not."""
    folder, plugin = copy / "results", copy / "deadly.py"
    plugin.write_text(DEADLY, encoding="utf-8")
    before = TransferResults.load(folder).outcomes
    files = [path for path in sorted((folder / TUNED).iterdir()) if "pcgrad" in path.name and "s1" in path.name]
    assert [path.name.rpartition("--")[2] for path in files] == ["height.json", "side.json"]
    whole = files[1].read_bytes()
    for path in files:
        path.unlink()
    console = Console(file=io.StringIO(), width=200)
    outcomes, failed = study.tune(TuningSetting(folder, threads=1, plugins=(plugin,)), MORE, 2, console)
    told = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert failed == 1
    assert "tiny pcgrad height, seed 1: 2 epochs, failed (its process died (signal SIGKILL); if memory ran out" in told
    assert "use fewer --workers" in told
    assert files[1].read_bytes() == whole
    (lost,) = (outcome for outcome in outcomes if math.isnan(outcome.tuned))
    assert (lost.row, lost.seed, lost.task) == ("pcgrad", 1, "height")
    assert "fine-tuning on height failed (its process died (signal SIGKILL)" in lost.note
    again, failed = study.tune(TuningSetting(folder), MORE, 0, Console(quiet=True))
    assert failed == 0
    assert [outcome.tuned for outcome in again] == near([outcome.tuned for outcome in before])


def test_processes_leave_what_this_process_leaves(copy: Path) -> None:
    folder = copy / "results"
    files = {path: path.read_bytes() for path in (folder / TUNED).iterdir() if "fixed" in path.name}
    assert len(files) == 2 * 2
    for path in files:
        path.unlink()
    plugin = copy / "tiny_suite.py"
    plugin.write_text(DEADLY.partition("    def")[0] + "    pass\n", encoding="utf-8")
    _, failed = study.tune(TuningSetting(folder, threads=1, plugins=(plugin,)), MORE, 2, Console(quiet=True))
    assert failed == 0
    assert {path: path.read_bytes() for path in files} == files


def test_data_that_are_gone_end_the_study_with_the_reason(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(copy / "results" / TUNED)
    monkeypatch.setattr(Tuner, "epochs_of", lambda *_: E)

    def load_nothing(*_: object) -> None:
        raise DataUnavailableError("the 48 points are gone")

    monkeypatch.setattr(Tiny, "load", load_nothing)
    with pytest.raises(ValueError, match="tiny cannot be fine-tuned: the 48 points are gone"):
        study.tune(TuningSetting(copy / "results"), MORE, 0, Console(quiet=True))


def test_runs_in_another_precision_are_refused(copy: Path) -> None:
    folder = copy / "results"
    records = load(folder)
    shutil.rmtree(folder / "records")
    for record in records:
        cell = record.cell.model_copy(update={"precision": "bfloat16"})
        Store(folder).write(record.model_copy(update={"cell": cell, "id": cell.id}))
    with pytest.raises(ValueError, match="has runs in bfloat16, and fine-tuning is in float32"):
        study.tune(TuningSetting(folder), MORE, 0, Console(quiet=True))


def test_a_model_that_is_lost_is_told(copy: Path) -> None:
    shutil.rmtree(copy / "results" / "models")
    with pytest.raises(ValueError, match=r"lacks the models of 10 runs.*--save-models"):
        study.tune(TuningSetting(copy / "results"), MORE, 0, Console(quiet=True))


def test_a_run_that_broke_is_kept_as_a_note(finished: Path) -> None:
    records = list(read_results(finished / "results").records)
    broken = next(i for i, r in enumerate(records) if r.cell.row == "pcgrad" and r.cell.seed == 1)
    records[broken] = records[broken].model_copy(update={"status": "diverged", "reason": "step 3", "best": None})
    compared = comparisons(records, ["fixed", "pcgrad"], MORE, lambda _: E, lambda *_: 1.2)
    assert len(planned_tunings(compared, MORE)) == 2 * (2 + 2 + 1)

    def find(run: Record, task: str, count: int) -> Tuned:
        seen = [Epoch(validation={"mse": 1.0, "accuracy": 0.5}, test={"mse": 1.0, "accuracy": 0.5})] * (count + 1)
        return Tuned(run=run.id, task=task, learning_rate=1e-2, epochs=seen)

    found = results.outcomes(compared, MORE, 1.0, find)
    (lost,) = [o for o in found if o.row == "pcgrad" and o.seed == 1 and o.task == "height"]
    assert math.isnan(lost.tuned)
    assert lost.note == "pcgrad: diverged (step 3)"
    text = table.as_markdown(found, NOWHERE, {"far": "no data"})
    assert "- tiny, seed 1: pcgrad: diverged (step 3)" in text
    assert "- far was skipped: no data" in text
    assert "1.000 (1)" in text


def test_a_suite_whose_runs_left_nothing_does_not_take_the_others_down(
    finished: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = list(read_results(finished / "results").records)
    lost = {"status": "failed", "reason": "the process died", "metrics": {}, "best": None, "last": None, "cost": None}
    for record in read_results(finished / "results").records:
        cell = record.cell.model_copy(update={"variant": "dead"})
        records.append(record.model_copy(update=lost | {"cell": cell, "id": cell.id}))
    compared = comparisons(records, ["fixed"], MORE, lambda _: E, lambda *_: 1.2)
    assert {one.suite for one in compared} == {"tiny"}
    assert "dead: height is left out, because none of its runs left a result" in caplog.text


def test_without_baselines_there_is_nothing_to_compare(finished: Path) -> None:
    records = [record for record in read_results(finished / "results").records if record.cell.row != SINGLE_TASK]
    with pytest.raises(ValueError, match=r"nothing to compare.*--retry-failed"):
        comparisons(records, ["fixed"], MORE, lambda _: E, lambda *_: 1.2)


def outcome(row: str, seed: int, tuned: float, single: float, *, higher: bool = True) -> TransferOutcome:
    return TransferOutcome(
        suite="made",
        task="up" if higher else "down",
        tasks=2,
        row=row,
        seed=seed,
        metric="accuracy" if higher else "error",
        best=float(higher),
        higher_is_better=higher,
        trained=3.0,
        more=2,
        rate=1.0,
        cost=1.5,
        budget=4.0,
        plain=0.4,
        multi=0.45,
        tuned=tuned,
        tuned_epoch=2.0,
        single=single,
        single_epoch=3.0,
        note="",
    )


def made(seeds: int) -> list[TransferOutcome]:
    """Row "a" is 25 % ahead where higher is better and where lower is better, row "b" is as much behind."""
    return [
        outcome(row, seed, 0.5 + sign * 0.125 * (1 if higher else -1), 0.5, higher=higher)
        for higher in (True, False)
        for row, sign in (("a", 1), ("b", -1))
        for seed in range(seeds)
    ]


def test_differences_are_in_percent_of_single_task_and_above_0_is_better() -> None:
    ahead = {(row.task, row.row): row.ahead().mean for row in rows(made(3))}
    assert ahead == pytest.approx({("up", "a"): 25, ("up", "b"): -25, ("down", "a"): 25, ("down", "b"): -25})
    assert rows(made(3))[0].ahead("tuned", "plain").mean == pytest.approx(56.25)


def test_intervals_need_five_seeds() -> None:
    assert not rows(made(4))[0].ahead().has_interval
    assert rows(made(5))[0].ahead().has_interval
    assert "+25.0 [+25.0, +25.0]" in table.as_markdown(made(5), NOWHERE, {})


def test_the_sentences_say_who_wins_by_how_much_and_how_surely() -> None:
    first, second, third, fourth = words.sentences(rows(made(2)))
    assert "in 2 of 4 pairs of task and method: 2 of 4 on made" in first
    assert "most with a (2 of 2, +25.0 %), fewest with b (0 of 2, −25.0 %)" in second
    assert "from −25.0 % (b on made: " in third
    assert "With 2 seeds there are no intervals" in fourth
    assert "in 4 of 4 pairs all seeds agree" in fourth
    alone = "With 1 seed there are no intervals, and one difference is no evidence."
    assert words.sentences(rows(made(1)))[-1] == alone
    assert "above 0 in 2 and below 0 in 2 of 4 pairs" in words.sentences(rows(made(5)))[-1]
    some = [o for o in made(5) if (o.row, o.seed) != ("b", 4)]
    assert "above 0 in 2 and below 0 in 0 of 2 pairs" in words.sentences(rows(some))[-1]
    assert words.sentences(rows(some))[-1].endswith("2 pairs with fewer than 5 seeds have none.")
    nothing = [o._replace(tuned=math.nan) for o in made(2)]
    assert words.sentences(rows(nothing)) == [
        "No method has a fine-tuned model beside a single-task model of the same seed: nothing can be said."
    ]


def test_models_that_begin_at_an_accuracy_of_0_do_not_break_the_sentences() -> None:
    found = words.sentences(rows([o._replace(multi=0.0) for o in made(2)]))
    assert "fine-tuning itself changed the multi-task models by – % in the median" in found[2]


def test_a_table_that_another_program_wrote_is_refused(tmp_path: Path) -> None:
    TransferResults(made(1)).save(tmp_path)
    path = tmp_path / "transfer.csv"
    whole = path.read_text(encoding="utf-8")
    for damaged in (whole.replace("suite,", "problem,"), whole.replace("0.5", "half"), whole.replace("0.5,", ""), ""):
        path.write_text(damaged, encoding="utf-8")
        with pytest.raises(ValueError, match=r"transfer.csv is not what `python -m benchmarks transfer` writes"):
            TransferResults.load(tmp_path)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    found = [*made(2), made(1)[0]._replace(single=math.nan, note="a: failed (it, broke)")]
    TransferResults(found).save(tmp_path)
    assert list(map(str, TransferResults.load(tmp_path).outcomes)) == list(map(str, found))


def test_every_task_has_a_panel_with_a_line_per_method() -> None:
    found = [o._replace(tuned=math.nan, multi=math.nan, single=math.nan) if o.row == "b" else o for o in made(2)]
    figure = chart.draw(found)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["made: up", "made: down"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["no result"]


def test_the_command_writes_everything_and_redraws(copy: Path) -> None:
    folder = copy / "results"
    said = call("--protocol", copy / "tiny.toml", "--results", folder, "--epochs", MORE, "--workers", 0)
    assert said.exit_code == 0, said.output
    assert f"Tables: {folder / 'transfer.md'}" in said.output
    names = {"transfer.md", "transfer.csv", "transfer.png", "transfer.svg", "environment.json", "records.jsonl.gz"}
    assert names <= {path.name for path in folder.iterdir()}
    text = (folder / "transfer.md").read_text(encoding="utf-8")
    assert "## tiny: height (mse, lower is better; K = 2, E = 3, F = 2)" in text
    assert f"`python -m benchmarks transfer --protocol {folder.name}/protocol.toml --epochs 2`" in text
    shutil.rmtree(folder / TUNED)
    assert call("--results", folder, "--redraw").exit_code == 0
    assert (folder / "transfer.md").read_text(encoding="utf-8") == text


def test_every_protocol_has_a_folder_of_its_own(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy)
    (copy / "results").rename("transfer-tiny")
    (copy / "results").mkdir()
    (copy / "transfer-tiny").rename("results/transfer-tiny")
    said = call("--protocol", "tiny.toml", "--redraw")
    assert "Tables: results/transfer-tiny/transfer.md" in said.output
    assert "results/transfer has no transfer.csv" in call("--redraw").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--protocol", "transfr"], "there is no protocol 'transfr'; did you mean 'transfer'?"),
        (["--redraw", "--results", "nowhere"], "nowhere has no transfer.csv: run `python -m benchmarks transfer"),
        (["--rate", 0], "--rate 0 would change no parameter; give a number above 0"),
    ],
)
def test_what_cannot_be_is_told(arguments: list[object], message: str) -> None:
    said = call(*arguments)
    assert said.exit_code == 2
    assert message in said.output


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no records"):
        study.tune(TuningSetting(tmp_path), MORE, 0, Console(quiet=True))
