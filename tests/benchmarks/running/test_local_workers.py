"""How many local workers a run has, and how they share devices and cores."""

from __future__ import annotations

import pytest
import torch

from benchmarks.running import local_workers


def test_gpus_are_dealt_out_among_local_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    assert [local_workers.of_worker("cuda", worker) for worker in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert local_workers.of_worker("cpu", 5) == "cpu"
    assert local_workers.default_workers(torch.device("cuda")) == 2
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 1)
    assert local_workers.default_workers(torch.device("cuda")) == 1


def test_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_workers, "cores", lambda: 8)
    assert local_workers.default_workers(torch.device("cpu")) == 8
    assert local_workers.default_threads(torch.device("cpu"), 3) == 2
    assert local_workers.default_threads(torch.device("cpu"), 0) is None
