"""Runs the tiny protocol by the command line in a process of its own, slowly, so that a test can end it midway."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import torch

from benchmarks import cli
from tests.benchmarks.tiny_suite import PROTOCOL, Tiny, registered


class Slow(Tiny):
    """Takes its time, and says where it is."""

    def snapshot(self, model: torch.nn.Module) -> dict[str, list[float]]:
        time.sleep(float(sys.argv[2]))
        return {}


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored in the background
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    source = folder.with_suffix(".toml")
    source.write_text(PROTOCOL, encoding="utf-8")
    with registered("tiny", suite=Slow):
        cli.app(["run", "--protocol", str(source), "--results", str(folder), "--threads", "1"])


if __name__ == "__main__":
    main()
