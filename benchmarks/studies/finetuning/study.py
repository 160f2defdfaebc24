"""Run the transfer study in two stages, training and then fine-tuning, and write page, chart and outcomes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
from benchmarks.studies.finetuning import chart, table
from benchmarks.studies.finetuning.forwards import Forwards
from benchmarks.studies.finetuning.plan import comparisons, planned_tunings
from benchmarks.studies.finetuning.results import TransferOutcome, TransferResults, outcomes
from benchmarks.studies.finetuning.tuning import PlannedTuning, Tuned, Tuner, TuningSetting, load, require_models
from benchmarks.studies.finetuning.work import work
from benchmarks.studies.results import Origin
from benchmarks.training.machine.devices import on_accelerator

PAGE, CHART = "transfer.md", "transfer"


def run(
    protocol: Path, filters: Filters, setting: TuningSetting, more: int, options: runner.Options, console: Console
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
        The path of the page, and how many trainings and fine-tunings failed; the same call tries the latter again.

    Raises:
        ValueError: the protocol or a filter is wrong, or nothing can be compared.
    """
    summary = runner.run(protocol, filters, setting.folder, options._replace(save_models=True), console)
    store.pack(setting.folder)
    workers = 0 if on_accelerator(options.device) else options.workers  # one process has an accelerator to itself
    compared, failed = tune(setting, more, workers, console)
    TransferResults(compared).save(setting.folder)
    return report(setting.folder), summary.failed + failed


def tune(setting: TuningSetting, more: int, workers: int, console: Console) -> tuple[list[TransferOutcome], int]:
    """Fine-tune the saved models of a results folder, and compare; the second is how many fine-tunings failed.

    Raises:
        ValueError: the folder holds no records, lacks models, has runs in another precision than fine-tuning, or
            nothing in it can be compared.
    """
    results = read_results(setting.folder)
    records = [record for suite in results.aggregates.suites for record in results.of(suite.name)]
    if any(record.cell.precision != "float32" for record in records):
        raise ValueError(f"{setting.folder} has runs in bfloat16, and fine-tuning is in float32: set the precision so")
    tuner = Tuner(setting)
    forwards = Forwards(tuner, setting.folder)
    compared = comparisons(records, results.aggregates.rows, more, tuner.epochs_of, forwards.ratio)
    planned = planned_tunings(compared, more)
    require_models(planned, setting)
    failed = work(planned, setting, workers, console)

    def find(run: Record, task: str, epochs: int) -> Tuned | str:
        tuned = load(PlannedTuning(run.cell, task, epochs), setting)
        return tuned or f"failed ({failed.get((run.cell.id, task), 'no reason is known')})"

    return outcomes(compared, more, setting.rate, find), len(failed)


def report(folder: Path) -> Path:
    """Write page and chart from the outcomes in ``folder``, and return the page's path.

    Raises:
        ValueError: it has none.
    """
    asked = read_asked(folder)
    compared = [each._replace(row=asked.title(each.row)) for each in TransferResults.load(folder).outcomes]
    origin = Origin.load(folder)._replace(command=_command(folder, compared))
    store.write_atomically(folder / PAGE, table.as_markdown(compared, origin, _skipped(folder)))
    save_chart(chart.draw(compared), folder, CHART)
    return folder / PAGE


def _command(folder: Path, compared: Sequence[TransferOutcome]) -> str:
    protocol = read_asked(folder).protocol
    named = ""
    if protocol:  # one of a user's own is found by the copy that the folder keeps
        named = f" --protocol {protocol if protocol in available() else f'{folder.name}/{PROTOCOL_COPY}'}"
    rate = f" --rate {compared[0].rate:g}" if compared[0].rate != 1 else ""
    return f"python -m benchmarks transfer{named} --epochs {compared[0].more}{rate}"


def _skipped(folder: Path) -> Mapping[str, str]:
    """The suites that were skipped, with the reasons."""
    path = folder / runner.SKIPPED
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
