"""Saved models: load, predict, fine-tune, and what is said of damaged ones."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.protocols.expand import Filters, expand
from benchmarks.training import saved_models
from benchmarks.training.finetune import Finetuning, finetune
from benchmarks.training.measuring.evaluate import evaluate
from benchmarks.training.saved_models import Card, load, predict
from tests.benchmarks.single import train
from tests.benchmarks.tiny_suite import Tiny, protocol, registered

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _tiny() -> Iterator[None]:
    with registered("tiny"):
        yield


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A model that `train` made."""
    cell = expand(protocol())[2]
    folder = tmp_path / "model"
    suite = Tiny()
    train(cell, suite, keep=lambda model: saved_models.save(folder, model, Card.of(cell, model)))
    return folder


def test_a_loaded_model_predicts_what_the_saved_one_did(tmp_path: Path) -> None:
    suite = Tiny(width=6)
    model = suite.build(7, ("height", "side")).eval()
    inputs = suite.load().test.inputs
    with torch.no_grad():
        expected = model(inputs)[1]
    card = Card(suite="tiny", suite_version=1, suite_options={"width": 6}, tasks=("height", "side"), history=())
    saved_models.save(tmp_path, model, card)
    for found in (predict(tmp_path, "test"), predict(tmp_path, inputs)):
        assert {task: out.tolist() for task, out in found.items()} == {t: o.tolist() for t, o in expected.items()}


def test_a_saved_model_has_the_metrics_of_its_record(tmp_path: Path) -> None:
    cell = expand(protocol())[2]
    suite = Tiny()
    splits = suite.load()
    record = train(cell, suite, splits, keep=lambda model: saved_models.save(tmp_path, model, Card.of(cell, model)))
    found = load(tmp_path)
    assert record.best is not None
    assert evaluate(found.model, found.tasks, splits.test) == record.best.test


def test_what_a_method_puts_between_encoder_and_heads_is_saved_with_the_model(tmp_path: Path) -> None:
    turning = next(cell for cell in expand(protocol(), Filters(balancers=("rotograd",))) if cell.balancer == "rotograd")
    suite = Tiny()
    splits = suite.load()
    keep = lambda model: saved_models.save(tmp_path, model, Card.of(turning, model))  # noqa: E731
    record = train(turning, suite, splits, keep=keep)
    assert record.best is not None, record.reason
    found = load(tmp_path)
    assert found.model.adapter is not None
    assert evaluate(found.model, found.tasks, splits.test) == record.best.test


def test_a_single_task_model_has_one_head(tmp_path: Path) -> None:
    cell = expand(protocol())[1]
    suite = Tiny()
    train(cell, suite, keep=lambda model: saved_models.save(tmp_path, model, Card.of(cell, model)))
    assert [task.name for task in load(tmp_path).tasks] == ["side"]


def test_predictions_are_written_with_their_targets(saved: Path, tmp_path: Path) -> None:
    examples = Tiny().load().test
    targets = examples.targets
    saved_models.write_predictions(tmp_path / "out.csv", predict(saved), examples)
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == ["height_output", "height_target", "side_output_0", "side_output_1", "side_target"]
    assert [float(line["height_target"]) for line in lines] == targets["height"].tolist()


def test_a_target_that_an_example_lacks_is_left_empty(saved: Path, tmp_path: Path) -> None:
    have = torch.arange(8) < 3
    examples = replace(Tiny().load().test, present={"side": have})
    saved_models.write_predictions(tmp_path / "out.csv", predict(saved), examples)
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["side_target"] != "" for line in lines] == have.tolist()
    assert all(line["side_output_0"] and line["height_target"] for line in lines)


def test_a_model_answers_what_somebody_gives_it(saved: Path) -> None:
    assert saved_models.answer(saved, "3,4,5").keys() == {"height", "side"}
    right = saved_models.answer(saved, "1,-9,9")["side"]
    assert right in ("left", "right")
    with pytest.raises(ValueError, match="three numbers"):
        saved_models.answer(saved, "up")


def test_fine_tuning_improves_the_task_and_is_remembered(saved: Path, tmp_path: Path) -> None:
    change = finetune(saved, tmp_path / "tuned", "height", Finetuning(epochs=30, learning_rate=1e-2))
    assert change.after["height"]["mse"] < change.before["height"]["mse"]
    found = load(tmp_path / "tuned")
    assert evaluate(found.model, found.tasks, Tiny().load().test)["height"] == change.after["height"]
    history = saved_models.read_card(tmp_path / "tuned").history
    assert len(history) == 2
    assert history[1] == "height alone, 30 epochs, learning rate 0.01"


def test_fine_tuning_the_head_alone_leaves_everything_else(saved: Path, tmp_path: Path) -> None:
    finetune(saved, tmp_path / "tuned", "height", Finetuning(epochs=30, learning_rate=1e-2, head_only=True))
    before, after = (load(folder).model.state_dict() for folder in (saved, tmp_path / "tuned"))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"heads.height.weight", "heads.height.bias"}


def test_fine_tuning_that_does_harm_keeps_the_model_as_it_was(saved: Path, tmp_path: Path) -> None:
    change = finetune(saved, tmp_path / "tuned", "height", Finetuning(epochs=2, learning_rate=1e3))
    assert change.after == change.before


def test_fine_tuning_twice_gives_the_same_numbers(saved: Path, tmp_path: Path) -> None:
    how = Finetuning(epochs=3, learning_rate=1e-2)
    assert finetune(saved, tmp_path / "a", "height", how) == finetune(saved, tmp_path / "b", "height", how)


def test_a_task_without_a_head_cannot_be_fine_tuned(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no head for 'hight'; it has height, side"):
        finetune(saved, tmp_path / "tuned", "hight")


def test_an_unknown_split_is_refused(saved: Path) -> None:
    with pytest.raises(ValueError, match="no split 'dev'; expected one of train, validation, test"):
        predict(saved, "dev")


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_is_refused(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(ValueError, match=f"has no {name}"):
        load(saved)


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_a_truncated_file_is_refused(saved: Path, name: str) -> None:
    path = saved / name
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match=f"{name} is damaged"):
        load(saved)


def edit(saved: Path, **changes: object) -> None:
    path = saved / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_weights_of_another_model_are_refused(saved: Path) -> None:
    edit(saved, suite_options={"width": 9})
    with pytest.raises(ValueError, match="does not fit the model of 'tiny'"):
        load(saved)


def test_a_model_of_another_version_of_its_suite_is_refused(saved: Path) -> None:
    edit(saved, suite_version=2)
    with pytest.raises(ValueError, match="version 2, and the suite is now version 1"):
        load(saved)
