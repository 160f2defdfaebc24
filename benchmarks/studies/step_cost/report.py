"""The measurements as files: ``micro.csv``, ``solvers.csv``, and ``micro.md`` to read."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.analysis.statistics import geometric_mean
from benchmarks.reporting.formats import NONE
from benchmarks.studies.step_cost.aims import ALIKE, LARGE, aims
from benchmarks.studies.step_cost.checks import Check
from benchmarks.studies.step_cost.measure import Case
from benchmarks.studies.step_cost.solvers import Solve


class Results(NamedTuple):
    """All that was measured."""

    cases: Sequence[Case]
    solves: Sequence[Solve]
    checks: Sequence[Check]


def write(folder: Path, found: Results, command: str, machine: dict[str, str]) -> None:
    """Write all files, with the command and the machine that they come from."""
    _write_csv(folder / "micro.csv", found.cases)
    _write_csv(folder / "solvers.csv", found.solves)
    (folder / "micro.md").write_text(as_markdown(found, command, machine), encoding="utf-8")


def _write_csv(path: Path, rows: Sequence[NamedTuple]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows[0]._fields)
        for row in rows:
            writer.writerow([f"{value:.6g}" if isinstance(value, float) else value for value in row])


INTRODUCTION = """\
One step is a forward and a backward pass that fills all gradients; no optimizer. All numbers of a model are of one run
on one thread: medians of processor time over steps in alternation, in units of the plain step
`losses.sum().backward()` beside them, or in ms.

- *shared*: gradients are measured at all shared parameters; *last*: at the last shared layer; *features*: at the shared
  representation.
- On `mlp` every step is measured in full. On the other models this holds for methods that look at the gradients
  themselves; all others are derived: what is around the weights is measured once for all methods with the same needs,
  with weights of 1, and the time for the weights is measured alone, on the Gramian of that model. The last table shows
  how well that agrees with steps measured in full.
- TorchJD's steps are `mtl_backward` and `jac_to_grad`, or a scalarizer and `backward`, with task and shared parameters
  passed. At shared parameters it may go by `vmap` (its default), row by row, and may form the Gramian by parts: the
  fastest of these three is taken for every model and number of tasks. Its steps at the features, for which it has no
  function, are `mtl_backward` down to a copy of them and a backward pass through the encoder.
