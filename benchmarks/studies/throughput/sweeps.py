"""The same cells on more and more workers, and how a whole run divides its time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console

from benchmarks.protocols.expand import Filters, expand
from benchmarks.protocols.files import find, read
from benchmarks.records.record import Cell, Record
from benchmarks.records.store import load as load_records
from benchmarks.running import runner
from benchmarks.running.executors.base import Event, Executor, Finished, Job, Setting
from benchmarks.running.executors.cluster import Ray
from benchmarks.running.executors.processes import Processes
from benchmarks.running.runner import Options
from benchmarks.studies.throughput.options import ThroughputOptions, cells_of
from benchmarks.studies.throughput.rates import load

PROCESSES, NODES = "local processes", "Ray nodes"
TRAINING = "training steps"


class Sweep(NamedTuple):
    """The time of some cells, which every worker trains one after the other."""

    executor: str
    workers: int
    cells: int
    seconds: float  # from an idle cluster or none at all to the last record


class TimeShare(NamedTuple):
    """A part of the wall time of a whole run."""

    part: str
    seconds: float
    share: float
    harness: bool  # whether a plain loop has no such part


def sweeps(options: ThroughputOptions) -> Iterator[Sweep]:
    """The cells on local processes, then on nodes of a Ray cluster if Ray is installed, each of one thread."""
    setting = Setting(threads=1)
    cells = cells_of(options.protocol, options.worker_suite, options.worker_method, options.worker_cells)
    for workers in options.workers:
        yield _sweep(PROCESSES, Processes(setting, workers), workers, cells)
    for nodes in options.workers if has_ray() else ():
        yield _on_ray(setting, nodes, cells)


def has_ray() -> bool:
    """Whether the package ray is installed."""
    return find_spec("ray") is not None


def _on_ray(setting: Setting, nodes: int, cells: Sequence[Cell]) -> Sweep:
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - it is an extra

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        for _ in range(nodes):
            cluster.add_node(num_cpus=1)
        return _sweep(NODES, Ray(setting, cluster.address), nodes, cells)
    finally:
        import ray  # noqa: PLC0415

        ray.shutdown()
        cluster.shutdown()


def _sweep(name: str, executor: Executor, workers: int, cells: Sequence[Cell]) -> Sweep:
    jobs = [Job((cell,)) for cell in cells]
    events: list[Event] = []
    began = time.perf_counter()
    executor.run(jobs, events.append)
    seconds = time.perf_counter() - began
    done = [event for event in events if isinstance(event, Finished) and event.record.status == "done"]
    if len(done) < len(jobs):
        raise ValueError(f"{name}: only {len(done)} of {len(jobs)} cells are done")
    return Sweep(name, workers, len(jobs), seconds)


def whole_run(protocol: str, device: torch.device) -> tuple[list[TimeShare], list[Record]]:
    """Run a protocol in this process, without a report: the parts of the wall time, and the records.

    The data are loaded once more, to time that.
    """
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        options = Options(device, threads=torch.get_num_threads())
        runner.run(find(protocol), Filters(), Path(folder), options, Console(quiet=True))
        wall = time.perf_counter() - began
        records = load_records(Path(folder))
    costs, data = [record.cost for record in records if record.cost is not None], _loading(protocol, device)
    steps, metrics = sum(cost.trained or 0.0 for cost in costs), sum(cost.evaluated or 0.0 for cost in costs)
    cells = sum(cost.total for cost in costs)
    parts = {TRAINING: steps, "metrics on validation and test": metrics, "loading of data": data}
    added = {
        "curves of gradients, kept states, steps timed for the cost of replicas": cells - steps - metrics,
        "trials of replicas, records, progress": wall - cells - data,
    }
    shares = [TimeShare(part, seconds, seconds / wall, part in added) for part, seconds in (parts | added).items()]
    return shares, records


def _loading(protocol: str, device: torch.device) -> float:
    cells = {cell.suite: cell for cell in expand(read(find(protocol)))}
    began = time.perf_counter()
    for cell in cells.values():
        load(cell, device)
    return time.perf_counter() - began
