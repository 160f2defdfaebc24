"""Sequences of labels: the CTC loss, greedy decoding, error rates."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import ctc_loss

from tasks.contract import Metric
from tasks.data.labels import ABSENT, to_the_front

BLANK = 0  # CTC's class for "no label here"; labels begin at 1


def with_frames(frames: Tensor, labels: Tensor) -> Tensor:
    """Targets (N, 1 + S) of CTC: how many frames an example has, then its labels, padded with ABSENT."""
    return torch.cat([frames[:, None], labels], 1)


def ctc(outputs: Tensor, targets: Tensor) -> Tensor:
    """CTC loss per label, its mean over examples, of logits (N, T, 1 + C) against `with_frames` targets (N, 1 + S).

    Reference: Graves et al., Connectionist Temporal Classification, ICML 2006, equation 8.
    """
    frames, labels = targets[:, 0], targets[:, 1:]
    log_probabilities = outputs.log_softmax(-1).transpose(0, 1)
    return ctc_loss(log_probabilities, labels.clamp(min=0), frames, (labels != ABSENT).sum(1), BLANK)


def greedy(outputs: Tensor, frames: Tensor) -> Tensor:
    """The labels (N, L) of the best path through logits (N, T, 1 + C), of which ``frames`` (N,) are an example's.

    Repeats are collapsed, then blanks removed; what is left stands at the front, padded with ABSENT.
    """
    best = outputs.argmax(-1)
    positions = torch.arange(best.shape[1], device=best.device)
    begins = torch.ones_like(best, dtype=torch.bool)
    begins[:, 1:] = best[:, 1:] != best[:, :-1]
    is_label = begins & (best != BLANK) & (positions < frames[:, None])
    return to_the_front(torch.where(is_label, best, ABSENT))[:, : int(is_label.sum(1).max())]


def edit_distances(decoded: Tensor, reference: Tensor) -> Tensor:
    """Fewest insertions, deletions and substitutions (N,) from labels (N, L) to labels (N, S), padded with ABSENT.

    The table of Wagner and Fischer row by row, for all examples at once. Within a row a cell may come from its left
    neighbour at a cost of 1, so that row[j] = min over i ≤ j of (cell[i] + j - i): a running minimum of cell[i] - i.
    """
    columns = torch.arange(reference.shape[1] + 1, device=reference.device)
    row = columns.expand(len(reference), -1)
    for label in decoded.unbind(1):
        substituted = row[:, :-1] + (reference != label[:, None]).long()
        cells = torch.cat([row[:, :1] + 1, torch.minimum(substituted, row[:, 1:] + 1)], 1)
        following = (cells - columns).cummin(1).values + columns
        row = torch.where((label == ABSENT)[:, None], row, following)
    return row.gather(1, (reference != ABSENT).sum(1, keepdim=True)).squeeze(1)


def error_rate(name: str) -> Metric:
    """Edits from greedily decoded logits to `with_frames` targets, per label of the targets, over a whole split."""

    def collect(outputs: Tensor, targets: Tensor) -> Tensor:
        labels = targets[:, 1:]
        edits = edit_distances(greedy(outputs, targets[:, 0]), labels)
        return torch.stack([edits.sum(), (labels != ABSENT).sum()]).double()

    return Metric(name, 0.0, False, collect, lambda total: total[0] / total[1])
