"""The same cells with more and more workers, and what of a whole run is training."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console

from benchmarks.protocols.expand import Filters, expand
from benchmarks.protocols.files import find, read
from benchmarks.records.record import Record
from benchmarks.records.store import load as load_records
from benchmarks.running import runner
from benchmarks.running.executors.base import Executor, Finished, Job, Setting
from benchmarks.running.executors.cluster import Ray
from benchmarks.running.executors.processes import Processes
from benchmarks.running.runner import Options
from benchmarks.studies.throughput.rates import PROTOCOL, cells_of, load

SUITE, METHOD, CELLS = "gradnorm-regression-2", "pcgrad", 24
WORKERS = (1, 2)
TRAINING = "training steps"


class Sweep(NamedTuple):
    """Some cells, one by one on each worker."""

    executor: str
    workers: int
    cells: int
    seconds: float  # from an idle cluster or none at all to the last record


class Share(NamedTuple):
    """A part of a whole run's wall time."""

    part: str
    seconds: float
    share: float
    harness: bool  # whether a plain loop would do without


def sweeps(tell: Callable[[str], None]) -> Iterator[Sweep]:
    """Local processes, then nodes of a Ray cluster, each of one thread."""
    setting = Setting(threads=1)
    for workers in WORKERS:
        yield _told(_sweep("local processes", Processes(setting, workers), workers), tell)
    for nodes in WORKERS:
        yield _told(_on_ray(setting, nodes), tell)


def _told(found: Sweep, tell: Callable[[str], None]) -> Sweep:
    tell(f"{found.executor}, {found.workers}: {found.cells} cells in {found.seconds:.0f} s")
    return found


def _on_ray(setting: Setting, nodes: int) -> Sweep:
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - it is an extra

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        for _ in range(nodes):
            cluster.add_node(num_cpus=1)
        return _sweep("Ray nodes", Ray(setting, cluster.address), nodes)
    finally:
        import ray  # noqa: PLC0415

        ray.shutdown()
        cluster.shutdown()


def _sweep(name: str, executor: Executor, workers: int) -> Sweep:
    jobs = [Job((cell,)) for cell in cells_of(SUITE, METHOD, CELLS)]
    heard: list[object] = []
    began = time.perf_counter()
    executor.run(jobs, heard.append)
    seconds = time.perf_counter() - began
    done = [event for event in heard if isinstance(event, Finished) and event.record.status == "done"]
    if len(done) < len(jobs):
        raise ValueError(f"{name}: only {len(done)} of {len(jobs)} cells are done")
    return Sweep(name, workers, len(jobs), seconds)


def whole_run(device: torch.device) -> tuple[list[Share], list[Record]]:
    """What a run of the protocol in this process spends its wall time on, without a report, and its records.

    Data are loaded once more to see what that takes.
    """
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        options = Options(device, threads=torch.get_num_threads())
        runner.run(find(PROTOCOL), Filters(), Path(folder), options, Console(quiet=True))
        wall = time.perf_counter() - began
        records = load_records(Path(folder))
    costs, data = [record.cost for record in records if record.cost is not None], _loading(device)
    steps, metrics = sum(cost.trained or 0.0 for cost in costs), sum(cost.evaluated or 0.0 for cost in costs)
    cells = sum(cost.total for cost in costs)
    parts = {TRAINING: steps, "metrics on validation and test": metrics, "loading of data": data}
    added = {
        "curves of gradients, kept states, steps timed for the cost of replicas": cells - steps - metrics,
        "trials of replicas, records, progress": wall - cells - data,
    }
    shares = [Share(part, seconds, seconds / wall, part in added) for part, seconds in (parts | added).items()]
    return shares, records


def _loading(device: torch.device) -> float:
    cells = {cell.suite: cell for cell in expand(read(find(PROTOCOL)))}
    began = time.perf_counter()
    for cell in cells.values():
        load(cell, device)
    return time.perf_counter() - began
