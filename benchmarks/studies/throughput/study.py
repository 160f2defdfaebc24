"""Measure rates and times, and write tables, chart and page."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from rich.console import Console

from benchmarks.reporting.charts.style import save as save_chart
from benchmarks.studies.progress import StudyProgress
from benchmarks.studies.results import Origin, command_for
from benchmarks.studies.throughput import chart, table
from benchmarks.studies.throughput.chores import chores
from benchmarks.studies.throughput.options import ThroughputOptions
from benchmarks.studies.throughput.rates import Rate, count_of, rates
from benchmarks.studies.throughput.results import ThroughputResults
from benchmarks.studies.throughput.sizes import sizes
from benchmarks.studies.throughput.sweeps import Sweep, has_ray, sweeps, whole_run
from benchmarks.studies.timing import one_thread
from benchmarks.training.machine import devices
from benchmarks.training.machine.environment import describe

PAGE, CHART = "throughput.md", table.CHART


def run(options: ThroughputOptions, folder: Path, console: Console) -> Path:
    """Measure everything with one thread per worker, write it to a folder, and return the path of the page.

    Raises:
        ValueError: an option asks for something unknown, before anything is measured.
    """
    options.require_cells()
    device = devices.choose(options.device)
    count = count_of(options) + len(options.workers) * (1 + has_ray()) + 1
    with one_thread(), warnings.catch_warnings(), StudyProgress("measurements", count, console) as progress:
        warnings.filterwarnings("ignore", module="torchjd")
        results = _measure(options, device, progress)
        machine = describe(device)
    public = options.without_folders()
    results.save(folder)
    public.save(folder)
    Origin(command_for("throughput", public), machine).save(folder)
    return report(folder)


def report(folder: Path) -> Path:
    """Write page and chart from the tables in a folder, and return the path of the page.

    Raises:
        ValueError: the folder has no such tables.
    """
    results = ThroughputResults.load(folder)
    text = table.as_markdown(results, ThroughputOptions.load(folder), Origin.load(folder))
    (folder / PAGE).write_text(text, encoding="utf-8")
    save_chart(chart.draw(results.rates), folder, CHART)
    return folder / PAGE


def _measure(options: ThroughputOptions, device: torch.device, progress: StudyProgress) -> ThroughputResults:
    measured_rates, measured_sweeps = [], []
    for rate in rates(options, device):
        measured_rates.append(rate)
        progress.advance(_rate(rate))
    for sweep in sweeps(options):
        measured_sweeps.append(sweep)
        progress.advance(_sweep(sweep))
    shares, records = whole_run(options.protocol, device)
    progress.advance(f"the protocol {options.protocol}: {len(records)} runs")
    driver = chores(options.driver_protocol, options.driver_seeds, records)
    return ThroughputResults(measured_rates, measured_sweeps, shares, driver, sizes(options))


def _rate(rate: Rate) -> str:
    runs = f"{rate.runs_per_hour:,.0f} runs an hour"
    return f"{rate.suite} {rate.method}, {rate.way}, {rate.replicas}: {runs}"


def _sweep(sweep: Sweep) -> str:
    return f"{sweep.executor}, {sweep.workers}: {sweep.cells} runs in {sweep.seconds:.0f} s"
