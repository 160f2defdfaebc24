"""Devices."""

from __future__ import annotations

import pytest
import torch

from benchmarks.training.machine import devices


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ValueError, match="no device 'tpu'; expected auto, cpu or cuda"):
        devices.choose("tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="--device cpu"):
        devices.choose("cuda")
