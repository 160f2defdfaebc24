"""The tables of the transfer study: one per task, a row per method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.analysis.statistics import MIN_SEEDS
from benchmarks.reporting import formats
from benchmarks.reporting.markdown import table
from benchmarks.studies.finetuning.results import BETWEEN, Outcome, Row, rows
from benchmarks.studies.finetuning.words import sentences

HEAD = ["row", "c", "epochs", "as trained", "fine-tuned", "single-task, equal compute", "ahead, %"]
READING = f"""\
Primary metrics on the test split: mean ± standard deviation over seeds, and how many. Compute is counted in epochs of
the single-task model of the task. A step of a method costs *c* single-task steps: each in forward passes of its own
run, and the forward pass of all tasks in that of the one, timed in turns; what a method puts between encoder and heads
is no part of it. The multi-task model is trained for E epochs and fine-tuned on the task alone for F more, which costs
c·E + F; the single-task model, trained for the same E, goes on for max(F, F + (c − 1)·E) more, rounded up (in its
favour, by less than an epoch), in the same way: all parameters, the training's optimizer with fresh state, batch size
and learning rate. *Epochs* are all that it may have had, E included. Of both, the epoch that is best on validation
counts, the state before the first included. *Ahead*: how much better the fine-tuned model is
than the single-task model of the same seed, above 0 is better; with {MIN_SEEDS} seeds or more, a 95 % interval.

The whole multi-task training is charged to every task here, although one training serves all K tasks: whoever needs
them all pays c·E once and F for each, where single-task models cost K trainings."""


def as_markdown(found: Sequence[Outcome], command: str, skipped: Mapping[str, str], machine: Mapping[str, str]) -> str:
    """The sentences, how to read the tables, the tables, and what broke or was skipped."""
    several = rows(found)
    broken = dict.fromkeys(f"{o.suite}, seed {o.seed}: {part}" for o in found for part in o.note.split(BETWEEN) if part)
    facts = "; ".join(f"{key}: {value}" for key, value in sorted(machine.items()))
    paragraphs = [
        "# Transfer: multi-task training and fine-tuning against single-task training",
        "\n".join(sentences(several)),
        READING,
        *(
            paragraph
            for task in dict.fromkeys((row.suite, row.task) for row in several)
            for paragraph in _section([row for row in several if (row.suite, row.task) == task])
        ),
        *(["\n".join(f"- {line}" for line in broken)] if broken else []),
        *(["\n".join(f"- {suite} was skipped: {why}" for suite, why in skipped.items())] if skipped else []),
        f"Command: `{command}`.\nMachine: {facts}",
    ]
    return "\n\n".join(paragraphs) + "\n"


def _section(several: Sequence[Row]) -> list[str]:
    """The heading and the table of one task."""
    first = several[0].outcomes[0]
    direction = "higher" if first.higher_is_better else "lower"
    times = "" if first.rate == 1 else f", {first.rate:g} times the learning rate"
    more = f"K = {first.tasks}, E = {first.trained:g}, F = {first.more}{times}"
    title = f"## {first.suite}: {first.task} ({first.metric}, {direction} is better; {more})"
    plain = max((row.metric("plain") for row in several), key=lambda value: value.count)
    reference = ["single-task", "1.00", f"{first.trained:g}", formats.spread(plain), *[formats.NONE] * 3]
    return [title, table(HEAD, [reference, *map(_cells, several)])]


def _cells(row: Row) -> list[str]:
    first = row.outcomes[0]
    return [
        row.row,
        formats.plain(first.cost),
        formats.plain(first.trained + first.budget, 0 if float(first.trained).is_integer() else 1),
        *(formats.spread(row.metric(state)) for state in ("multi", "tuned", "single")),
        formats.delta(row.ahead()),
    ]
