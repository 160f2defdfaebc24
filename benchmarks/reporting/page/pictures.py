"""The charts as pictures inside the page, each with a title and how to read it."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

RESULTS = {
    "tasks": "Test result of every task: the mean, its 95 % interval from 5 seeds on, and the seeds as small dots. The "
    "dashed line is the single-task baseline; the band is the range of its seeds.",
    "cost": "Δ taskwise against the time of a training step. Single-task needs one model per task; their times add up. "
    "Methods far below all others are at the edge.",
    "trajectories": "Every run from its start (hollow dot) to its end (full dot). Dark is a high sum of losses.",
}
TRAINING = {
    "curves": "Training loss and validation metric: mean over seeds, with their range. A cross is the end of "
    "a failed run.",
    "weights": "Share of every task in the sum of the weights. The grey line is the equal share.",
    "cosines": "Cosine between the gradients of two tasks at the shared parameters: median, and 10 to 90 % of pairs "
    "and seeds. Below 0 the tasks are in conflict.",
}
FRONT = {
    "front": "A hollow mark is a method that some fixed weights dominate: they are as good on every task, and better "
    "on one. With two tasks, black dots are results of fixed weights, and the grey region is dominated by them. "
    "Methods far from all others are at the edge.",
}
TASKS = "Test metrics of the tasks at the selected checkpoint."
OVERVIEW = "One dot per method and suite. Small dots are seeds; bars are 95 % intervals, given from 5 seeds on."
TRANSFER = (
    "Mean difference to single-task of every primary metric, in percent. The scale of colours is logarithmic; its ends "
    "include all larger differences."
)
OPTION = (
    "Every method against single-task models trained at the same value of the option (dashed line): mean over seeds, "
    "with its 95 % interval as a bar, or with the seeds as small dots if there are fewer than 5. Methods are shifted "
    "sideways so that they do not overlap. An arrow head at the edge is a mean beyond it."
)
COST = (
    "Mean Δ taskwise over all suites against the geometric mean of the times of a training step, where equal weights "
    "are 1. Methods far below all others are at the edge."
)


class Picture(NamedTuple):
    """A picture for the page."""

    title: str  # for those who cannot see it
    caption: str
    source: str  # a data address that holds the whole picture
    width: int  # its proportions, so that nothing moves when it appears
    height: int


def smallest(charts: Sequence[Path]) -> dict[str, Path]:
    """The smaller file of every chart, by name."""
    by_size = sorted(charts, key=lambda path: path.stat().st_size, reverse=True)
    return {path.stem: path for path in by_size}  # the last of a name stays


def picture(path: Path, title: str, caption: str) -> Picture:
    """A chart as a picture that needs no other file."""
    content = path.read_bytes()
    kind, (width, height) = ("svg+xml", _svg_size(content)) if path.suffix == ".svg" else ("png", _png_size(content))
    return Picture(title, caption, f"data:image/{kind};base64,{base64.b64encode(content).decode()}", width, height)


def _png_size(content: bytes) -> tuple[int, int]:
    """Width and height in pixels, which stand first in the header."""
    width, height = struct.unpack_from(">II", content, 16)
    return width, height


def _svg_size(content: bytes) -> tuple[int, int]:
    """Width and height in points."""
    box = ElementTree.fromstring(content).get("viewBox", "0 0 1 1").split()
    return round(float(box[2])), round(float(box[3]))


def of_suite(suite: str, captions: Mapping[str, str], files: Mapping[str, Path]) -> list[Picture]:
    """A suite's pictures of the given kinds, those that there are."""
    return [
        picture(files[f"{suite}-{kind}"], f"{suite}: {kind}", caption)
        for kind, caption in captions.items()
        if f"{suite}-{kind}" in files
    ]
