"""Two corpora with a task each: their splits, what each example has, answers, training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tasks import registry
from tasks.base import DataUnavailableError, Splits
from tasks.conformance import disjoint_splits
from tasks.data.ewt_treebank import TREEBANK, read_splits
from tasks.suites.sentiment_genre import SentimentGenre
from tests.tasks.ewt_files import write_ewt
from tests.tasks.files import rated_sentences, sentence_archive, write_tiny_bert

TASKS = ["sentiment", "genre"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    lines = rated_sentences(documents=60, sentences=3)
    (folder / "hutto_ICWSM_2014.tar.gz").write_bytes(sentence_archive(lines))
    write_ewt(folder / "ewt")
    write_tiny_bert(folder / "model")
    return folder


@pytest.fixture(scope="module")
def loaded(data: Path) -> tuple[SentimentGenre, Splits]:
    suite = SentimentGenre(trained_layers=2, max_length=16)
    return suite, suite.load(data)


def test_every_example_has_one_task_and_the_corpora_keep_their_sizes(loaded: tuple[SentimentGenre, Splits]) -> None:
    counts = [[int(split.present[task].sum()) for task in TASKS] for split in loaded[1]]
    assert counts == [[384, 210], [48, 30], [48, 60]]
    for split in loaded[1]:
        assert torch.equal(split.present["sentiment"], ~split.present["genre"])
        assert split.targets["genre"][split.present["genre"]].bincount().min() > 0
        assert len(split.targets["sentiment"][split.present["sentiment"]].unique()) == 3


def test_a_part_of_each_corpus_can_be_taken(data: Path) -> None:
    splits = SentimentGenre(2, sentiment_sentences=240, genre_sentences=150, max_length=16).load(data)
    assert [[int(split.present[task].sum()) for task in TASKS] for split in splits] == [[192, 105], [24, 15], [24, 30]]


def test_what_the_other_corpus_has_in_a_later_split_is_left_out(data: Path, tmp_path: Path) -> None:
    """Here all movie reviews are sentences of the treebank's test split, with other capitals and spaces."""
    (tmp_path / "ewt").symlink_to(data / "ewt")
    (tmp_path / "model").symlink_to(data / "model")
    lines = rated_sentences(documents=60, sentences=3)
    texts = [sentence.text for sentence in read_splits((TREEBANK,), data, "auto")[2]]
    lines["movieReviewSnippets_GroundTruth.txt"] = [f"{at}\t1.5\t{t.upper()}  " for at, t in enumerate(texts)]
    (tmp_path / "hutto_ICWSM_2014.tar.gz").write_bytes(sentence_archive(lines))
    suite = SentimentGenre(trained_layers=2, max_length=16)
    disjoint_splits(suite, tmp_path)
    assert [int(split.present["sentiment"].sum()) for split in suite.load(tmp_path)] == [336, 42, 48]


def test_without_the_treebank_it_is_said_where_to_get_it(data: Path, tmp_path: Path) -> None:
    (tmp_path / "hutto_ICWSM_2014.tar.gz").symlink_to(data / "hutto_ICWSM_2014.tar.gz")
    with pytest.raises(DataUnavailableError, match=r"lacks en_ewt-ud-dev.conllu, .* UniversalDependencies"):
        SentimentGenre().load(tmp_path)


def test_a_tiny_model_learns_both_tasks(loaded: tuple[SentimentGenre, Splits]) -> None:
    suite, splits = loaded
    model, train = suite.build(0, TASKS), splits.train.take(torch.arange(0, 594, 6))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        _, outputs = model(train.inputs)
        pairs = [[train.having(t.name, v[t.name]) for v in (outputs, train.targets)] for t in suite.tasks]
        each = torch.stack([task.loss(*pair) for task, pair in zip(suite.tasks, pairs, strict=True)])
        losses.append(each.detach())
        optimizer.zero_grad()
        each.sum().backward()
        optimizer.step()
    assert (losses[-1] < 0.5 * losses[0]).all()


def test_a_text_gets_both_answers(loaded: tuple[SentimentGenre, Splits]) -> None:
    suite, splits = loaded
    inputs = suite.read("movie is bad")
    assert {name: values.shape for name, values in inputs.items()} == {"tokens": (1, 16), "mask": (1, 16)}
    assert set(inputs) == set(splits.train.inputs)
    logits = {"sentiment": torch.tensor([[3.0, 0, 0]]).log(), "genre": torch.tensor([[0, 1.0, 3, 0, 0]]).log()}
    assert suite.answers("", logits) == {"sentiment": "negative (100%)", "genre": "email (75%)"}
    assert suite.answers("", {"genre": logits["genre"]}) == {"genre": "email (75%)"}
    _, outputs = suite.build(0, TASKS).eval()(inputs)
    assert list(suite.answers("movie is bad", outputs)) == TASKS
    with pytest.raises(ValueError, match="give a sentence"):
        suite.read(" ")


def test_reading_needs_no_data(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BALANCERS_DATA", str(data))
    suite = SentimentGenre(trained_layers=1, max_length=16)
    assert suite.read("movie is bad")["tokens"].shape == (1, 16, 32)
    suite.build(0, TASKS)


@pytest.mark.parametrize(
    "options",
    [{"trained_layers": 0}, {"sentiment_sentences": 5}, {"genre_sentences": 5}, {"max_length": 2}, {"source": "train"}],
)
def test_options_without_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        registry.create("sentiment+genre", **options)
