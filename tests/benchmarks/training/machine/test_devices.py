"""Devices."""

from __future__ import annotations

import pytest
import torch

from benchmarks.training.machine import devices

CPU = torch.device("cpu")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ValueError, match="no device 'tpu'; expected auto, cpu, cuda, mps or xpu"):
        devices.choose("tpu")


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is an accelerator here")
@pytest.mark.parametrize("name", devices.ACCELERATORS)
def test_an_accelerator_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"finds no {name} device here; use --device cpu, or install"):
        devices.choose(name)


def test_an_accelerator_of_another_kind_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "accelerator", lambda: torch.device("xpu"))
    with pytest.raises(ValueError, match="finds no cuda device here; use --device xpu or cpu"):
        devices.choose("cuda")


def test_auto_is_the_accelerator_or_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "prepare", lambda device: None)
    for present, chosen in ((torch.device("mps"), "mps"), (None, "cpu")):
        monkeypatch.setattr(devices, "accelerator", lambda present=present: present)
        assert devices.choose("auto").type == chosen
        assert devices.choose("cpu").type == "cpu"


def test_a_process_uses_the_accelerator_of_its_index(monkeypatch: pytest.MonkeyPatch) -> None:
    indices: list[int] = []
    monkeypatch.setattr(torch.accelerator, "set_device_index", indices.append)
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda *_, **__: None)
    for device in ("cpu", "xpu", "xpu:1"):
        devices.prepare(torch.device(device))
    assert indices == [1]


def test_the_cpu_has_nothing_to_wait_for_and_no_memory_of_its_own() -> None:
    devices.synchronize(CPU)
    devices.free_memory(CPU)
    assert not devices.counts_memory(CPU)
    assert devices.count(CPU) == 1
    assert devices.name_of(CPU) == ""
    assert devices.now(CPU) <= devices.now(CPU)


def test_only_accelerators_whose_memory_torch_counts_say_their_peak() -> None:
    counting = {name: devices.counts_memory(torch.device(name)) for name in devices.ACCELERATORS}
    assert counting == {"cuda": True, "mps": False, "xpu": True}


def test_random_numbers_come_again_from_a_state_and_after_a_block() -> None:
    noise = devices.noise_now(CPU)
    first = torch.rand(3)
    devices.set_noise(noise, CPU)
    with devices.noise_kept(CPU):
        torch.rand(5)
    assert torch.equal(torch.rand(3), first)
