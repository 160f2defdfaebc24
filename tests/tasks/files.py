"""Small data files in the exact formats that the suites read."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import wave
from collections.abc import Mapping
from pathlib import Path

import numpy as np


def digits_table(per_class: int, classes: int = 10) -> bytes:
    """A gzipped CSV table of digits; every image is unlike every other."""
    rows = []
    for number in range(per_class * classes):
        pixels = np.random.default_rng(number).integers(1, 256, 784)
        rows.append(",".join(map(str, [*pixels, number // per_class])))
    return gzip.compress(("\n".join(rows) + "\n").encode())


def write_idx(file: Path, array: np.ndarray) -> None:
    """A gzipped idx file of unsigned bytes."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    file.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))


def write_mnist(folder: Path, train_labels: list[int], test_labels: list[int]) -> None:
    """MNIST's four files; the images are random."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for part, labels in (("train", train_labels), ("t10k", test_labels)):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", rng.integers(0, 256, (len(labels), 28, 28)))
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", np.array(labels))


def write_png(file: Path, height: int, width: int) -> str:
    """A picture with random colours; its path."""
    from PIL import Image  # noqa: PLC0415

    colours = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(colours).save(file)
    return str(file)


def write_wav(file: Path, sound: np.ndarray, rate: int = 8000, channels: int = 1, width: int = 2) -> None:
    """A wav file of the sound (S,) or (S, channels), whose samples lie between -1 and 1."""
    with wave.open(str(file), "wb") as opened:
        opened.setparams((channels, width, rate, 0, "NONE", ""))
        scaled = sound * (2 ** (8 * width - 1) - 1)
        opened.writeframes(scaled.astype({1: "<u1", 2: "<i2", 4: "<i4"}[width]).tobytes())


def write_spoken_digits(folder: Path, recordings: int) -> None:
    """Wav files named as in the Free Spoken Digit Dataset.

    A digit is a tone of its own pitch, a speaker a quieter one, and every recording has a length and a loudness.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, speaker in enumerate(("george", "jackson", "lucas", "nicolas", "theo", "yweweler")):
        for digit in range(10):
            for take in range(recordings):
                samples = np.arange(1150 + 80 * digit + 13 * take + number)
                tones = np.sin(samples * 0.12 * (digit + 2)) + 0.5 * np.sin(samples * (2.0 + 0.15 * number))
                write_wav(folder / f"{digit}_{speaker}_{take}.wav", tones / (2 + take))


def sentence_archive(lines: Mapping[str, list[str]]) -> bytes:
    """A gzipped tar archive with one tab-separated file per name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, rows in lines.items():
            content = "\r\n".join(rows).encode()
            entry = tarfile.TarInfo(f"hutto_ICWSM_2014/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def rated_sentences(documents: int, sentences: int) -> dict[str, list[str]]:
    """Lines of all four files: ``documents`` a domain, those of reviews and editorials with several ``sentences``."""
    files = {}
    for word, name, cut in (
        ("product", "amazonReviewSnippets_GroundTruth.txt", True),
        ("movie", "movieReviewSnippets_GroundTruth.txt", False),
        ("editorial", "nytEditorialSnippets_GroundTruth.txt", True),
        ("tweet", "tweets_GroundTruth.txt", False),
    ):
        ids = [f"{d}_{s}" if cut else f"{d}" for d in range(documents) for s in range(sentences if cut else 1)]
        files[name] = [
            f"{identity}\t{(number % 9 - 4) * 0.9:.2f}\t{word} number {' '.join(str(number))}" + " bad" * (number % 5)
            for number, identity in enumerate(ids)
        ]
    return files


def write_tiny_bert(folder: Path, layers: int = 2) -> Path:
    """A randomly initialised BERT of width 32 with a word tokenizer, as ``transformers`` saves one."""
    import torch  # noqa: PLC0415
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: PLC0415
    from transformers import BertConfig, BertModel  # noqa: PLC0415
    from transformers.utils import logging  # noqa: PLC0415

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"0123456789"]
    words += ["product", "movie", "editorial", "tweet", "number", "is", "good", "bad"]
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    logging.disable_progress_bar()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    logging.enable_progress_bar()
    return folder
