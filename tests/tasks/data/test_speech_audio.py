"""Sound: wav files, other rates, and log-mel spectrograms against an independent implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import audio_utils

from tasks.data.speech_audio import (
    FFT,
    FLOOR,
    HOP,
    LOG_DEVIATION,
    LOG_MEAN,
    MELS,
    RATE,
    WINDOW,
    log_mel,
    mel_bands,
    read_wav,
)
from tests.tasks.files import write_wav


def tone(rate: int, seconds: float = 0.5) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)


def test_a_wav_file_is_its_samples_with_a_mean_power_of_one(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.array([0.1, -0.2, 0.2, -0.1]))
    sound = read_wav(tmp_path / "a.wav")
    torch.testing.assert_close(sound, torch.tensor([1.0, -2.0, 2.0, -1.0]) / 2.5**0.5, rtol=1e-3, atol=0)


def test_channels_are_averaged(tmp_path: Path) -> None:
    write_wav(tmp_path / "one.wav", tone(RATE))
    write_wav(tmp_path / "two.wav", np.stack([1.5 * tone(RATE), 0.5 * tone(RATE)], 1), channels=2)
    torch.testing.assert_close(read_wav(tmp_path / "two.wav"), read_wav(tmp_path / "one.wav"), rtol=0, atol=1e-3)


@pytest.mark.parametrize("rate", [6_000, 16_000, 44_100])
def test_other_rates_are_converted(tmp_path: Path, rate: int) -> None:
    write_wav(tmp_path / "a.wav", tone(rate), rate)
    sound = read_wav(tmp_path / "a.wav")
    wanted = torch.tensor(tone(RATE)).float() / (0.3 * 0.5**0.5)
    torch.testing.assert_close(sound[100:-100], wanted[100:-100], rtol=0, atol=0.05)


def test_what_is_no_speech_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    with pytest.raises(ValueError, match=r"a.wav cannot be read as a wav file"):
        read_wav(file)
    file.write_bytes(b"no sound")
    with pytest.raises(ValueError, match=r"a.wav cannot be read as a wav file .*16 bits"):
        read_wav(file)
    write_wav(file, tone(RATE), width=4)
    with pytest.raises(ValueError, match="samples of 32 bits; expected a wav file of 16"):
        read_wav(file)
    for silence in (0, 100):
        write_wav(file, np.zeros(silence))
        with pytest.raises(ValueError, match="is silent"):
            read_wav(file)


def test_a_file_that_is_cut_within_a_sample_loses_that_sample(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(RATE))
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[:-3])
    assert len(read_wav(tmp_path / "a.wav")) == len(tone(RATE)) - 2


def test_spectrograms_are_those_of_another_implementation() -> None:
    sound = torch.randn(4_000, generator=torch.Generator().manual_seed(0)) * torch.linspace(0, 2, 4_000)
    window = torch.hann_window(WINDOW)
    bands = audio_utils.mel_filter_bank(FFT // 2 + 1, MELS, 0.0, RATE / 2, RATE, mel_scale="htk")
    bands = bands / bands.sum(0)
    np.testing.assert_allclose(mel_bands(), bands, atol=1e-6)
    power = audio_utils.spectrogram(
        np.concatenate([np.zeros(WINDOW - HOP), sound.numpy()]),
        window.double().numpy(),
        WINDOW,
        HOP,
        FFT,
        power=2.0,
        center=False,
        mel_filters=bands,
        mel_floor=0.0,
    )
    wanted = (np.log(power.T / float(window.square().sum()) + FLOOR) - LOG_MEAN) / LOG_DEVIATION
    ours = log_mel(sound)
    assert ours.shape == (50, MELS)
    np.testing.assert_allclose(ours, wanted, atol=1e-3)


def test_a_frame_depends_on_nothing_after_its_end() -> None:
    sound = torch.randn(1_600)
    changed = sound.clone()
    changed[800:] = 9
    one, other = log_mel(sound), log_mel(changed)
    assert torch.equal(one[:10], other[:10])
    assert not torch.isclose(one[10:], other[10:]).all(1).any()
