"""The sounds of `speech`: reading wav files, and log-mel spectrograms whose frames use no later sample."""

from __future__ import annotations

import math
import wave
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import pad

RATE = 8_000  # samples a second
HOP = 80  # samples from one frame to the next: 10 ms
WINDOW = 200  # samples that a frame looks at: 25 ms, the last of them at the frame's end
TAIL = math.ceil(WINDOW / HOP) - 1  # frames after a sound in which its last samples are still heard
MELS = 40
FFT = 512  # so fine that even the narrowest band has frequencies of its own
FLOOR = 1e-4  # added to the power in every band, where a sound's mean power is 1: what is fainter is silence
LOG_MEAN, LOG_DEVIATION = -4.0, 3.5  # of the logarithms in the Free Spoken Digit Dataset's training recordings
CHUNK = 1 << 14  # frames that are transformed at once
SAMPLE_BYTES = 2


def read_wav(path: Path) -> Tensor:
    """The sound (S,) in a wav file of 16 bits, at 8 kHz, with a mean power of 1.

    Channels are averaged; another rate is converted.

    Raises:
        ValueError: there is no such file, it is no wav file of 16 bits, or it is silent.
    """
    try:
        with wave.open(str(path), "rb") as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            raw = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise ValueError(f"{path} cannot be read as a wav file ({error}); expected PCM of 16 bits") from None
    if width != SAMPLE_BYTES:
        raise ValueError(f"{path} has samples of {8 * width} bits; expected a wav file of 16 bits")
    whole = len(raw) - len(raw) % (SAMPLE_BYTES * channels)  # a file may be cut short
    samples = torch.frombuffer(bytearray(raw[:whole]), dtype=torch.int16) if whole else torch.zeros(0)
    sound = resampled(samples.float().view(-1, channels).mean(1), rate)
    power = sound.square().mean()
    if not power > 0:
        raise ValueError(f"{path} is silent; expected a recording of speech")
    return sound / power.sqrt()


def resampled(sound: Tensor, rate: int) -> Tensor:
    """A sound (S,) of ``rate`` samples a second at 8 kHz: the same Fourier coefficients, as far as there is room."""
    if rate == RATE or not len(sound):
        return sound
    length = round(len(sound) * RATE / rate)
    return torch.fft.irfft(torch.fft.rfft(sound), length) * (length / len(sound)) if length else sound[:0]


def log_mel(sound: Tensor) -> Tensor:
    """Log-mel spectrogram (S // HOP, MELS) of a sound (S,) at 8 kHz, standardised.

    Frame i looks at the WINDOW samples before sample (i + 1) HOP, weighted by a Hann window, and at nothing later:
    log(power in the band + FLOOR), bands being triangles that are equally wide on the scale 2595 log10(1 + f / 700).

    Reference: Davis and Mermelstein, Comparison of Parametric Representations for Monosyllabic Word Recognition in
    Continuously Spoken Sentences, IEEE TASSP 1980.
    """
    window, bands = torch.hann_window(WINDOW), mel_bands()
    frames = pad(sound, (WINDOW - HOP, 0)).unfold(0, WINDOW, HOP)
    spectra = []
    for chunk in frames.split(CHUNK):
        power = torch.fft.rfft(chunk * window, FFT).abs().square() / window.square().sum()
        spectra.append((power @ bands + FLOOR).log())
    return (torch.cat(spectra) - LOG_MEAN) / LOG_DEVIATION


def mel_bands() -> Tensor:
    """The weights (FFT // 2 + 1, MELS) with which frequencies count in bands; those of a band sum to 1."""
    highest = 2595 * math.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, highest, MELS + 2, dtype=torch.float64) / 2595) - 1)
    frequencies = torch.arange(FFT // 2 + 1, dtype=torch.float64)[:, None] * RATE / FFT
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    weights = torch.minimum(rising, falling).clamp(min=0)
    return (weights / weights.sum(0)).float()
