"""The page of the plane study, with the claims of papers beside its results."""

from __future__ import annotations

from statistics import median

from benchmarks.reporting import formats
from benchmarks.reporting.markdown import legend, table
from benchmarks.studies.page import Page
from benchmarks.studies.plane.published import statements
from benchmarks.studies.plane.results import TOLERANCE, End, PlaneResults, imbalance, order, score
from benchmarks.studies.plane.train import Schedule
from benchmarks.studies.results import Origin

SIGNS = {
    "on the front": "how many starts end on the Pareto front",
    "from (a, b)": "x1 at the end of the run that starts at x1 = a, x2 = b, if it ends on the front: −7 is the end "
    "that is best for the second task, 0 is the middle, 7 is the end that is best for the first task",
    "*off 1.2*": "the run ends off the front, at this distance; a run is on the front if the distance is below "
    f"{TOLERANCE}",
    "✗": "the run broke; the reason stands below the table",
    "imbalance": "mean of abs(x1) over the runs that end on the front: 0 is the middle, 7 leaves one task out",
    "steps": "median number of steps until a run stays on the front",
    "[1]": "the source, in the list below the table",
}
NOTES = """\
The losses are those of Nash-MTL; the first is multiplied by 0.1. With two tasks, `krum` and `trimmed-mean` are the
mean. `rotograd` only scales here: it rotates a representation, and there is none between the point and the losses."""


def as_markdown(results: PlaneResults, schedule: Schedule, origin: Origin) -> str:
    """The table, its sources, and the runs that broke."""
    starts = [f"from ({x1:g}, {x2:g})".replace("-", "−") for x1, x2 in results.starts.tolist()]
    head = ["method", "on the front", *starts, "imbalance", "steps", "what papers print"]
    sources: list[str] = []
    lines = [_cells(results, row, sources) for row in order(results)]
    broken = [end for row in order(results) for end in results.ends[row] if end.failed]
    sections = [
        f"Every method from {len(starts)} starts, {schedule.steps:,} steps of Adam at learning rate "
        f"{schedule.learning_rate:g}, float64.\n{NOTES}",
        legend(tuple(SIGNS.items())),
        table(head, lines, left=(0, 1, len(head) - 1)),
        "\n".join(f"{number}. {source}" for number, source in enumerate(sources, start=1)),
        "\n".join(f"- {end.method} from start {end.start} broke in {end.failed}" for end in broken),
    ]
    return Page("The two-task plane", sections, origin).as_markdown()


def _cells(results: PlaneResults, row: str, sources: list[str]) -> list[str]:
    """A row's cells; sources that no row before has cited are added to ``sources``."""
    printed = []
    for statement in statements(row):
        if statement.source not in sources:
            sources.append(statement.source)
        printed.append(f"{statement.says} [{sources.index(statement.source) + 1}]")
    ends = results.ends[row]
    reached = [end.reached for end in ends if end.on_front]
    return [
        row,
        score(results, row),
        *map(_end, ends),
        formats.plain(imbalance(results, row), 1),
        f"{median(reached):,.0f}" if reached else formats.NONE,
        "; ".join(printed),
    ]


def _end(end: End) -> str:
    if end.failed:
        return "✗"
    if not end.on_front:
        return f"*off {end.distance:.1f}*"
    return f"{round(end.x1, 1) + 0.0:+.1f}".replace("-", "−")  # no negative zero
