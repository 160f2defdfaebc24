"""The Free Spoken Digit Dataset: finding its recordings, and transforming each of them once."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from tasks.contract import DataUnavailableError
from tasks.data.speech_audio import HOP, RATE, TAIL, log_mel, read_wav

FOLDER = "free-spoken-digit-dataset"
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
DIGITS = 10
RECORDINGS = 50  # of each digit by each speaker
SHORTEST = 0.14  # seconds, as the shortest recording has; in less, five phonemes might not have a frame each


class Recordings(NamedTuple):
    """The log-mel spectrograms of recordings, one after the other, each with its TAIL in silence."""

    mel: Tensor  # (F, MELS), float16; the last frame is one of silence
    first: Tensor  # (R,), the first frame of a recording
    frames: Tensor  # (R,), its frames without its tail
    takes: int  # recordings of each digit by each speaker

    def at(self, speaker: Tensor, digit: Tensor, take: Tensor) -> Tensor:
        """The positions of recordings, given speaker, digit and take."""
        return (speaker * DIGITS + digit) * self.takes + take


def find(folder: Path | None) -> Path:
    """The folder of the wav files: in ``free-spoken-digit-dataset``, in ``folder`` or its ``recordings``.

    Raises:
        DataUnavailableError: no such folder is there.
    """
    places = [] if folder is None else [folder / FOLDER / "recordings", folder / FOLDER, folder / "recordings", folder]
    for place in places:
        if next(place.glob("0_george_*.wav"), None) is not None:
            return place
    where = folder if folder is not None else "the data folder (none is named: use --data or BALANCERS_DATA)"
    raise DataUnavailableError(
        "the Free Spoken Digit Dataset is not there: get it with `git clone "
        f"https://github.com/Jakobovski/free-spoken-digit-dataset` and put it into {where}"
    )


def read(folder: Path, takes: int) -> Recordings:
    """Recordings 0 to ``takes`` - 1 of each digit by each speaker, from the wav files in ``folder``.

    Raises:
        DataUnavailableError: a file is missing or damaged.
    """
    names = [f"{d}_{speaker}_{take}.wav" for speaker in SPEAKERS for d in range(DIGITS) for take in range(takes)]
    sounds = [_sound(folder / name) for name in names]
    frames = torch.tensor([-(-len(sound) // HOP) for sound in sounds])
    padded = [
        pad(sound, (0, HOP * (count + TAIL) - len(sound))) for sound, count in zip(sounds, frames.tolist(), strict=True)
    ]
    mel = log_mel(torch.cat([*padded, torch.zeros(HOP)])).half()
    return Recordings(mel, (frames + TAIL).cumsum(0) - frames - TAIL, frames, takes)


def _sound(file: Path) -> Tensor:
    try:
        sound = read_wav(file)
    except ValueError as error:
        raise DataUnavailableError(f"{error}; put the file of the Free Spoken Digit Dataset in its place") from None
    if len(sound) < SHORTEST * RATE:
        raise DataUnavailableError(
            f"{file} lasts {len(sound) / RATE:.3f} s, where a digit takes {SHORTEST} s at least; put the file of the "
            "Free Spoken Digit Dataset in its place"
        )
    return sound
