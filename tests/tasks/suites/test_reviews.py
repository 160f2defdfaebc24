"""Rated sentences: reading, splitting, training and answering."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import torch

from tasks import registry
from tasks.base import DataUnavailableError
from tasks.data.reviews_sentences import (
    ARCHIVE,
    OPINIONS,
    RATED_SENTENCES,
    RatedSentence,
    distinct,
    read_sentences,
    targets_of,
)
from tasks.data.sources import read_member
from tasks.networks.bert import load_bert
from tasks.suites.reviews import Reviews, encode
from tests.tasks.files import rated_sentences, sentence_archive, write_tiny_bert

TASKS = ["sentiment", "domain", "rating"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with everything that the suite needs, extracted."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "hutto_ICWSM_2014.tar.gz").write_bytes(sentence_archive(rated_sentences(documents=60, sentences=3)))
    write_tiny_bert(folder / "model")
    return folder


@pytest.fixture(scope="module")
def sentences() -> list[RatedSentence]:
    return read_sentences(sentence_archive(rated_sentences(documents=60, sentences=3)))


def test_a_line_is_an_id_a_rating_and_a_text() -> None:
    lines = rated_sentences(documents=1, sentences=1)
    lines["nytEditorialSnippets_GroundTruth.txt"] = ["17_4\t-1.85\tThe “law” was bad. "]
    (sentence,) = [s for s in read_sentences(sentence_archive(lines)) if s.domain == 2]
    assert sentence == RatedSentence("17", -1.85, "The “law” was bad.", 2)


def test_sentiment_is_neutral_from_minus_half_to_half() -> None:
    ratings = [-4.0, -0.51, -0.5, 0.0, 0.5, 0.51]
    targets = targets_of([RatedSentence("1", rating, "", 3) for rating in ratings])
    assert targets["sentiment"].tolist() == [0, 0, 1, 1, 1, 2]
    assert targets["domain"].tolist() == [3] * 6
    torch.testing.assert_close(targets["rating"], torch.tensor(ratings))


def test_the_same_words_are_kept_once() -> None:
    texts = ["Great  player.", "great player.", "Great player!"]
    kept = distinct([RatedSentence(str(i), float(i), text, 0) for i, text in enumerate(texts)])
    assert [sentence.rating for sentence in kept] == [0.0, 2.0]


def test_documents_are_whole_and_splits_have_their_share_of_every_domain(sentences: list[RatedSentence]) -> None:
    parts = OPINIONS.split(sentences)
    assert sorted(sentence for part in parts for sentence in part) == sorted(sentences)
    documents = [{(sentence.domain, sentence.document) for sentence in part} for part in parts]
    assert sum(map(len, documents)) == len(set.union(*documents)) == 240
    for domain, total in enumerate((180, 60, 180, 60)):
        counts = [sum(sentence.domain == domain for sentence in part) for part in parts]
        assert counts == [0.8 * total, 0.1 * total, 0.1 * total]
    assert parts == OPINIONS.split(sentences)


def test_a_subset_keeps_the_domains_in_proportion(sentences: list[RatedSentence]) -> None:
    train = OPINIONS.split(sentences)[0]
    part = OPINIONS.subset(train, 240, 480)
    assert [sum(sentence.domain == domain for sentence in part) for domain in range(4)] == [72, 24, 72, 24]
    assert set(part) <= set(train)
    assert OPINIONS.subset(train, None, 480) == OPINIONS.subset(train, 480, 480) == train


@pytest.mark.parametrize("packed", [b"no archive", sentence_archive({"tweets_GroundTruth.txt": ["1\t0.5\tyes"]})])
def test_a_damaged_or_incomplete_archive_is_reported(packed: bytes) -> None:
    with pytest.raises(DataUnavailableError, match="cannot be read"):
        read_sentences(packed)


@pytest.mark.parametrize(("layers", "shape"), [(1, (16, 32)), (2, (16,))])
def test_a_folder_becomes_splits_and_a_model_that_trains(data: Path, layers: int, shape: tuple[int, ...]) -> None:
    suite = registry.create("reviews", trained_layers=layers, sentences=240, max_length=16)
    splits = suite.load(data)
    assert [len(split) for split in splits] == [192, 24, 24]
    assert splits.train.inputs["tokens"].shape[1:] == shape
    model = suite.build(0, TASKS)
    features, outputs = model(splits.train.take(slice(0, 10)).inputs)
    assert features.shape == (10, 32)
    assert [tuple(outputs[name].shape) for name in TASKS] == [(10, 3), (10, 4), (10,)]
    targets = splits.train.take(slice(0, 10)).targets
    torch.stack([task.loss(outputs[task.name], targets[task.name]) for task in suite.tasks]).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert {id(p) for p in model.last_shared_parameters()} < {id(p) for p in model.shared_parameters()} or layers == 1


def test_the_encoder_begins_at_the_pretrained_weights_and_only_heads_follow_the_seed(data: Path) -> None:
    suite = Reviews(trained_layers=2, max_length=16)
    suite.load(data)
    one, other = suite.build(0, TASKS), suite.build(1, ["rating"])
    pretrained = load_bert(data / "model").encoder.layer[1].parameters()
    for weight, of_one, of_other in zip(
        pretrained, one.last_shared_parameters(), other.last_shared_parameters(), strict=True
    ):
        assert torch.equal(weight, of_one)
        assert torch.equal(weight, of_other)
    assert not torch.equal(next(one.heads["rating"].parameters()), next(other.heads["rating"].parameters()))


def test_nothing_touches_the_network_and_nothing_is_printed(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    load_bert(data / "model")
    assert capfd.readouterr() == ("", "")


def test_more_layers_than_the_model_has_are_refused(data: Path, sentences: list[RatedSentence]) -> None:
    with pytest.raises(ValueError, match=r"trained_layers is 3, but the model in .* has 2"):
        encode(OPINIONS.split(sentences), data / "model", 3, 16)


@pytest.mark.parametrize("options", [{"trained_layers": 0}, {"sentences": 5}, {"max_length": 2}])
def test_options_without_sense_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        registry.create("reviews", **options)


@pytest.mark.network
def test_the_real_sentences_and_the_real_model_give_the_stated_counts() -> None:
    suite = Reviews(trained_layers=1, sentences=100, max_length=16)
    try:
        splits = suite.load()
        sentences = read_sentences(read_member(RATED_SENTENCES, ARCHIVE))
    except DataUnavailableError as error:
        pytest.skip(str(error))
    counts = [sum(sentence.domain == domain for sentence in sentences) for domain in range(4)]
    assert counts == [3708, 10605, 5190, 4200]
    kept = distinct(sentences)
    assert len(kept) == 23_555
    assert [len(part) for part in OPINIONS.split(kept)] == [18_824, 2_385, 2_346]
    assert splits.train.inputs["tokens"].shape[1:] == (16, 384)
    features, _ = suite.build(0, ["rating"])(splits.test.inputs)
    assert features.isfinite().all()


def test_a_sentence_of_ones_own_gets_all_answers(data: Path) -> None:
    suite = Reviews(trained_layers=1, sentences=100, max_length=16)
    suite.load(data)
    model = suite.build(0, TASKS).eval()
    _, outputs = model(suite.read("the movie is good"))
    wording = suite.answers("the movie is good", outputs)
    assert wording["sentiment"].partition(" ")[0] in ("negative", "neutral", "positive")
    assert wording["domain"].partition(" ")[0] in ("product", "movie", "editorial", "tweet")
    assert wording["rating"].endswith("of ±4")
    assert suite.answers("", {"domain": outputs["domain"]}).keys() == {"domain"}
    with pytest.raises(ValueError, match="give a sentence"):
        suite.read(" ")
