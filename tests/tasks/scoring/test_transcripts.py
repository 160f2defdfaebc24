"""Sequences of labels: CTC against all paths, decoding, edits against jiwer."""

from __future__ import annotations

import math
from itertools import groupby, product

import jiwer
import pytest
import torch
from torch import Tensor

from tasks.data.labels import ABSENT
from tasks.scoring.transcripts import ctc, edit_distances, error_rate, greedy, with_frames


def padded(rows: list[list[int]]) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[ABSENT] * (longest - len(row))] for row in rows]).view(len(rows), longest)


def collapsed(path: tuple[int, ...] | list[int]) -> list[int]:
    return [label for label, _ in groupby(path) if label != 0]


def labels_of(row: Tensor) -> list[int]:
    return row[row != ABSENT].tolist()


def test_the_loss_is_that_of_all_paths_that_say_the_labels() -> None:
    torch.manual_seed(0)
    outputs, frames, wanted = torch.randn(3, 5, 3), [5, 4, 3], [[1, 1, 2], [2], [2, 1]]
    losses = []
    for logits, length, labels in zip(outputs.log_softmax(-1), frames, wanted, strict=True):
        paths = [path for path in product(range(3), repeat=length) if collapsed(path) == labels]
        chances = [math.exp(sum(float(logits[t, label]) for t, label in enumerate(path))) for path in paths]
        losses.append(-math.log(sum(chances)) / len(labels))
    loss = ctc(outputs, with_frames(torch.tensor(frames), padded(wanted)))
    assert float(loss) == pytest.approx(sum(losses) / 3, rel=1e-5)


def test_padding_has_no_gradient() -> None:
    outputs = torch.randn(2, 6, 4, requires_grad=True)
    ctc(outputs, with_frames(torch.tensor([6, 4]), padded([[1, 2, 3], [2]]))).backward()
    assert outputs.grad is not None
    assert outputs.grad[0].any(-1).all()
    assert not outputs.grad[1, 4:].any()


def test_decoding_collapses_repeats_removes_blanks_and_stops_at_the_end() -> None:
    paths = torch.randint(4, (200, 12), generator=torch.Generator().manual_seed(1))
    frames = torch.arange(200) % 13
    decoded = greedy(torch.nn.functional.one_hot(paths).float(), frames)
    for path, length, labels in zip(paths.tolist(), frames.tolist(), decoded, strict=True):
        assert labels_of(labels) == collapsed(path[:length])
        assert labels.tolist() == [*labels_of(labels), *[ABSENT] * (len(labels) - len(labels_of(labels)))]


def test_edits_and_error_rates_are_those_of_jiwer() -> None:
    generator = torch.Generator().manual_seed(2)
    paths = torch.randint(5, (100, 14), generator=generator)
    outputs = torch.nn.functional.one_hot(paths).float()
    frames = torch.randint(1, 15, (100,), generator=generator)
    lengths = torch.randint(1, 8, (100,), generator=generator).tolist()
    wanted = [torch.randint(1, 5, (length,), generator=generator).tolist() for length in lengths]
    targets = with_frames(frames, padded(wanted))
    decoded = greedy(outputs, frames)
    spoken, meant = ([" ".join(map(str, row)) for row in rows] for rows in (map(labels_of, decoded), wanted))
    for row, distance in enumerate(edit_distances(decoded, targets[:, 1:]).tolist()):
        alone = jiwer.process_words(meant[row], spoken[row])
        assert distance == alone.substitutions + alone.deletions + alone.insertions
    metric = error_rate("wer")
    parts = [metric.collect(outputs[i : i + 7], targets[i : i + 7]) for i in range(0, 100, 7)]
    assert metric.of(parts) == pytest.approx(jiwer.wer(meant, spoken))


def test_who_says_nothing_has_an_error_rate_of_one_and_who_says_all_one_of_zero() -> None:
    targets = with_frames(torch.tensor([4, 4]), padded([[1, 2], [2]]))
    silence = torch.nn.functional.one_hot(torch.zeros(2, 4, dtype=torch.int64), 3).float()
    right = torch.nn.functional.one_hot(torch.tensor([[1, 1, 0, 2], [0, 2, 2, 0]]), 3).float()
    metric = error_rate("wer")
    assert metric.of([metric.collect(silence, targets)]) == 1
    assert metric.of([metric.collect(right, targets)]) == metric.best == 0
