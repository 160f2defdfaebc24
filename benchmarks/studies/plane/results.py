"""Where every run on the plane ended and how it got there, on disk and in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.studies.plane.train import Trajectories
from benchmarks.studies.results import StudyResults, table
from tasks.suites.plane import distance_to_front, first_loss, second_loss

TOLERANCE = 0.1  # a point is on the front if it is nearer; the plane is 20 wide
PATHS = "trajectories.npz"


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


@dataclass(frozen=True)
class PlaneEnds(StudyResults):
    """The ends of all runs."""

    study = "plane"

    ends: Sequence[End] = table("plane.csv")


class PlaneResults(NamedTuple):
    """Everything that a report needs."""

    ends: dict[str, list[End]]  # of every row, one for each start
    starts: Float[Tensor, "S 2"]
    steps: list[int]
    points: Float[Tensor, "T M S 2"]


def with_ends(rows: list[str], starts: Tensor, paths: Trajectories) -> PlaneResults:
    """Trajectories with the facts about their ends."""

    def end_of(m: int, s: int) -> End:
        path, breakdown = paths.points[:, m, s], paths.breakdowns.get((m, s))
        distance = distance_to_front(path)
        return End(
            method=rows[m],
            start=s + 1,
            x1=float(path[-1, 0]),
            x2=float(path[-1, 1]),
            first=float(first_loss(path[-1])),
            second=float(second_loss(path[-1])),
            distance=float(distance[-1]),
            reached=_since(distance, paths.steps),
            failed="" if breakdown is None else f"step {breakdown.step}: {breakdown.reason}",
        )

    ends = {row: [end_of(m, s) for s in range(len(starts))] for m, row in enumerate(rows)}
    return PlaneResults(ends, starts, paths.steps, paths.points)


def _since(distance: Tensor, steps: list[int]) -> float:
    away = (distance >= TOLERANCE).nonzero()
    last = int(away[-1]) if len(away) else -1
    return float(steps[last + 1]) if last + 1 < len(steps) else math.nan


def save(results: PlaneResults, folder: Path) -> None:
    """Write the ends and the trajectories."""
    PlaneEnds([end for ends in results.ends.values() for end in ends]).save(folder)
    points = results.points.float().numpy()
    np.savez_compressed(folder / PATHS, points=points, steps=np.array(results.steps), starts=results.starts.numpy())


def present(folder: Path) -> bool:
    """Whether `save` has written to a folder."""
    return PlaneEnds.present(folder) and (folder / PATHS).is_file()


def load(folder: Path) -> PlaneResults:
    """Read what `save` wrote.

    Raises:
        ValueError: a file is missing, or something else wrote it.
    """
    if not (folder / PATHS).is_file():
        raise ValueError(f"{folder} has no {PATHS}: run `python -m benchmarks plane` first")
    ends: dict[str, list[End]] = {}
    for end in PlaneEnds.load(folder).ends:
        ends.setdefault(end.method, []).append(end)
    with np.load(folder / PATHS) as file:
        starts, points = torch.from_numpy(file["starts"]), torch.from_numpy(file["points"])
        return PlaneResults(ends, starts, file["steps"].tolist(), points)


def merge(old: PlaneResults, new: PlaneResults) -> PlaneResults:
    """The rows of both, of ``new`` where both have them; of ``new`` alone if the runs are not alike."""
    if old.steps != new.steps or not torch.equal(old.starts, new.starts):
        return new
    kept = [i for i, row in enumerate(old.ends) if row not in new.ends]
    ends = {row: old_ends for row, old_ends in old.ends.items() if row not in new.ends} | new.ends
    return PlaneResults(ends, new.starts, new.steps, torch.cat([old.points[:, kept], new.points.to(old.points)], 1))


def order(results: PlaneResults) -> list[str]:
    """Rows by how many starts end on the front, then by how near to its middle."""
    return sorted(
        results.ends, key=lambda row: (-sum(end.on_front for end in results.ends[row]), imbalance(results, row))
    )


def score(results: PlaneResults, row: str) -> str:
    """How many of the starts end on the front, for example "4/5"."""
    return f"{sum(end.on_front for end in results.ends[row])}/{len(results.ends[row])}"


def imbalance(results: PlaneResults, row: str) -> float:
    """Mean distance from the middle of the front, along x1, of the runs that end on it; infinite without any."""
    offsets = [abs(end.x1) for end in results.ends[row] if end.on_front]
    return sum(offsets) / len(offsets) if offsets else math.inf