- `encoder-22m` has 22.6 million parameters, random weights, and 16 texts of 32 tokens. There, at shared parameters,
  methods that look at the gradients themselves are measured for 2 tasks alone, and those that need three batches up to
  11: the memory and the time of more were not spent. What many rows rest on is a median of as few as 2 rounds there,
  and what is derived from one pair of measurements is not independent of its neighbours."""


def as_markdown(found: Results, command: str, machine: dict[str, str]) -> str:
    """Everything in tables of few columns, the summary first."""
    facts = "; ".join(f"{key}: {value}" for key, value in sorted(machine.items()))
    parts = [
        "# Cost of one balanced step",
        INTRODUCTION,
        "## Aims",
        "\n".join(aims(*found)),
        "## Beside TorchJD",
        *_summary(found.cases),
        _table(found.cases, "Our time over TorchJD's", lambda case: case.against, _compared(found.cases)),
        "## Beside a plain step",
        *(_of_place(found.cases, place) for place in dict.fromkeys(case.place for case in found.cases)),
        "## Weights alone",
        _weights(found.cases),
        "## Solvers alone",
        _solvers(found),
        "## Derived against measured",
        _checks(found.checks),
        f"Command: `{command}`.\nMachine: {facts}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _compared(cases: Sequence[Case]) -> list[Case]:
    """Those for which TorchJD has the method."""
    return [case for case in cases if not math.isnan(case.against)]


def _summary(cases: Sequence[Case]) -> list[str]:
    """Who is faster, by place: how often, by how much, and where we are slowest."""
    lines = [
        "| place | cases | no slower | geometric mean | slowest | fastest |",
        "| --- | ---: | ---: | ---: | --- | --- |",
    ]
    compared = _compared(cases)
    for place in ["all", *dict.fromkeys(case.place for case in compared)]:
        here = sorted((case for case in compared if place in ("all", case.place)), key=lambda case: case.against)
        ratios = [case.against for case in here]
        if ratios:
            mean = geometric_mean(ratios)
            no_slower = sum(ratio <= ALIKE for ratio in ratios) / len(ratios)
            cells = [place, f"{len(here)}", f"{no_slower:.0%}", f"{mean:.2f}", _name(here[-1]), _name(here[0])]
            lines.append(_line(cells))
    note = f"*No slower*: at most {ALIKE} times TorchJD's time. *Geometric mean*: of our time over TorchJD's."
    return ["\n".join(lines), note]


def _name(case: Case) -> str:
    return f"{case.against:.2f}: {case.method}, {case.model}, K={case.tasks}, {case.place}"


def _of_place(cases: Sequence[Case], place: str) -> str:
    title = f"Measured at: {place}" if place != "shared" else "Measured at all shared parameters, or not at all"
    return _table(cases, title, lambda case: case.ours / case.plain, [case for case in cases if case.place == place])


def _table(cases: Sequence[Case], title: str, value: Callable[[Case], float], chosen: Sequence[Case]) -> str:
    """A row per method, a column per model with its numbers of tasks in one cell."""
    if not chosen:
        return ""
    models = list(dict.fromkeys(case.model for case in chosen))
    counts = sorted({case.tasks for case in cases})
    rows: dict[tuple[str, str], dict[tuple[str, int], float]] = {}
    for case in chosen:
        rows.setdefault((case.method, case.place), {})[case.model, case.tasks] = value(case)
    several = len({place for _, place in rows}) > 1
    lines = [
        f"**{title}**, for K = {', '.join(map(str, counts))}:",
        "",
        _line(["method", *(["place"] if several else []), *models]),
        "| --- |" + (" --- |" if several else "") + " ---: |" * len(models),
    ]
    for (method, place), values in rows.items():
        cells = [" / ".join(_ratio(values.get((model, count))) for count in counts) for model in models]
        lines.append(_line([method, *([place] if several else []), *cells]))
    return "\n".join(lines)


def _weights(cases: Sequence[Case]) -> str:
    """The time for the weights in ms, on the model where it was measured that is the largest."""
    chosen = [case for case in cases if not math.isnan(case.weights) and case.place == "shared"]
    if not chosen:
        return ""
    largest = chosen[-1].model
    counts = sorted({case.tasks for case in chosen if case.model == largest})
    lines = [
        f"Milliseconds per step on the evidence of `{largest}`, {_ms_of_plain(cases, largest)}.",
        "",
        _line(["method", *(f"K={count}" for count in counts)]),
        "| --- |" + " ---: |" * len(counts),
    ]
    for method in dict.fromkeys(case.method for case in chosen):
        found = {case.tasks: case.weights for case in chosen if (case.method, case.model) == (method, largest)}
        lines.append(_line([method, *(_ms(found.get(count)) for count in counts)]))
    return "\n".join(lines)


def _ms_of_plain(cases: Iterable[Case], model: str) -> str:
    plain = {case.tasks: case.plain for case in cases if case.model == model}
    return "where a plain step takes " + ", ".join(f"{_ms(value)} (K={count})" for count, value in plain.items())


def _solvers(found: Results) -> str:
    plain = [case.plain for case in found.cases if case.model == LARGE]
    counts = sorted({solve.tasks for solve in found.solves})
    share = f"; in brackets the share of a plain step of `{LARGE}` at the most tasks" if plain else ""
    lines = [
        f"Milliseconds for one Gramian of random gradients, linearly independent / dependent ones{share}.",
        "",
        _line(["solver", *(f"K={count}" for count in counts)]),
        "| --- |" + " ---: |" * len(counts),
    ]
    for solver in dict.fromkeys(solve.solver for solve in found.solves):
        times = {(s.tasks, s.gradients): s.seconds for s in found.solves if s.solver == solver}
        cells = [" / ".join(_ms(times.get((count, kind))) for kind in ("independent", "dependent")) for count in counts]
        if plain:
            cells[-1] += f" ({max(times[counts[-1], kind] for kind in ('independent', 'dependent')) / plain[-1]:.0%})"
        lines.append(_line([solver, *cells]))
    return "\n".join(lines)


def _checks(checks: Sequence[Check]) -> str:
    if not checks:
        return ""
    lines = [
        _line(["model", "K", "method", "place", "derived", "measured"]),
        "| --- | ---: | --- | --- | ---: | ---: |",
    ]
    for check in checks:
        numbers = (f"{check.derived:.2f}", f"{check.measured:.2f}")
        lines.append(_line([check.model, str(check.tasks), check.method, check.place, *numbers]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _ratio(value: float | None) -> str:
    return NONE if value is None or math.isnan(value) else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _ms(seconds: float | None) -> str:
    return NONE if seconds is None else f"{1e3 * seconds:.3g}"
