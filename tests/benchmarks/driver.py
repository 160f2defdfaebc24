"""Runs the tiny protocol by the command line in a process of its own, slowly, so that a test can end it midway."""

from __future__ import annotations

import signal
import sys
from functools import partial
from pathlib import Path

from benchmarks import cli
from benchmarks.running import runner
from tests.benchmarks import faulty
from tests.benchmarks.tiny_suite import PROTOCOL


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored in the background
    folder, where = Path(sys.argv[1]), sys.argv[2]
    folder.mkdir(exist_ok=True)
    source = folder.with_suffix(".toml")
    source.write_text(PROTOCOL, encoding="utf-8")
    runner.Options = partial(runner.Options, imports=(faulty.__name__,))  # pyright: ignore
    asked = ["--workers", where] if where.isdecimal() else ["--executor", "ray", "--address", where, "--replicas", "1"]
    cli.app(["run", "--protocol", str(source), "--results", str(folder), "--threads", "1", *asked])


if __name__ == "__main__":
    main()
