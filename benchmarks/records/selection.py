"""Selection on validation: of checkpoints within a run, and of settings between runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from benchmarks.records.record import FRONT, ROLES, Cell, MetricFact, Record, Role, Scalars

SMALLEST_ERROR = 1e-9  # below it an error counts as none

Setting = tuple[int, float]  # trial and learning rate
SharedSearch = Callable[[Cell], bool]  # whether all seeds of a cell's row share one search


@dataclass(frozen=True)
class Search:
    """The runs among which validation chooses one setting: those of one seed, or of all seeds that share a search."""

    tried: dict[Setting, list[Record]]

    @cached_property
    def common(self) -> set[int]:
        """The seeds that every setting was run with; settings are compared on these alone."""
        return set.intersection(*({record.cell.seed for record in runs} for runs in self.tried.values()))

    @cached_property
    def best(self) -> Setting:
        """The setting that validation chooses.

        A setting with more finished seeds beats one with fewer; among equals the lower mean score wins, then the
        earlier trial, then the lower learning rate.
        """
        common = self.common

        def rank(setting: Setting) -> tuple[int, float, int, Setting]:
            done = [record for record in self.tried[setting] if record.best is not None]
            scores = [score(record) for record in done if record.cell.seed in common]
            return -len(scores), sum(scores) / len(scores) if scores else 0.0, -len(done), setting

        return min(self.tried, key=rank)

    @cached_property
    def chosen(self) -> list[Record]:
        """The runs that count, failed ones included."""
        return self.tried[self.best]


def selection_score(validation: Scalars, untrained: Scalars, metrics: Mapping[str, Sequence[MetricFact]]) -> float:
    """The score of a checkpoint: mean over tasks of its error divided by the untrained model's; lower is better.

    The error is |best - primary metric|. The untrained model has 1 and a perfect one 0, whatever the tasks' units.
    """
    shares = shares_of_error(validation, untrained, metrics)
    return sum(shares.values()) / len(shares)


def shares_of_error(
    validation: Scalars, untrained: Scalars, metrics: Mapping[str, Sequence[MetricFact]]
) -> dict[str, float]:
    """The error of every task divided by the untrained model's; an error is |best - primary metric|."""
    return {
        task: abs(facts[0].best - validation[task][facts[0].name])
        / max(abs(facts[0].best - untrained[task][facts[0].name]), SMALLEST_ERROR)
        for task, facts in metrics.items()
    }


def row_key(cell: Cell) -> str:
    """The fields that all settings of one search share; each point of the front is a row of its own."""
    searched = {Role.RATE, Role.REPETITION} | (set() if cell.row == FRONT else {Role.POINT})
    return cell.facts(ROLES - searched)


def no_shared_search(cell: Cell) -> bool:  # noqa: ARG001
    """Every seed searches for itself."""
    return False


def searches(records: Iterable[Record], shared_search: SharedSearch = no_shared_search) -> list[Search]:
    """All choices between cells that differ in searched settings alone.

    Where each seed searches for itself, seeds differ by the luck of searching as well, as they would for somebody who
    searches once.
    """
    by_row: dict[tuple[str, int | None], Search] = {}
    for record in records:
        cell = record.cell
        search = by_row.setdefault((row_key(cell), None if shared_search(cell) else cell.seed), Search({}))
        search.tried.setdefault((cell.trial, cell.learning_rate), []).append(record)
    return list(by_row.values())


def chosen(records: Iterable[Record], shared_search: SharedSearch = no_shared_search) -> list[Record]:
    """The records that count, of every choice."""
    return [record for search in searches(records, shared_search) for record in search.chosen]


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
