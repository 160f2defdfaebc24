"""Eleven recordings of each digit by each speaker."""

from pathlib import Path

from tasks.data.speech_recordings import SPEAKERS
from tasks.data.speech_utterances import PHONEMES, WORDS
from tests.tasks.answers import likeliest, listed, one_of
from tests.tasks.files import write_spoken_digits

OPTIONS = {"train_utterances": 40, "other_utterances": 8, "recordings": 11, "width": 8}
ANSWERS = {
    "phonemes": "nothing|" + listed(one_of(PHONEMES), " "),
    "words": "nothing|" + listed(one_of(WORDS), " "),
    "next": listed(likeliest([*WORDS, "end"])),
    "speaker": one_of(SPEAKERS),
}


def write(folder: Path) -> None:
    """660 wav files, in a folder of the dataset's name."""
    write_spoken_digits(folder / "free-spoken-digit-dataset" / "recordings", recordings=11)


def given(folder: Path) -> str:
    """The first of the recordings."""
    return str(folder / "free-spoken-digit-dataset" / "recordings" / "0_george_0.wav")
