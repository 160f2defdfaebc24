"""Long rows of numbers in pieces, so that what is calculated in double precision needs little memory at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch

from balancers.contract.exactness import PIECE

PIECES = 24  # of a row of middle length; in shorter pieces, the cost of calling operators would show
LONGEST = 1 << 17  # elements of such a piece on a processor
AT_ONCE = 1 << 25  # elements of all rows together on an accelerator


class Part(NamedTuple):
    """Some neighbouring elements of one tensor.

    Example:
        >>> from balancers.step.pieces import Part
        >>> Part(tensor=0, start=5, stop=8).stop
        8
    """

    tensor: int  # its position in a list
    start: int
    stop: int


def columns_of(elements: int, rows: int, device: torch.device) -> int:
    """How long the pieces of rows of this length are.

    Example:
        >>> import torch
        >>> from balancers.step.pieces import columns_of
        >>> columns_of(10_000, 3, torch.device("cpu")), columns_of(50_000_000, 3, torch.device("cpu"))
        (32768, 32768)
    """
    if device.type == "cpu":
        longer = -(-elements // PIECES)
        return longer if PIECE < longer <= LONGEST else PIECE
    return max(PIECE, AT_ONCE // rows)


def pieces_of(sizes: Sequence[int], columns: int) -> tuple[tuple[Part, ...], ...]:
    """Tensors of these sizes, one after the other, cut after every so many elements.

    Example:
        >>> from balancers.step.pieces import pieces_of
        >>> for piece in pieces_of([2, 5], columns=4):
        ...     [(part.tensor, part.start, part.stop) for part in piece]
        [(0, 0, 2), (1, 0, 2)]
        [(1, 2, 5)]
    """
    return _cut(tuple(sizes), columns)


@lru_cache(maxsize=64)
def _cut(sizes: tuple[int, ...], columns: int) -> tuple[tuple[Part, ...], ...]:
    pieces: list[tuple[Part, ...]] = []
    piece: list[Part] = []
    room = columns
    for tensor, size in enumerate(sizes):
        start = 0
        while start < size:
            stop = min(size, start + room)
            piece.append(Part(tensor, start, stop))
            room -= stop - start
            start = stop
            if not room:
                pieces.append(tuple(piece))
                piece, room = [], columns
    return (*pieces, tuple(piece)) if piece else tuple(pieces)
