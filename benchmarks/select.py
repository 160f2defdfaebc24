"""Selection on validation: of checkpoints within a run, and of settings between runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.records import FRONT, Cell, MetricFact, Record, Scalars

SMALLEST_ERROR = 1e-9  # below it an error counts as none

_Setting = tuple[int, float]  # trial and learning rate
_Tried = dict[_Setting, list[Record]]


def selection_score(validation: Scalars, untrained: Scalars, metrics: Mapping[str, Sequence[MetricFact]]) -> float:
    """How bad a state is: mean over tasks of its error over the error of the untrained model; lower is better.

    The error is |best - primary metric|. 1 is the untrained model and 0 a perfect one, whatever the tasks' units.
    """
    ratios = [
        abs(facts[0].best - validation[task][facts[0].name])
        / max(abs(facts[0].best - untrained[task][facts[0].name]), SMALLEST_ERROR)
        for task, facts in metrics.items()
    ]
    return sum(ratios) / len(ratios)


def row_key(cell: Cell) -> str:
    """What the cells have in common of which one setting is chosen; every point of the front stands for itself."""
    searched = {"learning_rate": 0.0, "seed": 0}
    if cell.row != FRONT:
        searched |= {"hyperparameters": {}, "trial": 0}
    return cell.model_copy(update=searched).id


def chosen(records: Iterable[Record]) -> list[Record]:
    """Of every group of cells that differ in seed and searched settings alone, the records that count.

    Where every setting was run with every seed, each seed is a search of its own, whose best setting counts: seeds then
    differ by the luck of searching as well, as they would for somebody who searches once. Otherwise it is `the_best`
    setting of the group, with all seeds that it has.
    """
    return [record for settings in _groups(records) for record in _that_count(settings)]


def the_best(records: Iterable[Record]) -> list[Cell]:
    """One cell of the best setting of every group.

    Settings are compared by the seeds that all of them were run with, on validation. One with more finished seeds beats
    one with fewer; among equals the lower mean score wins, then the earlier trial, then the lower learning rate.
    """
    return [settings[_best(settings)][0].cell for settings in _groups(records)]


def _groups(records: Iterable[Record]) -> Iterable[_Tried]:
    groups: dict[str, _Tried] = {}
    for record in records:
        setting = record.cell.trial, record.cell.learning_rate
        groups.setdefault(row_key(record.cell), {}).setdefault(setting, []).append(record)
    return groups.values()


def _that_count(settings: _Tried) -> list[Record]:
    """Failed runs of a setting that counts included."""
    seeds = [{record.cell.seed for record in records} for records in settings.values()]
    if any(found != seeds[0] for found in seeds):
        return settings[_best(settings)]
    by_seed = {record.cell.seed: {} for record in settings[next(iter(settings))]}
    for setting, records in settings.items():
        for record in records:
            by_seed[record.cell.seed][setting] = [record]
    return [record for alone in by_seed.values() for record in alone[_best(alone)]]


def _best(settings: _Tried) -> _Setting:
    common = set.intersection(*({record.cell.seed for record in records} for records in settings.values()))

    def rank(setting: _Setting) -> tuple[int, float, int, _Setting]:
        done = [record for record in settings[setting] if record.best is not None]
        scores = [score(record) for record in done if record.cell.seed in common]
        return -len(scores), sum(scores) / len(scores) if scores else 0.0, -len(done), setting

    return min(settings, key=rank)


def score(record: Record) -> float:
    """`selection_score` of a finished run.

    Raises:
        ValueError: it did not finish.
    """
    if record.best is None:
        raise ValueError(f"run {record.id} is {record.status}, and has no score")
    curves = record.curves.validation
    untrained = {task: {name: values[0] for name, values in metrics.items()} for task, metrics in curves.items()}
    return selection_score(record.best.validation, untrained, record.metrics)
