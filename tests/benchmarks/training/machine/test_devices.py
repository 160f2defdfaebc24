"""Devices, and who shares them."""

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


def test_gpus_are_dealt_out_among_local_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [devices.of_worker("cuda", worker) for worker in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert devices.of_worker("cpu", 5) == "cpu"
    assert devices.default_workers(torch.device("cuda")) == 2
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert devices.default_workers(torch.device("cuda")) == 1


def test_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cores", lambda: 8)
    assert devices.default_workers(torch.device("cpu")) == 8
    assert devices.default_threads(torch.device("cpu"), 3) == 2
    assert devices.default_threads(torch.device("cpu"), 0) is None
