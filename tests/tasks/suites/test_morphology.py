"""Morphological features: reading them, training, answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from tasks import registry
from tasks.base import DataUnavailableError, seeded
from tasks.data.labels import ABSENT
from tasks.data.morphology_pieces import PIECES
from tasks.suites.morphology import FEATURES, LABELS, Morphology, values_of
from tests.tasks.ewt_files import write_ewt

SMALL: dict[str, Any] = {"max_words": 12, "buckets": 512, "width": 16, "layers": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_ewt(folder)
    return folder


def test_a_word_has_a_value_or_none_of_every_feature() -> None:
    values = dict(zip(LABELS, values_of("Case=Nom|Number=Plur|Person=1|PronType=Prs|Style=Coll"), strict=True))
    assert {task: LABELS[task][value] for task, value in values.items() if value} == {
        "case": "Nom",
        "number": "Plur",
        "person": "1",
        "prontype": "Prs",
    }
    assert set(values_of("_")) == {0}


def test_a_value_that_is_not_listed_is_other_and_a_damaged_column_is_named() -> None:
    values = dict(zip(LABELS, values_of("Gender=Fem,Masc"), strict=True))
    assert LABELS["gender"][values["gender"]] == "other"
    with pytest.raises(DataUnavailableError, match="'Gender' is no list of features"):
        values_of("Gender")


def test_words_become_targets_and_padding_is_not_asked_about(data: Path) -> None:
    splits = Morphology(**SMALL).load(data)
    assert [len(split) for split in splits] == [210, 30, 60]
    train = splits.train
    assert train.inputs["pieces"].shape == (210, 12, PIECES)
    is_word = train.inputs["pieces"][..., 0] > 0
    assert list(train.targets) == [feature.lower() for feature in FEATURES]
    assert all(torch.equal(values != ABSENT, is_word) for values in train.targets.values())
    number = train.targets["number"]
    assert (number[:, 0] > 0).all()
    assert ((number == LABELS["number"].index("Sing")).sum(1) >= 1).all()  # "is" at least
    assert torch.equal((train.targets["numtype"] > 0).sum(1), (train.targets["numform"] > 0).sum(1))


def test_long_sentences_are_cut(data: Path) -> None:
    split = Morphology(max_words=2, buckets=64, width=16).load(data).train
    assert split.targets["number"].shape == (210, 2)
    assert (split.targets["number"] != ABSENT).all()


def test_a_small_model_learns_every_feature_that_there_is(data: Path) -> None:
    suite = Morphology(**SMALL)
    splits = suite.load(data)
    model = suite.build(0, list(LABELS))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    with seeded("noise", 0):
        for _ in range(80):
            _, outputs = model(splits.train.inputs)
            each = torch.stack([task.loss(outputs[task.name], splits.train.targets[task.name]) for task in suite.tasks])
            losses.append(each.detach())
            optimizer.zero_grad()
            each.sum().backward()
            optimizer.step()
    assert (losses[-1] < 0.2 * losses[0]).all()
    with torch.no_grad():
        _, outputs = model.eval()(splits.test.inputs)
    for task in suite.tasks:
        target, predicted = splits.test.targets[task.name].flatten(), outputs[task.name].argmax(-1).flatten()
        value = task.primary.of([task.primary.collect(outputs[task.name], splits.test.targets[task.name])])
        if (target > 0).any():
            kinds = np.arange(1, len(LABELS[task.name]))
            labelled = (target != ABSENT).numpy()
            independent = f1_score(target.numpy()[labelled], predicted.numpy()[labelled], labels=kinds, average="micro")
            assert value == pytest.approx(float(independent))
            assert value > 0.9, task.name
        none = torch.zeros_like(outputs[task.name])
        assert task.primary.of([task.primary.collect(none, splits.test.targets[task.name])]) == 0


def test_answers_name_the_words_that_have_a_feature() -> None:
    suite = Morphology(**SMALL)
    text = "They weren't here."
    assert suite.read(text)["pieces"].shape == (1, 12, PIECES)
    outputs = {task: torch.zeros(1, 12, len(labels)) for task, labels in LABELS.items()}
    for row in outputs.values():
        row[0, 5:, 1] = 1  # what is said beyond the sentence does not matter
    outputs["tense"][0, 1, LABELS["tense"].index("Past")] = 1
    outputs["number"][0, 0, LABELS["number"].index("Plur")] = 1
    outputs["number"][0, 1, LABELS["number"].index("Sing")] = 1
    answers = suite.answers(text, outputs)
    assert list(answers) == list(LABELS)
    assert answers["tense"] == "were (Past)"
    assert answers["number"] == "They (Plur), were (Sing)"
    assert answers["case"] == "none"
    with pytest.raises(ValueError, match="give a sentence"):
        suite.read(" ")


@pytest.mark.parametrize(
    "options",
    [{"sentences": 5}, {"max_words": 0}, {"buckets": 0}, {"layers": 0}, {"width": 30}, {"width": 0}, {"source": "dev"}],
)
def test_options_without_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        registry.create("morphology", **options)
