"""Genre, entities and roles: labels from the files, examples of two kinds, training, answers in words."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tasks import registry
from tasks.base import DataUnavailableError, Splits
from tasks.data.ewt_labels import ENTITY_LABELS, POS_LABELS, ROLE_LABELS, entities, frames, parts_of_speech
from tasks.data.ewt_treebank import ENTITIES, ROLES, TreebankSentence
from tasks.data.labels import ABSENT
from tasks.networks.ewt_bert import HERE
from tasks.suites.ewt import HOW_TO_MARK, MARKED, Ewt, marked_words
from tests.tasks.ewt_files import write_ewt
from tests.tasks.files import write_tiny_bert

TASKS = ["genre", "entities", "roles", "pos"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_ewt(folder)
    write_tiny_bert(folder / "model")
    return folder


@pytest.fixture(scope="module")
def loaded(data: Path) -> tuple[Ewt, Splits]:
    suite = Ewt(trained_layers=2, max_length=16, pos=True)
    return suite, suite.load(data)


def annotated(columns: str, tags: str = "") -> TreebankSentence:
    """A sentence whose words are the lines of ``columns``: form, part of speech, sense, roles."""
    lines = [line.split() for line in columns.strip().split("\n")]
    rows = tuple(("1", form, form, pos, *"______", *rest) for form, pos, *rest in lines)
    named = tuple(("1", line[0], tag) for line, tag in zip(lines, tags.split() or ["O"] * len(lines), strict=True))
    return TreebankSentence("email-1-0001", "", {ROLES: rows, ENTITIES: named})


def test_every_predicate_has_a_frame_without_itself() -> None:
    sentence = annotated(
        """
        She PRON _ ARG0 ARG0
        gave VERB give.01 V _
        up ADP _ C-V _
        trying VERB try.01 ARG1 V
        , PUNCT _ ARGM-XYZ _
        """
    )
    first, second = frames(sentence)
    assert (first.predicate, second.predicate) == (1, 3)
    numbers = {name: ROLE_LABELS.index(name) for name in ROLE_LABELS}
    assert first.roles == [numbers["ARG0"], ABSENT, ABSENT, numbers["ARG1"], numbers["other"]]
    assert second.roles == [numbers["ARG0"], 0, 0, ABSENT, 0]
    assert [POS_LABELS[label] for label in parts_of_speech(sentence)] == ["PRON", "VERB", "ADP", "VERB", "PUNCT"]


def test_a_sentence_without_annotation_has_no_frames_and_too_few_columns_are_damage() -> None:
    empty = annotated("Yes INTJ")
    nothing = TreebankSentence(empty.identity, "", {ROLES: ((*empty.rows[ROLES][0], "", ""),)})
    assert frames(nothing) == []
    with pytest.raises(DataUnavailableError, match="email-1-0001 has too few columns"):
        frames(annotated("Go VERB go.01 V\nsay VERB say.01 _"))


def test_entities_of_other_kinds_are_outside() -> None:
    labels = entities(annotated("A X\nB X\nC X\nD X", "B-ORG I-ORG B-OTH O"))
    assert [ENTITY_LABELS[label] for label in labels] == ["B-ORG", "I-ORG", "O", "O"]


def test_sentences_and_sentences_with_a_predicate_are_examples_of_their_own(loaded: tuple[Ewt, Splits]) -> None:
    train, validation, test = loaded[1]
    assert [len(train), len(validation), len(test)] == [420, 60, 120]
    sets = [index.tolist() for index in train.sets()]
    assert sets == [list(range(210)), list(range(210, 420))]
    assert {task: int(have.sum()) for task, have in train.present.items()} == dict.fromkeys(TASKS, 210)
    assert train.present["roles"][210:].all()
    assert (train.inputs["places"][:210] == 0).all()
    assert ((train.inputs["places"][210:] == HERE).sum(1) == 1).all()
    assert torch.equal(train.inputs["tokens"][:210], train.inputs["tokens"][210:])
    asked = train.targets["roles"][210:] != ABSENT
    assert torch.equal(asked.sum(1), (train.targets["entities"][:210] != ABSENT).sum(1) - 1)


def test_a_predicate_that_is_cut_off_is_not_asked_about(data: Path) -> None:
    columns = "1 NUM _ _ _\n2 NUM _ _ _\n3 VERB count.01 V ARG0\n" + "4 NUM _ _ _\n" * 3 + "is VERB be.01 _ V"
    suite = Ewt(trained_layers=1, max_length=8)
    suite.load(data)
    split = suite._split([annotated(columns)])
    assert split.present["roles"].tolist() == [False, True]
    assert split.inputs["places"][1].tolist() == [0, 7, 8, 9, 10, 11, 12, 0]


def test_a_subset_of_sentences_keeps_their_predicates(data: Path) -> None:
    splits = Ewt(trained_layers=1, max_length=16, sentences=100).load(data)
    assert [len(split) for split in splits] == [140, 20, 40]
    assert splits.train.inputs["tokens"].shape == (140, 16, 32)
    assert list(splits.train.targets) == ["genre", "entities", "roles"]


def test_a_tiny_model_learns_every_task(loaded: tuple[Ewt, Splits]) -> None:
    suite, splits = loaded
    model, train = suite.build(0, TASKS), splits.train.take(torch.arange(0, 420, 4))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(50):
        _, outputs = model(train.inputs)
        pairs = [[train.having(t.name, v[t.name]) for v in (outputs, train.targets)] for t in suite.tasks]
        each = torch.stack([task.loss(*pair) for task, pair in zip(suite.tasks, pairs, strict=True)])
        losses.append(each.detach())
        optimizer.zero_grad()
        each.sum().backward()
        optimizer.step()
    assert (losses[-1] < 0.3 * losses[0]).all()
    test = splits.test
    with torch.no_grad():
        _, outputs = model.eval()(test.inputs)
    for task in suite.tasks:
        metric = task.primary
        value = metric.of([metric.collect(*(test.having(task.name, v[task.name]) for v in (outputs, test.targets)))])
        assert value > 0.8, task.name


def test_a_marked_word_is_the_predicate() -> None:
    assert marked_words("She *gave* him a book.") == (["She", "gave", "him", "a", "book", "."], 1)
    assert marked_words("Don't *go*!") == (["Do", "n't", "go", "!"], 2)
    assert marked_words("2 * 3 * 4")[1] is None
    with pytest.raises(ValueError, match=r"only one predicate .* not She, gave"):
        marked_words("*She* *gave* him a book.")
    with pytest.raises(ValueError, match="there is no word in ' '"):
        marked_words(" ")


def test_answers_are_in_words_and_say_how_to_mark(loaded: tuple[Ewt, Splits]) -> None:
    suite, _ = loaded
    text = "movie 1 *is* good"
    inputs = suite.read(text)
    assert {name: len(values) for name, values in inputs.items()} == dict.fromkeys(inputs, 1)
    assert set(inputs) == set(loaded[1].train.inputs)
    labels = {
        "entities": [ENTITY_LABELS.index(name) for name in ("B-PER", "I-PER", "O", "B-LOC")],
        "roles": [ROLE_LABELS.index(name) for name in ("ARG1", "O", "ARG0", "ARG2")],
        "pos": [POS_LABELS.index(name) for name in ("NOUN", "NUM", "VERB", "ADJ")],
    }
    outputs = {"genre": torch.eye(5)[3:4]}
    for task, row in labels.items():
        outputs[task] = torch.zeros(1, 14, 100)
        outputs[task][0, torch.arange(4), torch.tensor(row)] = 1
        outputs[task][0, 4:, 1] = 1  # what is said beyond the sentence does not matter
    answers = suite.answers(text, outputs)
    assert answers == {"genre": "reviews", "entities": MARKED, "roles": "is: movie (ARG1), good (ARG2)", "pos": MARKED}
    assert suite.answers("movie 1 is good", outputs) == {
        "genre": "reviews",
        "entities": "movie 1 (PER), good (LOC)",
        "roles": HOW_TO_MARK,
        "pos": "movie/NOUN 1/NUM is/VERB good/ADJ",
    }
    _, outputs = suite.build(0, TASKS).eval()(inputs)
    assert list(suite.answers(text, outputs)) == TASKS


def test_reading_needs_no_data(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BALANCERS_DATA", str(data))
    loaded, fresh = Ewt(trained_layers=1, max_length=16), Ewt(trained_layers=1, max_length=16)
    loaded.load(data)
    for name, values in loaded.read("movie 3 *is* bad").items():
        assert torch.equal(values, fresh.read("movie 3 *is* bad")[name])
    fresh.build(0, ["roles"])


@pytest.mark.parametrize("options", [{"trained_layers": 0}, {"sentences": 5}, {"max_length": 2}, {"source": "train"}])
def test_options_without_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        registry.create("ewt", **options)
