"""All cells of a protocol, one after the other: what has a record is not run again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console

from benchmarks import environment, models
from benchmarks.expand import Filters, expand
from benchmarks.progress import Display
from benchmarks.protocol import read
from benchmarks.records import Cell, Record, Status
from benchmarks.store import Store, write_atomically
from benchmarks.train import Keep, train
from tasks import registry
from tasks.base import DataUnavailableError, Splits, Suite

SKIPPED = "skipped.json"  # suite -> why its data did not come
PROTOCOL_COPY = "protocol.toml"


class Options(NamedTuple):
    """How to run: on which device, with which data, and what to do beside it."""

    device: torch.device
    data: Path | None = None
    retry_failed: bool = False
    save_models: bool = False


class Skip(NamedTuple):
    """Why a suite did not run; ``broken`` if its loader failed in a way it should not."""

    reason: str
    broken: bool


class Summary(NamedTuple):
    """How the cells of a run stand, those that had a record before included."""

    counts: dict[Status, int]
    skipped: dict[str, Skip]  # suite -> why

    @property
    def failed(self) -> bool:
        """Whether an error came up in a cell or a loader. Divergence is a result, missing data are nobody's fault."""
        return self.counts["failed"] > 0 or any(skip.broken for skip in self.skipped.values())


def run(source: Path, filters: Filters, folder: Path, options: Options, console: Console | None = None) -> Summary:
    """Run what is missing of the protocol in file ``source``; records and models go to ``folder``.

    Interrupting it, in whatever way, loses at most the cell in flight.

    Raises:
        ValueError: the protocol or a filter is wrong, the folder cannot be written, or no suite's data can be had.
    """
    cells = expand(read(source), filters)
    store = Store(folder)
    write_atomically(folder / PROTOCOL_COPY, source.read_text(encoding="utf-8"))
    known = [store.read(cell) for cell in cells]
    kept = [record for record in known if record is not None and _counts(record, store, options)]
    ids = {record.id for record in kept}
    waiting = [cell for cell in cells if cell.id not in ids]
    skipped: dict[str, Skip] = {}
    if waiting:
        _write_json(folder / "environment.json", environment.describe(options.device) | environment.packages())
    with Display(waiting, kept, console or Console()) as display:
        records = kept + list(_records(waiting, store, options, display, skipped))
    _note_skipped(folder, {cell.suite for cell in cells}, skipped)
    if skipped and not records:
        raise ValueError(
            "no suite could run:\n" + "\n".join(f"{name}: {skip.reason}" for name, skip in skipped.items())
        )
    counts: dict[Status, int] = {"done": 0, "diverged": 0, "failed": 0}
    for record in records:
        counts[record.status] += 1
    return Summary(counts, skipped)


def _counts(record: Record, store: Store, options: Options) -> bool:
    """Whether a record makes another run of its cell needless."""
    if record.status == "failed" and options.retry_failed:
        return False
    if record.environment.get("device", options.device.type) != options.device.type:
        return False  # times and, to rounding, metrics would be of two machines
    return not options.save_models or record.status != "done" or _model_folder(store, record.cell).is_dir()


def _model_folder(store: Store, cell: Cell) -> Path:
    return store.folder / "models" / store.path(cell).stem


def _records(
    waiting: Sequence[Cell], store: Store, options: Options, display: Display, skipped: dict[str, Skip]
) -> Iterator[Record]:
    """The records of the waiting cells, each written before the next cell begins."""
    for _, group in groupby(waiting, key=lambda cell: (cell.suite, cell.suite_options)):
        cells = list(group)
        loaded = _load(cells[0], options)
        if isinstance(loaded, Skip):
            skipped[cells[0].suite] = loaded
            display.skip(cells, loaded.reason)
            continue
        suite, splits = loaded
        for cell in cells:
            display.begin(cell)
            keep = _keeper(store, cell) if options.save_models else None
            record = train(cell, suite, splits, options.device, display.steps, keep)
            store.write(record)
            display.finish(record)
            yield record
        del loaded, suite, splits  # before the next suite's data come


def _load(cell: Cell, options: Options) -> tuple[Suite, Splits] | Skip:
    try:
        suite = registry.create(cell.suite, **cell.suite_options)
        splits = suite.load(options.data)
        return suite, Splits(*(split.to(options.device) for split in splits))
    except DataUnavailableError as error:
        return Skip(str(error), broken=False)
    except Exception as error:  # a broken loader must not take the other suites down
        return Skip(f"{type(error).__name__}: {error}", broken=True)


def _keeper(store: Store, cell: Cell) -> Keep:
    return lambda model: models.save(_model_folder(store, cell), model, models.Card.of(cell, model))


def _note_skipped(folder: Path, tried: set[str], skipped: dict[str, Skip]) -> None:
    """Bring the list of skipped suites up to date: of those tried just now, and of others as it was."""
    path = folder / SKIPPED
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    now = {name: why for name, why in before.items() if name not in tried} | {n: s.reason for n, s in skipped.items()}
    if now:
        _write_json(path, now)
    else:
        path.unlink(missing_ok=True)


def _write_json(path: Path, content: object) -> None:
    write_atomically(path, json.dumps(content, indent=2) + "\n")


def choose_device(name: str) -> torch.device:
    """The device called "cpu", "cuda" or "auto" (a GPU if there is one), set up to give the same numbers every time.

    Raises:
        ValueError: another name, or a GPU where there is none.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"there is no device {name!r}; expected auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("torch finds no GPU here; use --device cpu, or install a torch build with CUDA")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic with it alone
    torch.use_deterministic_algorithms(True, warn_only=True)
    return torch.device("cuda")
