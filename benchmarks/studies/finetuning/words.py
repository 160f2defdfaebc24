"""Sentences about the outcomes of the transfer study."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.analysis.means import mean_of, median_of_known
from benchmarks.analysis.statistics import MIN_SEEDS
from benchmarks.reporting import formats
from benchmarks.reporting.words import listed, plural
from benchmarks.studies.finetuning.results import Row


def sentences(rows: Sequence[Row]) -> list[str]:
    """How often and by how much fine-tuned multi-task models win, with which methods, and how sure that is."""
    compared = [row for row in rows if row.ahead().count]
    if not compared:
        return ["No method has a fine-tuned model beside a single-task model of the same seed: nothing can be said."]
    return [_wins(compared), *_methods(compared), _sizes(compared), _certainty(compared)]


def _wins(rows: Sequence[Row]) -> str:
    suites = dict.fromkeys(row.suite for row in rows)
    by_suite = [f"{_share([row for row in rows if row.suite == suite])} on {suite}" for suite in suites]
    return (
        f"Fine-tuned on one task, multi-task models are ahead of the single-task model at equal compute in "
        f"{_share(rows)} pairs of task and method: {listed(by_suite)}."
    )


def _methods(rows: Sequence[Row]) -> list[str]:
    by = {name: [row for row in rows if row.row == name] for name in dict.fromkeys(row.row for row in rows)}
    won = {name: sum(row.ahead().mean > 0 for row in several) / len(several) for name, several in by.items()}
    if len(by) < 2:
        return []
    if len(set(won.values())) == 1:
        return [f"Every method is ahead on {_share(next(iter(by.values())))} tasks."]

    def methods_with(share: float) -> str:
        names = [name for name in by if won[name] == share]
        gains = [mean_of(row.ahead().mean for row in by[name]) for name in names]
        return listed([f"{n} ({_share(by[n])}, {formats.percent(g)} %)" for n, g in zip(names, gains, strict=True)])

    most, fewest = methods_with(max(won.values())), methods_with(min(won.values()))
    return [f"Tasks won and mean difference: most with {most}, fewest with {fewest}."]


def _sizes(rows: Sequence[Row]) -> str:
    best, worst = (choose(rows, key=lambda row: row.ahead().mean) for choose in (max, min))
    typical = median_of_known(row.ahead("tuned", "multi").mean for row in rows)
    return (
        f"Differences go from {_named(worst)} to {_named(best)}, with a median of "
        f"{formats.percent(median(row.ahead().mean for row in rows))} %; fine-tuning itself changed the multi-task "
        f"models by {formats.percent(typical)} % in the median."
    )


def _certainty(rows: Sequence[Row]) -> str:
    judged = [row.ahead() for row in rows if row.ahead().has_interval]
    if judged:
        ahead, behind = sum(gain.low > 0 for gain in judged), sum(gain.high < 0 for gain in judged)
        others = len(rows) - len(judged)
        lacking = f" {plural(others, 'pair')} with fewer than {MIN_SEEDS} seeds have none." if others else ""
        return (
            f"The 95 % interval is above 0 in {ahead} and below 0 in {behind} of {len(judged)} pairs, each looked at "
            f"alone: of so many, a few would be even if there were no difference.{lacking}"
        )
    fewest = min(row.ahead().count for row in rows)
    sentence = f"With {plural(fewest, 'seed')} there are no intervals, and one difference is no evidence"
    if fewest < 2:
        return f"{sentence}."
    agreed = sum(abs(sum(map(_sign, row.ahead().values))) == row.ahead().count for row in rows)
    return f"{sentence}: in {agreed} of {len(rows)} pairs all seeds agree on who is ahead."


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _share(rows: Sequence[Row]) -> str:
    return f"{sum(row.ahead().mean > 0 for row in rows)} of {len(rows)}"


def _named(row: Row) -> str:
    return f"{formats.percent(row.ahead().mean)} % ({row.row} on {row.suite}: {row.task})"
