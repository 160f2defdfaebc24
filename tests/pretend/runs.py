"""Short trainings on computed suites, on the CPU and on the pretend accelerator.

``python -m tests.pretend.runs`` prints as JSON, by "SUITE METHOD ENGINE", the records of both devices and how often the
host waited in each of some steps; and by method how often it waited in each step of replicas on the plane.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import torch

from balancers import names
from benchmarks.protocols.expand import expand
from benchmarks.records.record import Cell
from benchmarks.running import grouping
from benchmarks.training.engines.engine import Engine
from benchmarks.training.engines.replicas.engine import Replicas
from benchmarks.training.engines.single import Alone
from benchmarks.training.loaded import Loaded
from benchmarks.training.train import train
from tasks import registry
from tasks.base import Splits
from tests.benchmarks.tiny_suite import protocol
from tests.pretend import accelerator

METHODS = {  # they need losses, the Gramian, gradients, the losses after the step, the Gramian across batches
    "plane": ("uncertainty", "pcgrad", "graddrop", "famo", "modo"),
    "gradnorm-regression-2": ("uncertainty", "pcgrad", "graddrop"),
    "gradnorm-regression-10": ("pcgrad",),
}
SETTINGS = {"seeds": 2, "steps": 4, "evaluations": 2, "batch_size": 16, "learning_rates": [1e-2]}
CHANGING = {"cost", "environment", "finished"}  # facts of a record that no two runs share
WARM_UP, COUNTED = 2, 3  # steps


def cells_of(suite: str, method: str) -> list[Cell]:
    """Two cells that differ in their seed."""
    methods: dict[str, Any] = {"fixed": {}, "row": {"balancer": method}}
    return [cell for cell in expand(protocol(suites={suite: SETTINGS}, methods=methods)) if cell.row == "row"]


def loaded_on(suite: str, device: torch.device) -> Loaded:
    """A suite with its data on a device."""
    created = registry.create(suite)
    return Loaded(created, Splits(*(split.to(device) for split in created.load())), device)


def engine_of(cells: Sequence[Cell], loaded: Loaded) -> Engine:
    """The engine of one run, or of several."""
    parts = loaded.suite, loaded.splits.train, loaded.device
    return Alone(cells[0], *parts) if len(cells) == 1 else Replicas(cells, *parts)


def records(cells: Sequence[Cell], loaded: Loaded) -> list[dict[str, Any]]:
    """The records of some cells without what no two runs share."""
    trained = train(cells, loaded, lambda: engine_of(cells, loaded))
    return [record.model_dump(mode="json", exclude=CHANGING) for record in trained]


def waits(cells: Sequence[Cell], loaded: Loaded) -> list[int]:
    """How often the host waits in each of some steps."""
    engine, counts = engine_of(cells, loaded), []
    for _ in range(WARM_UP):
        engine.step()
    for _ in range(COUNTED):
        with accelerator.counting() as in_step:
            engine.step()
        counts.append(in_step.total())
    return counts


def waits_or_error(cells: Sequence[Cell], loaded: Loaded) -> list[int] | str:
    """The same, or why no step is possible."""
    try:
        return waits(cells, loaded)
    except (RuntimeError, TypeError) as error:
        return f"{type(error).__name__}: {error}"


def main() -> None:
    """Train everything on both devices."""
    compared = {}
    for suite, methods in METHODS.items():
        host, device = loaded_on(suite, torch.device("cpu")), loaded_on(suite, torch.device(accelerator.NAME))
        for method in methods:
            pair = cells_of(suite, method)
            for engine, cells in (("alone", pair[:1]), ("replicas", pair)):
                compared[f"{suite} {method} {engine}"] = {
                    "cpu": records(cells, host),
                    "accelerator": records(cells, device),
                    "waits": waits(cells, device),
                }
    plane = loaded_on("plane", torch.device(accelerator.NAME))
    pairs = {method: cells_of("plane", method) for method in names()}
    waiting = {method: waits_or_error(pair, plane) for method, pair in pairs.items() if grouping.stackable(pair[0])}
    sys.stdout.write(json.dumps({"compared": compared, "waits": waiting}))


if __name__ == "__main__":
    main()
