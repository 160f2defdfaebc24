"""The measurements as files: CSV, a chart of runs per hour against replicas, and ``throughput.md`` to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from benchmarks.reporting.charts import style
from benchmarks.reporting.charts.colors import FAINT, INK, PALETTE
from benchmarks.studies.throughput.chores import SEEDS, SWEEP, Chore
from benchmarks.studies.throughput.rates import ALONE, PLAIN, PROTOCOL, SECONDS, TOGETHER, Rate
from benchmarks.studies.throughput.sizes import Size
from benchmarks.studies.throughput.sweeps import CELLS, METHOD, SUITE, TRAINING, Share, Sweep

CHART = "throughput"
AIM = 0.05  # of a run for records, progress, curves and choices of the harness
PANEL = 2.1  # inches
ROOM = 1.7  # around the lines, so that there are at least two numbers on the axis
LINES = {ALONE: (INK, (4, 2)), PLAIN: (FAINT, (1, 1))}


class Results(NamedTuple):
    """All that was measured."""

    rates: Sequence[Rate]
    sweeps: Sequence[Sweep]
    shares: Sequence[Share]
    chores: Sequence[Chore]
    sizes: Sequence[Size]


INTRODUCTION = f"""\
A run is a training of the protocol `{PROTOCOL}`: all its steps, and its evaluations with the norms and cosines of
gradients. `fixed` looks at losses alone, `pcgrad` at the Gramian of the task gradients at all shared parameters.

- *{ALONE}*: the harness with an ordinary model. *{TOGETHER}*: so many runs in one vectorised loop. Both from what
  building the models takes, and the means of about {SECONDS:g} s of steps and of evaluations, times the numbers of a
  run; the start of the process is left out, because a worker does one run after the other.
- *{PLAIN}*: one run per process, timed whole, start of the process included; it evaluates the same metrics, and looks
  at no gradients beside its steps."""


def write(folder: Path, found: Results, command: str, machine: dict[str, str]) -> None:
    """Write all files, with the command and the machine that they come from."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in found._asdict().items():
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    style.save(draw(found.rates), folder, CHART)
    (folder / "throughput.md").write_text(as_markdown(found, command, machine), encoding="utf-8")


@style.styled
def draw(rates: Sequence[Rate]) -> Figure:
    """Runs per hour against replicas, one panel per suite and method."""
    cases = list(dict.fromkeys((rate.suite, rate.method) for rate in rates))
    figure, axes = style.panels(len(cases), PANEL, "Runs per hour against replicas in one loop")
    for panel, (suite, method) in zip(axes, cases, strict=True):
        _lines(panel, [rate for rate in rates if (rate.suite, rate.method) == (suite, method)])
        panel.set_title(f"{suite}\n{method}")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=len(labels), columnspacing=1.2)
    return figure


def _lines(axes: Axes, rates: Sequence[Rate]) -> None:
    together = [rate for rate in rates if rate.way == TOGETHER]
    counts = [rate.replicas for rate in together]
    axes.plot(counts, [rate.runs_per_hour for rate in together], color=PALETTE[0], marker="o", ms=4, label=TOGETHER)
    for rate in rates:
        if rate.way in LINES:
            color, dash = LINES[rate.way]
            axes.axhline(rate.runs_per_hour, color=color, linestyle=(0, dash), lw=1.3, label=rate.way)
    axes.set(xscale="log", yscale="log", xlabel="replicas", ylabel="runs per hour")
    drawn = [rate.runs_per_hour for rate in rates]
    axes.set_ylim(min(drawn) / ROOM, max(drawn) * ROOM)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xticks(counts, map(str, counts))
    axes.minorticks_off()


