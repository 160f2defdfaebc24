"""Labels of words: metrics beside those of seqeval and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from sklearn.metrics import precision_recall_fscore_support
from torch import Tensor
from torch.nn.functional import one_hot

from tasks.base import Metric
from tasks.data.labels import ABSENT, bio_labels
from tasks.scoring.tagging import label_scores, span_scores, spans

LABELS = bio_labels(("PER", "ORG", "LOC"))
ZERO: Any = 0  # of a quotient of nothing; both libraries say that it must be a text
sentences = st.lists(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=8), min_size=1, max_size=5
)


def padded(rows: list[list[int]], filler: int) -> Tensor:
    width = max(map(len, rows)) + 1
    return torch.tensor([row + [filler] * (width - len(row)) for row in rows])


def logits(rows: list[list[int]]) -> Tensor:
    return one_hot(padded(rows, 1), 7).float()  # beyond a sentence's end it answers something


def measured(metric: Metric, outputs: Tensor, targets: Tensor) -> float:
    return metric.of([metric.collect(o[None], t[None]) for o, t in zip(outputs, targets, strict=True)])


@settings(deadline=None)
@given(sentences)
def test_spans_are_scored_as_by_seqeval(pairs: list[list[tuple[int, int]]]) -> None:
    true, predicted = ([[pair[side] for pair in pairs_of_one] for pairs_of_one in pairs] for side in (0, 1))
    names = [[[LABELS[label] for label in row] for row in rows] for rows in (true, predicted)]
    for metric, independent in zip(span_scores(), (f1_score, precision_score, recall_score), strict=True):
        value = measured(metric, logits(predicted), padded(true, ABSENT))
        assert value == pytest.approx(independent(*names, zero_division=ZERO))


@settings(deadline=None)
@given(sentences)
def test_labels_are_scored_as_spans_of_one_word_and_as_by_scikit_learn(pairs: list[list[tuple[int, int]]]) -> None:
    true, predicted = ([[pair[side] for pair in pairs_of_one] for pairs_of_one in pairs] for side in (0, 1))
    values = [measured(metric, logits(predicted), padded(true, ABSENT)) for metric in label_scores()]
    flat = np.concatenate(true), np.concatenate(predicted)
    precision, recall, f1, _ = precision_recall_fscore_support(
        *flat, labels=range(1, 7), average="micro", zero_division=ZERO
    )
    assert values == pytest.approx([f1, precision, recall])
    words = [[["O" if label == 0 else f"B-{label}" for label in row] for row in rows] for rows in (true, predicted)]
    assert values == pytest.approx([of(*words, zero_division=ZERO) for of in (f1_score, precision_score, recall_score)])


def test_spans_have_a_first_word_a_last_word_and_a_kind() -> None:
    labels = ["B-PER", "I-PER", "O", "I-LOC", "B-LOC", "I-LOC", "I-ORG"]
    assert spans([LABELS.index(label) for label in labels]) == [(0, 1, 0), (3, 3, 2), (4, 5, 2), (6, 6, 1)]
    assert spans([]) == spans([0, 0]) == []


def test_where_nothing_is_asked_scores_are_zero() -> None:
    outputs, nothing = torch.randn(2, 3, 4), torch.full((2, 3), ABSENT)
    assert all(measured(metric, outputs, nothing) == 0 for metric in (*span_scores(), *label_scores()))
