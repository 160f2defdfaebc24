"""Utterances of spoken digits: their grammar, their pronunciation, and joining them from recordings of single words."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tasks.contract import seed_for
from tasks.data.labels import ABSENT, to_the_front
from tasks.data.speech_audio import MELS, TAIL
from tasks.data.speech_recordings import DIGITS, SPEAKERS, Recordings

LEXICON = {  # as in CMUdict, without stress
    "zero": "Z IH R OW",
    "one": "W AH N",
    "two": "T UW",
    "three": "TH R IY",
    "four": "F AO R",
    "five": "F AY V",
    "six": "S IH K S",
    "seven": "S EH V AH N",
    "eight": "EY T",
    "nine": "N AY N",
}
WORDS = tuple(LEXICON)
PHONEMES = tuple(sorted({phoneme for spelled in LEXICON.values() for phoneme in spelled.split()}))
END = DIGITS  # the class of "no word follows"
MOST_WORDS = 5
ENDS, COUNTS_ON, JUMPS, REPEATS = 0.2, 0.5, 0.1, 0.06  # what follows a word; see `grammar`
GAPS = (2 * TAIL, 15)  # frames of silence before the first and after every word: 40 to 150 ms


class Utterances(NamedTuple):
    """Words, speakers, recordings and pauses of N utterances."""

    words: Tensor  # (N, MOST_WORDS), ABSENT after the last
    speakers: Tensor  # (N,)
    takes: Tensor  # (N, MOST_WORDS), the number of the recording
    gaps: Tensor  # (N, 1 + MOST_WORDS), frames of silence before the first and after every word


class Joined(NamedTuple):
    """Utterances as spectrograms."""

    mel: Tensor  # (N, T, MELS), float16
    frames: Tensor  # (N,), without padding
    ends: Tensor  # (N, MOST_WORDS), the frame after the silence that follows a word: where the next word begins


def grammar() -> Tensor:
    """Probabilities (10, 11) of what follows a digit: a digit, or the end.

    The utterance ends with ENDS, else the next digit follows with COUNTS_ON, the digit five further with JUMPS, the
    same digit with REPEATS, and each of the seven others is equally likely; after nine the digits begin anew.
    """
    following = torch.full((DIGITS, DIGITS + 1), (1 - ENDS - COUNTS_ON - JUMPS - REPEATS) / (DIGITS - 3))
    digit = torch.arange(DIGITS)
    for step, probability in ((0, REPEATS), (1, COUNTS_ON), (5, JUMPS)):
        following[digit, (digit + step) % DIGITS] = probability
    following[:, END] = ENDS
    return following


def draw(count: int, takes: range, part: str) -> Utterances:
    """``count`` utterances of the recordings numbered ``takes``, by a seed that ``part`` fixes.

    Speaker and first digit are uniform; after MOST_WORDS words an utterance ends in any case.
    """
    generator = torch.Generator().manual_seed(seed_for(f"speech/{part}", 0))
    following = grammar()
    word = torch.randint(DIGITS, (count,), generator=generator)
    words, going = [word], torch.ones(count, dtype=torch.bool)
    for _ in range(1, MOST_WORDS):
        drawn = torch.multinomial(following[words[-1].clamp(min=0)], 1, generator=generator).squeeze(1)
        going = going & (drawn != END)
        words.append(torch.where(going, drawn, ABSENT))
    return Utterances(
        torch.stack(words, 1),
        torch.randint(len(SPEAKERS), (count,), generator=generator),
        torch.randint(takes.start, takes.stop, (count, MOST_WORDS), generator=generator),
        torch.randint(GAPS[0], GAPS[1] + 1, (count, 1 + MOST_WORDS), generator=generator),
    )


def join(utterances: Utterances, recordings: Recordings) -> Joined:
    """Spectrograms of utterances.

    They equal the spectrograms of the joined sounds, although every recording is transformed only once: a recording
    begins at the start of a frame, and the silence after it is longer than the window of a frame.
    """
    spoken = utterances.words != ABSENT
    source = recordings.at(utterances.speakers[:, None], utterances.words.clamp(min=0), utterances.takes)
    lengths = recordings.frames[source]
    ends = utterances.gaps[:, :1] + ((lengths + utterances.gaps[:, 1:]) * spoken).cumsum(1)
    frames = ends[:, -1]
    padded = int(frames.max())
    mel = recordings.mel[-1].repeat(len(frames) * padded, 1)  # silence
    starts = ends - lengths - utterances.gaps[:, 1:] + padded * torch.arange(len(frames))[:, None]
    counts = (lengths + TAIL)[spoken]
    within = torch.arange(int(counts.sum())) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    mel[starts[spoken].repeat_interleave(counts) + within] = recordings.mel[
        recordings.first[source[spoken]].repeat_interleave(counts) + within
    ]
    return Joined(mel.view(-1, padded, MELS), frames, ends)


def phonemes_of(words: Tensor) -> Tensor:
    """The pronunciation (N, P) of words (N, W) as positions in PHONEMES; both are padded with ABSENT."""
    spelled = [[PHONEMES.index(phoneme) for phoneme in LEXICON[word].split()] for word in WORDS]
    most = max(map(len, spelled))
    table = torch.tensor([[*word, *[ABSENT] * (most - len(word))] for word in [*spelled, []]])  # the last: no word
    return to_the_front(table[torch.where(words == ABSENT, len(WORDS), words)].flatten(1))


def following_words(words: Tensor) -> Tensor:
    """The word after each of words (N, W), or END; ABSENT where there is no word."""
    following = torch.cat([words[:, 1:], torch.full_like(words[:, :1], ABSENT)], 1)
    return torch.where(words == ABSENT, ABSENT, torch.where(following == ABSENT, END, following))
