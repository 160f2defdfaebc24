"""Spoken digits: phonemes, words, the next word and the speaker, from one causal encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from tasks.base import MultiTaskModel, Split, Splits, Suite, Task, accuracy, check_tasks, seeded, seeded_heads
from tasks.data import speech_recordings
from tasks.data.labels import ABSENT
from tasks.data.sources import data_folder
from tasks.data.speech_audio import HOP, log_mel, read_wav
from tasks.data.speech_recordings import RECORDINGS, SPEAKERS
from tasks.data.speech_utterances import GAPS, PHONEMES, WORDS, Utterances, draw, following_words, join, phonemes_of
from tasks.networks.speech_causal import STRIDE, MeanOverFrames, SpeechEncoder
from tasks.registry import register
from tasks.scoring.sequence_labels import accuracy_where_labelled, cross_entropy_where_labelled, perplexity
from tasks.scoring.transcripts import ctc, error_rate, greedy, with_frames

HELD_OUT = 5  # recordings of each digit and speaker for test, and as many for validation
CLASSES = {  # of the heads; CTC has a blank
    "phonemes": 1 + len(PHONEMES),
    "words": 1 + len(WORDS),
    "next": len(WORDS) + 1,
    "speaker": len(SPEAKERS),
}
LIKELY = 2  # next words that an answer names


@register("speech")
@dataclass(frozen=True)
class Speech(Suite):
    """Utterances of one to five digits by one of six speakers, joined from recordings of single digits.

    - Source: the Free Spoken Digit Dataset (licence: CC BY-SA 4.0), 3,000 wav files of 8 kHz: 50 recordings of each
      digit by each of six speakers, every one scaled to the same mean power. The data folder contains the folder of the
      dataset, or is that folder.
    - Splits: by recording. 0 to 4 of each digit and speaker are test, as the dataset's authors have it, 5 to 9
      validation, 10 to 49 training: 300 / 300 / 2,400 recordings, none in two splits. From each, utterances are drawn
      by a fixed seed: ``train_utterances`` (6,000), and ``other_utterances`` each for validation and test (1,000).
    - Grammar: speaker and first digit are uniform. After a word the utterance ends with probability 0.2; the digit
      after it follows with 0.5, the digit five further with 0.1, the same with 0.06, each of the seven others with
      0.02; five words are the most. Silence of 40 to 150 ms, independent of everything, is before the first and after
      every word.
    - Tasks: ``phonemes`` (19 of ARPAbet, by the pronunciations in CMUdict) and ``words`` (ten), connectionist temporal
      classification; ``next``, which word follows, or the end, at the last frame before it begins, and ``speaker``,
      cross-entropy.
    - Metrics: phoneme and word error rate (``per``, ``wer``) of greedy decoding; perplexity (primary) and accuracy of
      the next word; accuracy of the speaker. A model that knew the grammar and all words would have a perplexity of
      4.13 in expectation (shares of the classes alone: 9.26) and an accuracy of 0.56 (0.30).
    - Input: 40 log-mel bands every 10 ms (see `tasks.data.speech_audio`), float16. Encoder: two convolutions over five
      frames, the first of which takes every third, and five residual ones over three frames, 1 to 16 apart, with layer
      norms: a feature depends on the last 2 s. All are causal: no feature depends on a later sound. Features are (N, T,
      ``width``), one every 30 ms, 0 in padding.
    - Heads: one affine layer each; the speaker's after the mean over frames. Last shared layer: the last block.

    Targets of phonemes and words have the number of frames in their first column, then the labels from 1, padded with
    -100; those of ``next`` have a class at some frames and -100 at all others. ``recordings`` takes the first of each
    digit and speaker only (at least 11; 50 are all), and leaves fewer to training.

    Reference: Graves et al., Connectionist Temporal Classification, ICML 2006; Bai et al., An Empirical Evaluation of
    Generic Convolutional and Recurrent Networks for Sequence Modeling, 2018.
    """

    train_utterances: int = 6_000
    other_utterances: int = 1_000
    recordings: int = RECORDINGS
    width: int = 128

    version = 1
    summary = "phonemes, words, next word and speaker of spoken digits (causal convolutions)"

    def __post_init__(self) -> None:
        if min(self.train_utterances, self.other_utterances) < 1:
            raise ValueError(f"utterances must be at least 1, not {self.train_utterances} and {self.other_utterances}")
        if not 2 * HELD_OUT < self.recordings <= RECORDINGS:
            raise ValueError(f"recordings must be from {2 * HELD_OUT + 1} to {RECORDINGS}, not {self.recordings}")
        if self.width < 1:
            raise ValueError(f"width must be at least 1, not {self.width}")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Phonemes, words, next word, speaker."""
        return (
            Task("phonemes", ctc, (error_rate("per"),)),
            Task("words", ctc, (error_rate("wer"),)),
            Task("next", cross_entropy_where_labelled, (perplexity(), accuracy_where_labelled()), absent=ABSENT),
            Task("speaker", cross_entropy, (accuracy(),)),
        )

    def load(self, data: Path | None = None) -> Splits:
        """Spectrograms (N, T, 40) and their lengths (N,); targets as described above, and speakers (N,)."""
        recordings = speech_recordings.read(speech_recordings.find(data_folder(data)), self.recordings)
        held_out = range(HELD_OUT), range(HELD_OUT, 2 * HELD_OUT)
        drawn = {
            "train": draw(self.train_utterances, range(2 * HELD_OUT, self.recordings), "train"),
            "validation": draw(self.other_utterances, held_out[1], "validation"),
            "test": draw(self.other_utterances, held_out[0], "test"),
        }
        return Splits(**{part: split_of(utterances, recordings) for part, utterances in drawn.items()})

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """The encoder and its heads, with torch's default initialisation."""
        check_tasks(self, tasks)
        with seeded("init", seed):
            encoder = SpeechEncoder(self.width)
        heads = seeded_heads(seed, tasks, lambda name: _head(name, self.width))
        return MultiTaskModel(encoder, heads, last_shared=encoder.blocks[-1])

    def read(self, user_input: str) -> dict[str, Tensor]:
        """The spectrogram of a wav file of 16 bits; best at 8 kHz, which other rates are converted to."""
        silence = HOP * (sum(GAPS) // 2)
        mel = log_mel(pad(read_wav(Path(user_input)), (silence, silence))).half()
        return {"mel": mel[None], "frames": torch.tensor([len(mel)])}

    def answers(self, user_input: str, outputs: Mapping[str, Tensor]) -> dict[str, str]:  # noqa: ARG002
        """Phonemes, words, the likeliest next words, the speaker."""
        return {task: _answer(task, values) for task, values in outputs.items()}


def split_of(utterances: Utterances, recordings: speech_recordings.Recordings) -> Split:
    """Utterances with the targets of all tasks."""
    mel, frames, ends = join(utterances, recordings)
    steps = frames // STRIDE
    following = following_words(utterances.words)
    spoken = utterances.words != ABSENT
    upcoming = torch.full((len(mel), mel.shape[1] // STRIDE), ABSENT)
    upcoming[torch.nonzero(spoken)[:, 0], ends[spoken] // STRIDE - 1] = following[spoken]
    phonemes, words = (
        torch.where(labels == ABSENT, ABSENT, labels + 1)
        for labels in (phonemes_of(utterances.words), utterances.words)
    )
    targets = {
        "phonemes": with_frames(steps, phonemes),
        "words": with_frames(steps, words),
        "next": upcoming,
        "speaker": utterances.speakers,
    }
    return Split({"mel": mel, "frames": frames}, targets)


def _head(name: str, width: int) -> nn.Module:
    affine = nn.Linear(width, CLASSES[name])
    return nn.Sequential(MeanOverFrames(), affine) if name == "speaker" else affine


def _answer(task: str, outputs: Tensor) -> str:
    """What the outputs of one example, with a first axis of 1, say."""
    if task == "speaker":
        return SPEAKERS[int(outputs[0].argmax())]
    if task == "next":
        chances, classes = outputs[0, -1].softmax(-1).topk(LIKELY)
        names = [*WORDS, "end"]
        likely = zip(classes.tolist(), chances.tolist(), strict=True)
        return ", ".join(f"{names[which]} ({chance:.0%})" for which, chance in likely)
    names = {"phonemes": PHONEMES, "words": WORDS}[task]
    (labels,) = greedy(outputs, torch.tensor([outputs.shape[1]])).tolist()
    return " ".join(names[label - 1] for label in labels) or "nothing"
