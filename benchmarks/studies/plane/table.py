"""The table of the plane study, with what papers print beside it."""

from __future__ import annotations

from statistics import median

from benchmarks.reporting import formats
from benchmarks.studies.plane.published import statements
from benchmarks.studies.plane.results import TOLERANCE, End, Results, imbalance, order, score
from benchmarks.studies.plane.train import Schedule

INTRODUCTION = f"""\
The losses are those of Nash-MTL, the first times 0.1. The cells say where a run ended: x1 on the Pareto front, which
goes from −7 (best for the second task) by 0 (the middle) to 7 (best for the first task); or *off* and the distance to
the front where that is {TOLERANCE} or more; ✗ where the run broke. *Imbalance* is the mean of abs(x1) over the runs on
the front: 0 is the middle, 7 leaves one task out. *Steps* is the median number of steps until a run was on the front
for good. With two tasks, `krum` and `trimmed-mean` are the mean; `rotograd` is its scaling alone, because nothing
stands between the point and the losses that it could rotate."""


def as_markdown(found: Results, schedule: Schedule, machine: dict[str, str]) -> str:
    """The table, its sources, and the runs that broke."""
    starts = [f"from ({x1:g}, {x2:g})".replace("-", "−") for x1, x2 in found.starts.tolist()]
    heads = ["method", "on the front", *starts, "imbalance", "steps", "what papers print"]
    sources: list[str] = []
    rows = [_cells(found, row, sources) for row in order(found)]
    broken = [end for row in order(found) for end in found.ends[row] if end.failed]
    facts = "; ".join(f"{key}: {value}" for key, value in sorted(machine.items()))
    lines = [
        "# The two-task plane",
        "",
        f"Every method from {len(starts)} starts, {schedule.steps:,} steps of Adam at learning rate "
        f"{schedule.learning_rate:g}, float64.",
        INTRODUCTION,
        "",
        _line(heads),
        "| --- | --- |" + " ---: |" * (len(starts) + 2) + " --- |",
        *map(_line, rows),
        "",
        *(f"{number}. {source}" for number, source in enumerate(sources, start=1)),
        *(f"- {end.method} from start {end.start} broke in {end.failed}" for end in broken),
        "",
        f"Command: `python -m benchmarks plane --steps {schedule.steps}`.",
        f"Machine: {facts}",
    ]
    return "\n".join([*lines, ""])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(found: Results, row: str, sources: list[str]) -> list[str]:
    """A row's cells; sources that no row before has cited are added to ``sources``."""
    printed = []
    for statement in statements(row):
        if statement.source not in sources:
            sources.append(statement.source)
        printed.append(f"{statement.says} [{sources.index(statement.source) + 1}]")
    ends = found.ends[row]
    reached = [end.reached for end in ends if end.on_front]
    return [
        row,
        score(found, row),
        *map(_end, ends),
        formats.plain(imbalance(found, row), 1),
        f"{median(reached):,.0f}" if reached else formats.NONE,
        "; ".join(printed),
    ]


def _end(end: End) -> str:
    if end.failed:
        return "✗"
    if not end.on_front:
        return f"*off {end.distance:.1f}*"
    return f"{round(end.x1, 1) + 0.0:+.1f}".replace("-", "−")  # no negative zero
