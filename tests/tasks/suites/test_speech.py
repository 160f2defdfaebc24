"""Spoken digits: recordings, grammar, joining, what the encoder may know, and answers for one's own recordings."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot, pad

from tasks import registry
from tasks.base import DataUnavailableError, Splits
from tasks.data.labels import ABSENT
from tasks.data.speech_audio import HOP, log_mel, read_wav
from tasks.data.speech_recordings import SPEAKERS, find, read
from tasks.data.speech_utterances import (
    END,
    GAPS,
    LEXICON,
    MOST_WORDS,
    PHONEMES,
    WORDS,
    Joined,
    Utterances,
    draw,
    following_words,
    grammar,
    join,
    phonemes_of,
)
from tasks.networks.speech_causal import STRIDE, SpeechEncoder
from tasks.suites import speech
from tasks.suites.speech import Speech
from tests.tasks.files import write_spoken_digits, write_wav

SMALL = Speech(train_utterances=60, other_utterances=20, recordings=11, width=16)
TASKS = ["phonemes", "words", "next", "speaker"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_spoken_digits(folder / "recordings", recordings=11)
    return folder


@pytest.fixture(scope="module")
def splits(data: Path) -> Splits:
    return SMALL.load(data)


@pytest.fixture(scope="module")
def utterances() -> Utterances:
    return draw(30, range(11), "train")


@pytest.fixture(scope="module")
def joined(data: Path, utterances: Utterances) -> Joined:
    return join(utterances, read(data / "recordings", 11))


def words_in(row: Tensor) -> list[int]:
    return row[row != ABSENT].tolist()


def test_the_lexicon_has_19_of_the_39_phonemes_and_labels_are_in_order() -> None:
    assert len(PHONEMES) == 19
    words = torch.tensor([[7, 2, ABSENT], [8, ABSENT, ABSENT]])
    spelled = [[PHONEMES[label] for label in words_in(row)] for row in phonemes_of(words)]
    assert spelled == [["S", "EH", "V", "AH", "N", "T", "UW"], ["EY", "T"]]
    assert phonemes_of(words)[1, 2:].eq(ABSENT).all()


def test_after_a_word_comes_another_or_the_end() -> None:
    words = torch.tensor([[7, 2, 0], [8, ABSENT, ABSENT]])
    assert following_words(words).tolist() == [[2, 0, END], [END, ABSENT, ABSENT]]


def test_utterances_follow_the_grammar() -> None:
    words = draw(20_000, range(5), "train").words
    assert set((words != ABSENT).sum(1).tolist()) == set(range(1, MOST_WORDS + 1))
    assert (words[:, 0].bincount() / 20_000 - 0.1).abs().max() < 0.01
    before, after = words[:, :-1].flatten(), following_words(words)[:, :-1].flatten()
    counts = one_hot(before[before != ABSENT] * 11 + after[before != ABSENT], 110).sum(0).view(10, 11)
    shares, wanted = counts / counts.sum(1, keepdim=True), grammar()
    assert wanted[9, 0] == pytest.approx(0.5)
    assert wanted[7, 2] == pytest.approx(0.1)
    assert wanted[7, 7] == pytest.approx(0.06)
    assert wanted[7, 3] == pytest.approx(0.02)
    assert (wanted[:, END] == 0.2).all()
    torch.testing.assert_close(wanted.sum(1), torch.ones(10))
    torch.testing.assert_close(shares, wanted, rtol=0, atol=0.02)


def test_the_perplexity_of_the_grammar_is_as_stated() -> None:
    chances = grammar()[0].double()
    entropy, marks, surprise = -float((chances * chances.log()).sum()), 0.0, 0.0
    for position in range(MOST_WORDS):
        reached = 0.8**position
        marks += reached
        surprise += reached * entropy * (position < MOST_WORDS - 1)  # the last word is known to be the last
    stated = " ".join((Speech.__doc__ or "").split())
    assert f"perplexity of {math.exp(surprise / marks):.2f} in expectation" in stated


def test_a_spectrogram_is_that_of_the_joined_sounds(data: Path, utterances: Utterances, joined: Joined) -> None:
    for row in range(30):
        gaps = utterances.gaps[row].tolist()
        pieces = [torch.zeros(gaps[0] * HOP)]
        for word, take, gap in zip(
            words_in(utterances.words[row]), utterances.takes[row].tolist(), gaps[1:], strict=False
        ):
            name = f"{word}_{SPEAKERS[int(utterances.speakers[row])]}_{take}.wav"
            sound = read_wav(data / "recordings" / name)
            pieces.append(pad(sound, (0, -len(sound) % HOP + gap * HOP)))
        wanted = log_mel(torch.cat(pieces))
        assert int(joined.frames[row]) == len(wanted) == int(joined.ends[row, -1])
        torch.testing.assert_close(joined.mel[row, : len(wanted)].float(), wanted, rtol=0, atol=4e-3)


def test_no_recording_is_in_two_splits(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "split_of", lambda utterances, recordings: utterances.takes)
    takes = registry.create("speech", recordings=11, other_utterances=100).load(data)
    train, validation, test = (set(part.flatten().tolist()) for part in takes)  # pyright: ignore[reportAttributeAccessIssue]
    assert (train, validation, test) == ({10}, {5, 6, 7, 8, 9}, {0, 1, 2, 3, 4})


def test_targets_say_what_was_drawn(splits: Splits) -> None:
    utterances = draw(60, range(10, 11), "train")
    targets = splits.train.targets
    assert torch.equal(targets["speaker"], utterances.speakers)
    assert torch.equal(targets["words"][:, 0], splits.train.inputs["frames"] // STRIDE)
    for row, words in enumerate(map(words_in, utterances.words)):
        assert words_in(targets["words"][row, 1:]) == [word + 1 for word in words]
        spelled = " ".join(PHONEMES[label - 1] for label in words_in(targets["phonemes"][row, 1:]))
        assert spelled == " ".join(LEXICON[WORDS[word]] for word in words)
        assert words_in(targets["next"][row]) == [*words[1:], END]


def test_every_label_of_ctc_has_a_frame(splits: Splits) -> None:
    for split in splits:
        for task in ("phonemes", "words"):
            frames, labels = split.targets[task][:, 0], split.targets[task][:, 1:]
            repeats = (labels[:, 1:] == labels[:, :-1]) & (labels[:, 1:] != ABSENT)
            assert (frames >= (labels != ABSENT).sum(1) + repeats.sum(1)).all()


def test_the_next_word_is_asked_for_when_the_last_has_ended_and_before_the_next_begins(
    utterances: Utterances, joined: Joined, data: Path
) -> None:
    """A feature at k has seen the spectrogram up to frame 3k + 2, and so the sound of the first 3k + 3 frames."""
    split = speech.split_of(utterances, read(data / "recordings", 11))
    for row in range(30):
        asked = torch.nonzero(split.targets["next"][row] != ABSENT).flatten()
        asked_frames = STRIDE * (asked + 1)
        count = len(asked)
        begins = joined.ends[row, :count]
        over = begins - utterances.gaps[row, 1 : 1 + count]
        assert (asked_frames <= begins).all()
        assert (asked_frames > over).all()
        assert asked_frames[-1] + STRIDE > joined.frames[row]


def test_nothing_tells_the_first_frame_from_other_silence(joined: Joined) -> None:
    silence = joined.mel[:1, :1].expand(1, 90, -1)
    with torch.no_grad():
        features = SpeechEncoder(8)(silence, torch.tensor([90]))
    torch.testing.assert_close(features, features[:, :1].expand_as(features))
    assert GAPS[0] >= STRIDE, "the first feature has seen silence alone"


def test_padding_has_no_influence_and_features_are_zero_there(splits: Splits) -> None:
    encoder, inputs = SpeechEncoder(8), splits.validation.inputs
    with torch.no_grad():
        together = encoder(**inputs)
        for row in (0, 5):
            count = int(inputs["frames"][row])
            alone = encoder(inputs["mel"][row : row + 1, :count], inputs["frames"][row : row + 1])
            torch.testing.assert_close(together[row, : count // STRIDE], alone[0])
            assert not together[row, count // STRIDE :].any()


def test_the_speaker_is_judged_by_the_mean_over_frames_without_padding(splits: Splits) -> None:
    inputs = splits.validation.take(slice(0, 4)).inputs
    model = SMALL.build(0, ["speaker"])
    features, outputs = model(inputs)
    steps = inputs["frames"] // STRIDE
    means = torch.stack([row[:count].mean(0) for row, count in zip(features, steps.tolist(), strict=True)])
    affine = model.heads["speaker"].get_submodule("1")
    torch.testing.assert_close(outputs["speaker"], affine(means))


def test_every_task_is_learnt(splits: Splits) -> None:
    suite, some = Speech(width=32), splits.train.take(slice(0, 24))
    model = suite.build(0, TASKS)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    history = []
    for _ in range(80):
        _, outputs = model(some.inputs)
        losses = torch.stack([task.loss(outputs[task.name], some.targets[task.name]) for task in suite.tasks])
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        history.append(losses.detach())
    assert torch.stack(history).isfinite().all()
    what_constants_reach = torch.tensor([2.9, 2.6, 2.0, 1.7])
    assert (history[-1] < 0.6 * what_constants_reach).all(), history[-1]


def test_answers_are_in_words(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.sin(np.arange(16_000)), rate=16_000)
    suite = registry.create("speech", width=8)
    inputs = suite.read(str(tmp_path / "a.wav"))
    _, outputs = suite.build(0, TASKS)(inputs)
    answers = suite.answers("a.wav", outputs)
    assert list(answers) == TASKS
    assert answers["speaker"] in SPEAKERS
    path = {"phonemes": [0, 1, 1, 0, 1, 3], "words": [0, 3, 3, 0, 0, 10], "next": [3] * 5 + [10]}
    sizes = {"phonemes": 20, "words": 11, "next": 11}
    clear = {name: 50 * one_hot(torch.tensor([path[name]]), sizes[name]).float() for name in path}
    wording = suite.answers("a.wav", clear)
    assert wording["phonemes"] == f"{PHONEMES[0]} {PHONEMES[0]} {PHONEMES[2]}"
    assert wording["words"] == "two nine"
    assert wording["next"].startswith("end (100%), ")
    assert suite.answers("a.wav", {"words": torch.zeros(1, 5, 11)}) == {"words": "nothing"}


def test_data_that_are_missing_or_damaged_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BALANCERS_DATA", raising=False)
    with pytest.raises(DataUnavailableError, match=r"git clone https://.* put it into the data folder \(none is named"):
        Speech().load()
    with pytest.raises(DataUnavailableError, match=f"is not there: .* put it into .*{tmp_path.name}"):
        find(tmp_path)
    write_spoken_digits(tmp_path, recordings=1)
    assert find(tmp_path) == tmp_path
    with pytest.raises(DataUnavailableError, match=r"0_george_1.wav cannot be read .* put the file"):
        read(tmp_path, 2)
    write_wav(tmp_path / "3_theo_0.wav", np.ones(800))
    with pytest.raises(DataUnavailableError, match=r"3_theo_0.wav lasts 0.100 s, where a digit takes 0.14"):
        read(tmp_path, 1)


@pytest.mark.parametrize("options", [{"train_utterances": 0}, {"recordings": 10}, {"recordings": 51}, {"width": 0}])
def test_options_without_sense_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        registry.create("speech", **options)