def as_markdown(found: Results, command: str, machine: dict[str, str]) -> str:
    """Everything in tables."""
    facts = "; ".join(f"{key}: {value}" for key, value in sorted(machine.items()))
    parts = [
        "# Runs per hour",
        INTRODUCTION,
        f"![Runs per hour against replicas]({CHART}.svg)",
        _rates(found.rates),
        "A step of R replicas takes about a + b R, from the four measurements; where a is below 0, it takes more than "
        "in proportion to R, because larger stacks fall out of the caches:",
        _fits(found.rates),
        "## Workers and nodes",
        f"{CELLS} cells of {METHOD} on {SUITE}, one by one on each worker of one thread. Seconds from nothing at all "
        "(local processes), or from an idle cluster, to the last record.",
        _sweeps(found.sweeps),
        "## What a whole run spends its time on",
        f"All suites of the protocol `{PROTOCOL}` in one process, without the final report.",
        _table(
            ("part", "seconds", "share"),
            [(s.part + "*" * s.harness, f"{s.seconds:.0f}", f"{s.share:.1%}") for s in found.shares],
        ),
        _overhead(found.shares),
        "## What the driver does for every cell",
        f"Cells of the protocol `{SWEEP}` with {SEEDS} seeds, and the records of the run above.",
        _table(("what", "per cell"), [(c.what, f"{c.per_cell:.3g} {c.unit}") for c in found.chores]),
        "## Sizes",
        "Numbers of parameters and elements, and the bytes that a forward pass keeps for the backward pass.",
        _table(tuple(Size._fields), [(*size[:-1], f"{size.saved:,.0f}") for size in found.sizes]),
        f"Command: `{command}`. {facts}.",
    ]
    return "\n\n".join(parts) + "\n"


def _overhead(shares: Sequence[Share]) -> str:
    added = sum(share.share for share in shares if share.harness)
    metrics = sum(share.share for share in shares if not share.harness and share.part != TRAINING)
    verdict = "met" if added < AIM else "not met"
    return (
        f"What the harness adds to a training, the rows with a star, is {added:.1%}; the aim of less than {AIM:.0%} is "
        f"{verdict}. Metrics and data, {metrics:.1%}, are part of every training that is to be judged, and the plain "
        "loop has them as well."
    )


def _rates(rates: Sequence[Rate]) -> str:
    alone = {(rate.suite, rate.method): rate for rate in rates if rate.way == ALONE}
    rows = []
    for rate in rates:
        base = alone[rate.suite, rate.method].runs_per_hour
        steps = _milliseconds(rate.step), _milliseconds(rate.evaluation)
        many = f", {rate.replicas}" if rate.way == TOGETHER else ""
        hour, ratio = f"{rate.runs_per_hour:,.0f}", f"{rate.runs_per_hour / base:.2f}"
        rows.append((rate.suite, rate.method, f"{rate.way}{many}", *steps, hour, ratio))
    return _table(("suite", "method", "way", "step, ms", "evaluation, ms", "runs an hour", "to one at a time"), rows)


def _milliseconds(seconds: float) -> str:
    number = 1e3 * seconds
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _fits(rates: Sequence[Rate]) -> str:
    rows = []
    for suite, method in dict.fromkeys((rate.suite, rate.method) for rate in rates):
        found = [rate for rate in rates if (rate.suite, rate.method, rate.way) == (suite, method, TOGETHER)]
        times = np.array([rate.step for rate in found])
        each, fixed = np.polyfit([rate.replicas for rate in found], times, 1, w=1 / times)
        rows.append((suite, method, _milliseconds(fixed), _milliseconds(each)))
    return _table(("suite", "method", "a, ms", "b, ms"), rows)


def _sweeps(sweeps: Sequence[Sweep]) -> str:
    first = {sweep.executor: sweep for sweep in reversed(sweeps)}
    rows = []
    for sweep in sweeps:
        faster = first[sweep.executor].seconds / sweep.seconds
        share = faster / (sweep.workers / first[sweep.executor].workers)
        rows.append((sweep.executor, sweep.workers, f"{sweep.seconds:.1f}", f"{faster:.2f}", f"{share:.0%}"))
    return _table(("executor", "workers", "seconds", "times as fast", "of the ideal"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    text = sum(isinstance(cell, str) and not cell[:1].isdigit() for cell in rows[0]) if rows else 1
    rule = ["---"] * text + ["---:"] * (len(head) - text)
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in (head, rule, *rows))
