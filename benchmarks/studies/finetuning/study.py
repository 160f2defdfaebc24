"""Run the transfer study in two stages, the harness and then fine-tuning, and write table, chart and outcomes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from benchmarks.analysis.results import read_results
from benchmarks.protocols.expand import Filters
from benchmarks.protocols.files import available
from benchmarks.records import store
from benchmarks.records.asked import PROTOCOL_COPY, read_asked
from benchmarks.records.record import Record
from benchmarks.reporting.charts.style import save as save_chart
from benchmarks.running import runner
from benchmarks.studies.finetuning import chart, results, table
from benchmarks.studies.finetuning.forwards import Forwards
from benchmarks.studies.finetuning.plan import comparisons, jobs
from benchmarks.studies.finetuning.results import Outcome
from benchmarks.studies.finetuning.tuning import Job, Setting, Tuned, Tuner, known, require_models
from benchmarks.studies.finetuning.work import work

TABLE, CHART = "transfer.md", "transfer"


def run(
    protocol: Path, filters: Filters, setting: Setting, more: int, options: runner.Options, console: Console
) -> tuple[Path, int]:
    """Train what the protocol asks for, fine-tune every model on each of its tasks, and write the report.

    What is in the folder already, of either stage, is not run again.

    Args:
        protocol: its file.
        filters: what to run of it.
        setting: of the fine-tunings; its folder gets all results.
        more: F, the epochs of fine-tuning.
        options: of the trainings.
        console: where to say how far it is.

    Returns:
        The path of the table, and how many trainings and fine-tunings failed; the same call tries the latter again.

    Raises:
        ValueError: the protocol or a filter is wrong, or nothing can be compared.
    """
    summary = runner.run(protocol, filters, setting.folder, options._replace(save_models=True), console)
    store.pack(setting.folder)
    workers = options.workers if options.device.type == "cpu" else 0  # one process has a GPU to itself
    found, failed = tune(setting, more, workers, console)
    results.save(found, setting.folder)
    return report(setting.folder), summary.failed + failed


def tune(setting: Setting, more: int, workers: int, console: Console) -> tuple[list[Outcome], int]:
    """Fine-tune the saved models of a results folder, and compare; the second is how many fine-tunings failed.

    Raises:
        ValueError: the folder holds no records, lacks models, has runs in another precision than fine-tuning, or
            nothing in it can be compared.
    """
    found = read_results(setting.folder)
    records = [record for suite in found.aggregates.suites for record in found.of(suite.name)]
    if any(record.cell.precision != "float32" for record in records):
        raise ValueError(f"{setting.folder} has runs in bfloat16, and fine-tuning is in float32: set the precision so")
    tuner = Tuner(setting)
    forwards = Forwards(tuner, setting.folder)
    compared = comparisons(records, found.aggregates.rows, more, tuner.epochs_of, forwards.ratio)
    planned = jobs(compared, more)
    require_models(planned, setting)
    failed = work(planned, setting, workers, console)

    def find(run: Record, task: str, epochs: int) -> Tuned | str:
        made = known(Job(run.cell, task, epochs), setting)
        return made or f"failed ({failed.get((run.cell.id, task), 'no reason is known')})"

    return results.outcomes(compared, more, setting.rate, find), len(failed)


def report(folder: Path) -> Path:
    """Write table and chart from the outcomes in ``folder``, and return the table's path.

    Raises:
        ValueError: it has none.
    """
    found = results.load(folder)
    machine, skipped = (_texts(folder / name) for name in ("environment.json", runner.SKIPPED))
    text = table.as_markdown(found, _command(folder, found), skipped, machine)
    store.write_atomically(folder / TABLE, text)
    save_chart(chart.draw(found), folder, CHART)
    return folder / TABLE


def _command(folder: Path, found: list[Outcome]) -> str:
    protocol = read_asked(folder).protocol
    named = ""
    if protocol:  # one of a user's own is found by the copy that the folder keeps
        named = f" --protocol {protocol if protocol in available() else f'{folder.name}/{PROTOCOL_COPY}'}"
    rate = f" --rate {found[0].rate:g}" if found[0].rate != 1 else ""
    return f"python -m benchmarks transfer{named} --epochs {found[0].more}{rate}"


def _texts(path: Path) -> Mapping[str, str]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
