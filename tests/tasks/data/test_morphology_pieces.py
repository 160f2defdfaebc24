"""Words as hashed pieces."""

from __future__ import annotations

from tasks.data.morphology_pieces import PIECES, pieces


def test_pieces_are_hashes_that_never_change() -> None:
    numbers = pieces([["Go", "15s"], ["go"]], 3, 1000)
    assert numbers.shape == (2, 3, PIECES)
    assert numbers[0, 0].tolist() == [895, 164, 410, 69, 914, 32, 435, 120, 15]
    assert not numbers[0, 2].any()
    assert not numbers[1, 1:].any()
    shape = 1
    assert (numbers[0, 0] == numbers[1, 0]).tolist() == [at != shape for at in range(PIECES)]
