"""How many examples are evaluated at a time."""

from __future__ import annotations

import pytest
import torch

from benchmarks.training.measuring.evaluate import EVALUATION_BATCH, EVALUATION_BYTES, evaluation_batches
from tasks.base import Split


@pytest.mark.parametrize(
    ("numbers", "expected"), [(1, EVALUATION_BATCH), (EVALUATION_BYTES // 4 // 10, 10), (EVALUATION_BYTES, 1)]
)
def test_large_examples_are_evaluated_a_few_at_a_time(numbers: int, expected: int) -> None:
    image = torch.zeros(1).expand(EVALUATION_BATCH + 1, numbers)  # large, but without memory of its own
    sizes = [len(batch) for batch in evaluation_batches(Split({"image": image}, {}))]
    assert sum(sizes) == EVALUATION_BATCH + 1
    assert max(sizes) == sizes[0] == expected


def test_nothing_is_evaluated_in_no_batches() -> None:
    assert list(evaluation_batches(Split({"image": torch.zeros(0, 3)}, {}))) == []
