"""What came out of the plane: where every run ended and how it got there, on disk and in memory."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.studies.plane.train import Trajectories
from tasks.suites.plane import distance_to_front, first_loss, second_loss

TOLERANCE = 0.1  # a point is on the front if it is nearer; the plane is 20 wide
ENDS, PATHS = "plane.csv", "trajectories.npz"


class End(NamedTuple):
    """One run's end, and how it got there."""

    method: str
    start: int  # counted from 1
    x1: float
    x2: float
    first: float  # the losses
    second: float
    distance: float  # to the Pareto front
    reached: float  # the first kept step from which on it was on the front; NaN if it did not end there
    failed: str  # when and why it broke, if it did

    @property
    def on_front(self) -> bool:
        """Whether the run ended on the Pareto front, sound."""
        return self.distance < TOLERANCE and not self.failed


class Results(NamedTuple):
    """All that a report needs."""

    ends: dict[str, list[End]]  # of every row, one for each start
    starts: Float[Tensor, "S 2"]
    steps: list[int]
    points: Float[Tensor, "T M S 2"]


def study(rows: list[str], starts: Tensor, found: Trajectories) -> Results:
    """Trajectories with the facts about their ends."""

    def end_of(m: int, s: int) -> End:
        path, failure = found.points[:, m, s], found.failures.get((m, s))
        distance = distance_to_front(path)
        return End(
            method=rows[m],
            start=s + 1,
            x1=float(path[-1, 0]),
            x2=float(path[-1, 1]),
            first=float(first_loss(path[-1])),
            second=float(second_loss(path[-1])),
            distance=float(distance[-1]),
            reached=_since(distance, found.steps),
            failed="" if failure is None else f"step {failure.step}: {failure.reason}",
        )

    ends = {row: [end_of(m, s) for s in range(len(starts))] for m, row in enumerate(rows)}
    return Results(ends, starts, found.steps, found.points)


def _since(distance: Tensor, steps: list[int]) -> float:
    away = (distance >= TOLERANCE).nonzero()
    last = int(away[-1]) if len(away) else -1
    return float(steps[last + 1]) if last + 1 < len(steps) else math.nan


def save(found: Results, folder: Path) -> None:
    """Write the ends and the trajectories."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ENDS).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(End._fields)
        for end in (end for ends in found.ends.values() for end in ends):
            writer.writerow([f"{value:.6g}" if isinstance(value, float) else value for value in end])
    points = found.points.float().numpy()
    np.savez_compressed(folder / PATHS, points=points, steps=np.array(found.steps), starts=found.starts.numpy())


def present(folder: Path) -> bool:
    """Whether `save` has written to a folder."""
    return all((folder / name).is_file() for name in (ENDS, PATHS))


def load(folder: Path) -> Results:
    """What `save` wrote.

    Raises:
        ValueError: it did not.
    """
    if not present(folder):
        raise ValueError(f"{folder} has no {ENDS} and {PATHS}: run `python -m benchmarks plane` first")
    ends: dict[str, list[End]] = {}
    with (folder / ENDS).open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            method, start, failed = line.pop("method"), line.pop("start"), line.pop("failed")
            numbers = {field: float(value) for field, value in line.items()}
            ends.setdefault(method, []).append(End(method, int(start), **numbers, failed=failed))
    with np.load(folder / PATHS) as file:
        starts, points = torch.from_numpy(file["starts"]), torch.from_numpy(file["points"])
        return Results(ends, starts, file["steps"].tolist(), points)


def merge(old: Results, new: Results) -> Results:
    """The rows of both, of ``new`` where both have them; of ``new`` alone if the runs are not alike."""
    if old.steps != new.steps or not torch.equal(old.starts, new.starts):
        return new
    kept = [i for i, row in enumerate(old.ends) if row not in new.ends]
    ends = {row: found for row, found in old.ends.items() if row not in new.ends} | new.ends
    return Results(ends, new.starts, new.steps, torch.cat([old.points[:, kept], new.points.to(old.points)], 1))


def order(found: Results) -> list[str]:
    """Rows by how many starts end on the front, then by how near to its middle."""
    return sorted(found.ends, key=lambda row: (-sum(end.on_front for end in found.ends[row]), imbalance(found, row)))


def score(found: Results, row: str) -> str:
    """How many of the starts end on the front, for example "4/5"."""
    return f"{sum(end.on_front for end in found.ends[row])}/{len(found.ends[row])}"


def imbalance(found: Results, row: str) -> float:
    """Mean distance from the middle of the front, along x1, of the runs that end on it; infinite without any."""
    offsets = [abs(end.x1) for end in found.ends[row] if end.on_front]
    return sum(offsets) / len(offsets) if offsets else math.inf
