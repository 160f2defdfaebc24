"""Runs all cells of a protocol; resumes an interrupted run, as a cell that has a record is not run again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import torch
from rich.console import Console

from benchmarks.protocols.build_asked import asked_of
from benchmarks.protocols.expand import Filters, expand
from benchmarks.protocols.files import read
from benchmarks.protocols.stages import following
from benchmarks.records.asked import ASKED, PROTOCOL_COPY
from benchmarks.records.record import Cell, Record, Status
from benchmarks.records.store import Store, stem, write_asked, write_atomically
from benchmarks.running.executors.base import (
    Began,
    Divided,
    Event,
    Executor,
    Finished,
    Job,
    Setting,
    Skip,
    Skipped,
    Stepped,
)
from benchmarks.running.executors.cluster import Ray, Share
from benchmarks.running.executors.processes import Processes
from benchmarks.running.executors.this_process import Here
from benchmarks.running.grouping import grouped
from benchmarks.running.progress import Display
from benchmarks.training.machine import environment
from benchmarks.training.machine.data_parallel import World, join
from benchmarks.training.machine.devices import on_accelerator
from tasks import registry

SKIPPED = "skipped.json"  # suite -> why it could not run
MODELS = "models"
ENVIRONMENT = "environment.json"


class Options(NamedTuple):
    """How to run: on which device and workers, with which data, and what to keep."""

    device: torch.device
    data: Path | None = None
    retry_failed: bool = False
    save_models: bool = False
    workers: int = 0  # local processes; 0 for this one
    replicas: int = 64  # cells that may train together
    time_limit: float | None = None  # seconds per cell
    threads: int | None = None  # of torch, in every worker
    plugins: tuple[Path, ...] = ()
    imports: tuple[str, ...] = ()  # modules that register suites
    executor: Literal["local", "ray"] = "local"
    address: str | None = None  # of the Ray cluster; none starts one
    gpus: float | None = None  # that a worker on a Ray cluster reserves; by default one, or none on the CPU


class Summary(NamedTuple):
    """The number of cells of a run by status, those included that had a record before."""

    counts: dict[Status, int]
    skipped: dict[str, Skip]  # suite -> why

    @property
    def failed(self) -> bool:
        """Whether a cell or a loader had an error. Divergence is a result, and missing data are not an error."""
        return self.counts["failed"] > 0 or any(skip.broken for skip in self.skipped.values())


def run(source: Path, filters: Filters, folder: Path, options: Options, console: Console | None = None) -> Summary:
    """Run the cells of the protocol in file ``source`` that have no record; records and models go to ``folder``.

    An interruption loses at most the cells that are training.

    Raises:
        ValueError: the protocol or a filter is wrong, the folder cannot be written, or no suite can run.
    """
    protocol = read(source)
    cells = expand(protocol, filters)
    world = join(options.device)
    store = Store(folder)
    shown = console or Console() if world.first else Console(quiet=True)
    outside = [table for table in dict.fromkeys(cell.table for cell in cells) if table not in protocol.suites]
    if outside:
        what = (
            f"{', '.join(outside)}: not in the protocol {protocol.name}, so with default options, which may take long"
        )
        shown.print(what, style="yellow", markup=False, highlight=False, soft_wrap=True)
    before = {name: _bytes(folder / name) for name in (PROTOCOL_COPY, ASKED, ENVIRONMENT)}
    if world.first:
        write_atomically(folder / PROTOCOL_COPY, source.read_text(encoding="utf-8"))
        write_asked(folder, asked_of(protocol, cells))
    records, skipped = _run_missing(cells, store, options, world, shown)
    if world.first:
        _note_skipped(folder, {cell.table for cell in cells}, skipped)
    if skipped and not records:
        if world.first:
            _put_back(folder, before)  # what is there is of earlier runs
        raise ValueError(
            "no suite could run:\n" + "\n".join(f"{name}: {skip.reason}" for name, skip in skipped.items())
        )
    chosen = world.agree(following(protocol, filters, records))
    if chosen:
        shown.print(f"The settings chosen on validation, with all seeds: {len(chosen)} more runs.", highlight=False)
        records += _run_missing(chosen, store, options, world, shown)[0]
    counts: dict[Status, int] = dict.fromkeys(get_args(Status), 0)
    for record in records:
        counts[record.status] += 1
    return Summary(counts, skipped)


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _put_back(folder: Path, before: Mapping[str, bytes | None]) -> None:
    for name, content in before.items():
        if content is None:
            (folder / name).unlink(missing_ok=True)
        else:
            (folder / name).write_bytes(content)


def _run_missing(
    cells: Sequence[Cell], store: Store, options: Options, world: World, console: Console
) -> tuple[list[Record], dict[str, Skip]]:
    """Run the cells that have no record; returns the records of all cells, and the suites that could not run."""
    stored = [store.read(cell) for cell in cells] if world.first else []
    kept = world.agree([record for record in stored if record is not None and _is_reusable(record, store, options)])
    ids = {record.id for record in kept}
    waiting = [cell for cell in cells if cell.id not in ids]
    if waiting and world.first:
        _write_json(store.folder / ENVIRONMENT, environment.describe(options.device) | environment.packages())
    with Display(waiting, kept, console) as display:
        handler = _EventHandler(store if world.first else None, display)
        if waiting:
            executor = executor_for(options, store.folder, world)
            most = options.replicas if world.size == 1 else 1
            executor.run(_jobs(waiting, most, executor.width()), handler.receive)
    return kept + handler.records, handler.skipped


def _is_reusable(record: Record, store: Store, options: Options) -> bool:
    """Whether a record can be used again, so that its cell is not run again."""
    if record.status in ("failed", "timed out") and options.retry_failed:
        return False
    if record.environment.get("device", options.device.type) != options.device.type:
        return False  # times, and metrics up to rounding, depend on the device
    return not options.save_models or record.status != "done" or (store.folder / MODELS / stem(record.cell)).is_dir()


def _jobs(waiting: Sequence[Cell], most: int, width: int) -> list[Job]:
    """Jobs of cells that can train together; if possible so many that every worker has one."""
    groups = grouped(waiting, lambda cell: registry.create(cell.suite, **cell.suite_options).replicable, most, width)
    return [Job(tuple(cells)) for cells in groups]


def executor_for(options: Options, folder: Path, world: World) -> Executor:
    """The executor that the options name; in a data-parallel run, every process trains all jobs."""
    setting = Setting(
        device=str(options.device),
        threads=options.threads,
        data=options.data and options.data.resolve(),
        plugins=tuple(path.resolve() for path in options.plugins),
        imports=options.imports,
        models=(folder / MODELS).resolve() if options.save_models and world.first else None,
        time_limit=options.time_limit,
    )
    if world.size > 1:
        return Here(setting, world)
    if options.executor == "ray":
        gpus = float(on_accelerator(options.device)) if options.gpus is None else options.gpus
        share = Share(options.threads or 1, gpus)
        return Ray(setting, options.address, share)
    return Processes(setting, options.workers) if options.workers else Here(setting)


class _EventHandler:
    """Receives the events of jobs, writes their records, and shows the progress."""

    def __init__(self, store: Store | None, display: Display) -> None:
        self._store, self._display = store, display
        self.records: list[Record] = []
        self.skipped: dict[str, Skip] = {}

    def receive(self, event: Event) -> None:
        """Receive an event."""
        match event:
            case Began(job):
                self._display.begin(job)
            case Stepped(job, done, total):
                self._display.steps(job, done, total)
            case Finished(job, Record() as record):
                if self._store is not None:  # otherwise another process writes
                    self._store.write(record)
                self.records.append(record)
                self._display.finish(job, record)
            case Skipped(job, why):
                suite = job.cells[0].table
                self._display.skip(job, "" if suite in self.skipped else why.reason)
                self.skipped[suite] = why
            case Divided(job):
                self._display.forget(job)


def _note_skipped(folder: Path, tried: set[str], skipped: dict[str, Skip]) -> None:
    """Update the list of skipped suites: those tried just now; others stay as they were."""
    path = folder / SKIPPED
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    now = {name: why for name, why in before.items() if name not in tried} | {n: s.reason for n, s in skipped.items()}
    if now:
        _write_json(path, now)
    else:
        path.unlink(missing_ok=True)


def _write_json(path: Path, content: object) -> None:
    write_atomically(path, json.dumps(content, indent=2) + "\n")
