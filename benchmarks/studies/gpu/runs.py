"""A whole protocol on a device, within a limit of time, and the rates of some of its runs."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console

from benchmarks.protocols.expand import Filters, expand
from benchmarks.protocols.files import find, read
from benchmarks.records.asked import ASKED, PROTOCOL_COPY
from benchmarks.records.record import Record
from benchmarks.records.store import load as load_records
from benchmarks.records.store import pack
from benchmarks.running import runner
from benchmarks.studies.throughput.options import cells_of
from benchmarks.studies.throughput.rates import Rate, engine_rate
from tasks.base import DataUnavailableError

RATE_SECONDS = 1.5  # about how long to time the steps of one rate, and then its evaluations


class SuiteRuns(NamedTuple):
    """What became of the runs of a suite."""

    suite: str
    runs: int
    done: int
    seconds: float  # of all of them, evaluations and what is timed for their cost included
    step: float  # milliseconds of a step of one run alone, in the mean over its methods


class Missing(NamedTuple):
    """What could not be measured, and why."""

    what: str
    reason: str


def protocol_runs(
    protocol: str, device: torch.device, folder: Path, seconds: float
) -> tuple[list[SuiteRuns], list[Missing]]:
    """Run a protocol in this process, and keep its records in a folder as an ordinary run does.

    Args:
        protocol: name or path.
        device: where.
        folder: for what the protocol asks for, the archive of the records and the environment.
        seconds: that all runs may take together; each gets an equal share, and is timed out after it.
    """
    source = find(protocol)
    share = max(1.0, seconds) / len(expand(read(source)))
    with tempfile.TemporaryDirectory() as place:
        options = runner.Options(device, time_limit=share, threads=torch.get_num_threads())
        summary = runner.run(source, Filters(), Path(place), options, Console(quiet=True))
        records = load_records(Path(place))
        archive = pack(Path(place))
        folder.mkdir(parents=True, exist_ok=True)
        for path in (archive, *(Path(place) / name for name in (ASKED, PROTOCOL_COPY, runner.ENVIRONMENT))):
            (folder / path.name).write_bytes(path.read_bytes())
    skipped = [Missing(suite, skip.reason) for suite, skip in summary.skipped.items()]
    return [_of_suite(suite, records) for suite in dict.fromkeys(record.cell.table for record in records)], skipped


def _of_suite(suite: str, records: Sequence[Record]) -> SuiteRuns:
    of_suite = [record for record in records if record.cell.table == suite]
    costs = [record.cost for record in of_suite if record.cost is not None]
    statuses = Counter(record.status for record in of_suite)
    seconds = sum(cost.total for cost in costs)
    step = 1e3 * sum(cost.step for cost in costs) / len(costs) if costs else float("nan")
    return SuiteRuns(suite, len(of_suite), statuses["done"], seconds, step)


def device_rates(
    protocol: str, suite: str, method: str, replicas: Sequence[int], device: torch.device
) -> Iterator[Rate | Missing]:
    """Runs per hour of a method on a suite, one at a time for 1 and as replicas for more."""
    try:
        for count in replicas:
            cells = cells_of(protocol, suite, method, count)
            yield engine_rate(cells, device, RATE_SECONDS, together=count > 1)
    except (DataUnavailableError, torch.OutOfMemoryError) as error:
        yield Missing(f"rates of {method} on {suite}", str(error))


class Deadline:
    """How many seconds are left of some."""

    def __init__(self, seconds: float) -> None:
        self._end = time.perf_counter() + seconds

    @property
    def left(self) -> float:
        """Seconds; 0 when they are over."""
        return max(0.0, self._end - time.perf_counter())
