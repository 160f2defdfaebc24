"""The page of the transfer study: a table per task, with a row per method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.analysis.statistics import MIN_SEEDS
from benchmarks.reporting import formats
from benchmarks.reporting.markdown import legend, table
from benchmarks.studies.finetuning.results import BETWEEN, Row, TransferOutcome, rows
from benchmarks.studies.finetuning.words import sentences
from benchmarks.studies.page import Page, section
from benchmarks.studies.results import Origin

TITLE = "Transfer: multi-task training and fine-tuning against single-task training"
HEAD = ["method", "c", "epochs", "as trained", "fine-tuned", "single-task, equal compute", "ahead, %"]
SIGNS = {
    "K": "number of tasks of the suite",
    "E": "epochs of every training",
    "F": "epochs of fine-tuning on the task alone",
    "c": "cost of a multi-task step in single-task steps. Each step is measured in forward passes of its own run; the "
    "forward pass of all tasks is timed in turns with that of the task alone. A layer that a method puts between "
    "encoder and heads does not count.",
    "epochs": "all epochs that the single-task model may train for, E included: E + max(F, F + (c − 1)·E), rounded up",
    "as trained": "the multi-task model after E epochs",
    "fine-tuned": "the same model after fine-tuning",
    "single-task, equal compute": "the single-task model after all its epochs; in the row single-task, *as trained* is "
    "this model after E epochs",
    "±": "mean and standard deviation over seeds of the primary metric on the test split, and the number of seeds",
    "ahead, %": "how much better the fine-tuned model is than the single-task model of the same seed; above 0 is "
    f"better. From {MIN_SEEDS} seeds on with a 95 % interval.",
    "–": "no value",
}
COMPUTE = """\
Compute is counted in epochs of the single-task model. Multi-task training and fine-tuning cost c·E + F; the single-task
model gets at least as much, because its epochs are rounded up. Both go on in the same way: all parameters, the
optimizer of the training with fresh state, its batch size, and its learning rate unless the heading says otherwise. The
epoch with the best validation metric is selected; the state before the first epoch is a candidate, too.

Every task pays for the whole multi-task training here, although one training serves all K tasks. All tasks together
cost c·E once and F for each; single-task models cost K trainings."""


def as_markdown(outcomes: Sequence[TransferOutcome], origin: Origin, skipped: Mapping[str, str]) -> str:
    """The sentences, the legend, the tables, and what broke or was skipped."""
    several = rows(outcomes)
    broken = dict.fromkeys(
        f"- {outcome.suite}, seed {outcome.seed}: {part}"
        for outcome in outcomes
        for part in outcome.note.split(BETWEEN)
        if part
    )
    tasks = dict.fromkeys((row.suite, row.task) for row in several)
    of_tasks = [_section([row for row in several if (row.suite, row.task) == task]) for task in tasks]
    sections = [
        "\n".join(sentences(several)),
        legend(tuple(SIGNS.items())),
        COMPUTE,
        *(paragraph for paragraphs in of_tasks for paragraph in paragraphs),
        *section("What broke", "\n".join(broken)),
    ]
    return Page(TITLE, sections, origin, skipped).as_markdown()


def _section(several: Sequence[Row]) -> list[str]:
    """The heading and the table of one task."""
    first = several[0].outcomes[0]
    direction = "higher" if first.higher_is_better else "lower"
    times = "" if first.rate == 1 else f", {first.rate:g} times the learning rate"
    more = f"K = {first.tasks}, E = {first.trained:g}, F = {first.more}{times}"
    title = f"{first.suite}: {first.task} ({first.metric}, {direction} is better; {more})"
    plain = max((row.metric("plain") for row in several), key=lambda value: value.count)
    reference = ["single-task", "1.00", f"{first.trained:g}", formats.spread(plain), *[formats.NONE] * 3]
    return section(title, table(HEAD, [reference, *map(_cells, several)]))


def _cells(row: Row) -> list[str]:
    first = row.outcomes[0]
    return [
        row.row,
        formats.plain(first.cost),
        formats.plain(first.trained + first.budget, 0 if float(first.trained).is_integer() else 1),
        *(formats.spread(row.metric(state)) for state in ("multi", "tuned", "single")),
        formats.delta(row.ahead()),
    ]
