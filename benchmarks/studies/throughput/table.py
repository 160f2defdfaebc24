"""The page of the throughput study."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.reporting.markdown import legend, table
from benchmarks.studies.page import Page
from benchmarks.studies.results import Origin
from benchmarks.studies.throughput.options import ThroughputOptions
from benchmarks.studies.throughput.rates import ALONE, PLAIN, TOGETHER, Rate
from benchmarks.studies.throughput.results import ThroughputResults
from benchmarks.studies.throughput.sizes import ModelSize
from benchmarks.studies.throughput.sweeps import NODES, TRAINING, Sweep, TimeShare

CHART = "throughput"
AIM = 0.05  # of a run for records, progress, curves and choices of the benchmark
RATES = ("suite", "method", "way", "step, ms", "evaluation, ms", "runs an hour", "to one at a time")


def as_markdown(results: ThroughputResults, options: ThroughputOptions, origin: Origin) -> str:
    """Everything in tables."""
    sections = [
        f"A run is one training of the protocol `{options.protocol}`: all its steps, and its evaluations with the "
        "norms and cosines of gradients.",
        _ways(options),
        f"![Runs per hour against replicas]({CHART}.svg)",
        table(RATES, rate_rows(results.rates), left=range(3)),
        *_fit_section(results.rates),
        "## Workers and nodes",
        f"{options.worker_cells} runs of {options.worker_method} on {options.worker_suite}. Every worker has one "
        "thread and trains one run after the other. The time begins before local processes start, or with an idle "
        "cluster, and ends with the last record.",
        table(("executor", "workers", "seconds", "times as fast", "of the ideal"), _sweeps(results.sweeps)),
        "## The time of a whole run",
        f"All suites of the protocol `{options.protocol}` in one process, without the final report. A star marks what "
        "the benchmark adds to a training.",
        table(("part", "seconds", "share"), [_share(share) for share in results.shares]),
        _overhead(results.shares),
        "## The work of the driver for every cell",
        f"The first three rows: cells of the protocol `{options.driver_protocol}` with {options.driver_seeds} seeds. "
        "The others: records of the run above.",
        table(("work or size", "per cell"), [(c.what, f"{c.per_cell:.3g} {c.unit}") for c in results.chores]),
        "## Sizes",
        legend(tuple(SIZES.items())),
        table(ModelSize._fields, [[*map(str, size[:-1]), f"{size.saved:,.0f}"] for size in results.sizes]),
    ]
    lacks_ray = not any(sweep.executor == NODES for sweep in results.sweeps)
    skipped = {NODES: "the package ray is not installed"} if lacks_ray else {}
    return Page("Runs per hour", sections, origin, skipped).as_markdown()


SIZES = {
    "tasks": "number of tasks",
    "shared": "shared parameters",
    "last": "shared parameters in the last layer of the encoder",
    "specific": "parameters of all heads",
    "representation": "elements of the shared representation of one example",
    "saved": "bytes that a forward pass keeps for the backward pass, per example",
}


def _ways(options: ThroughputOptions) -> str:
    means = (
        f"The rate follows from the time to build the models, and from the mean time of a step and of an evaluation "
        f"over about {options.seconds:g} s each, times their numbers in a run. The start of the process does not "
        "count, because a worker trains one run after the other."
    )
    signs = {
        ALONE: f"the benchmark trains one ordinary model. {means}",
        f"{TOGETHER}, R": "the benchmark trains R runs in one vectorised loop; measured in the same way",
        PLAIN: "a whole run in a process of its own, the start of the process included. It evaluates the same "
        "metrics, and computes no norms and cosines of gradients.",
        "fixed": "a method that needs losses alone",
        "pcgrad": "a method that needs the Gramian of the task gradients at all shared parameters",
    }
    return legend(tuple(signs.items()))


def rate_rows(rates: Sequence[Rate]) -> list[list[str]]:
    """A line for each rate, under the heads `RATES`; every suite and method has a run alone among them."""
    alone = {(rate.suite, rate.method): rate for rate in rates if rate.way == ALONE}
    rows = []
    for rate in rates:
        base = alone[rate.suite, rate.method].runs_per_hour
        steps = _milliseconds(rate.step), _milliseconds(rate.evaluation)
        many = f", {rate.replicas}" if rate.way == TOGETHER else ""
        hour, ratio = f"{rate.runs_per_hour:,.0f}", f"{rate.runs_per_hour / base:.2f}"
        rows.append([rate.suite, rate.method, f"{rate.way}{many}", *steps, hour, ratio])
    return rows


def _milliseconds(seconds: float) -> str:
    number = 1e3 * seconds
    return f"{math.floor(number + 0.5):,}" if abs(number) >= 100 else f"{number:.3g}"


def _fit_section(rates: Sequence[Rate]) -> list[str]:
    """A line through the times of steps; nothing where a single number of replicas was measured."""
    if len({rate.replicas for rate in rates if rate.way == TOGETHER}) < 2:
        return []
    text = (
        "A step of R replicas takes about a + b R, fitted to the times above. Where a is below 0, the time grows "
        "faster than in proportion to R, because larger stacks do not fit into the caches."
    )
    return [text, table(("suite", "method", "a, ms", "b, ms"), _fits(rates), left=range(2))]


def _fits(rates: Sequence[Rate]) -> list[list[str]]:
    rows = []
    for suite, method in dict.fromkeys((rate.suite, rate.method) for rate in rates):
        together = [rate for rate in rates if (rate.suite, rate.method, rate.way) == (suite, method, TOGETHER)]
        times = np.array([rate.step for rate in together])
        each, fixed = np.polyfit([rate.replicas for rate in together], times, 1, w=1 / times)
        rows.append([suite, method, _milliseconds(fixed), _milliseconds(each)])
    return rows


def _sweeps(sweeps: Sequence[Sweep]) -> list[list[str]]:
    first = {sweep.executor: sweep for sweep in reversed(sweeps)}
    rows = []
    for sweep in sweeps:
        faster = first[sweep.executor].seconds / sweep.seconds
        share = faster / (sweep.workers / first[sweep.executor].workers)
        rows.append([sweep.executor, f"{sweep.workers}", f"{sweep.seconds:.1f}", f"{faster:.2f}", f"{share:.0%}"])
    return rows


def _share(share: TimeShare) -> list[str]:
    return [share.part + "*" * share.harness, f"{share.seconds:.0f}", f"{share.share:.1%}"]


def _overhead(shares: Sequence[TimeShare]) -> str:
    added = sum(share.share for share in shares if share.harness)
    metrics = sum(share.share for share in shares if not share.harness and share.part != TRAINING)
    verdict = "met" if added < AIM else "not met"
    return (
        f"The benchmark adds {added:.1%} to a training; the aim of less than {AIM:.0%} is {verdict}. Metrics and data "
        f"take {metrics:.1%}. They are part of every training that is to be judged, and of the plain loop as well."
    )
