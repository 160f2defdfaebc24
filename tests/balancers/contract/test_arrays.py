"""Tensors as arrays and back: they share their memory, keep the type of a state, and warn of nothing."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from balancers import Draws
from balancers.contract.arrays import arrays, in_numpy, quiet, sent, tensors


class Pair(NamedTuple):
    one: Tensor
    other: Tensor


def test_a_state_and_its_arrays_share_their_memory() -> None:
    state = Pair(torch.tensor([1.0, 4.0], dtype=torch.float64), torch.zeros((), dtype=torch.float64))
    numbers = arrays(state)
    assert type(numbers) is Pair
    assert np.shares_memory(numbers.one, state.one.numpy())
    assert numbers.other.shape == ()
    back = tensors(numbers)
    assert type(back) is Pair
    assert back.one.data_ptr() == state.one.data_ptr()


def test_numbers_without_axes_become_tensors_and_tensors_stay() -> None:
    long = torch.ones(5)
    weights, state = tensors((np.ones(2), Pair(np.float64(2.0), long)))  # pyright: ignore[reportArgumentType]
    assert weights.dtype == state.one.dtype == torch.float64
    assert state.one.shape == ()
    assert state.other is long


def test_a_division_by_zero_is_silent_whatever_the_arguments_are() -> None:
    def inverse(numbers: np.ndarray, power: int = 1) -> np.ndarray:
        return 1 / numbers**power

    assert quiet(inverse)(np.array([2.0, 0.0])).tolist() == [0.5, np.inf]
    assert in_numpy(inverse)(torch.tensor([2.0, 0.0]), power=2).tolist() == [0.25, np.inf]
    assert isinstance(in_numpy(inverse)(np.array([2.0])), np.ndarray)


def test_numbers_are_sent_in_the_dtype_of_the_gradients() -> None:
    numbers = sent(np.array([0.1, 1e-3]), like=torch.zeros(2, 3, dtype=torch.bfloat16))
    assert numbers.equal(torch.tensor([0.1, 1e-3], dtype=torch.bfloat16))


def test_random_numbers_of_another_dtype_are_the_same_ones_rounded() -> None:
    like = torch.zeros(2, 7)
    wide, narrow = (Draws.seeded(3, (2,)).uniform(like, dtype) for dtype in (torch.float64, torch.float32))
    assert narrow.equal(wide.float())
