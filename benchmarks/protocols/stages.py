"""What follows the first cells of a protocol: the settings that a search chose with all seeds, and the front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.protocols.design import front
from benchmarks.protocols.expand import Filters, seeds_of
from benchmarks.protocols.schema import Protocol
from benchmarks.records import selection
from benchmarks.records.record import FRONT, Cell, Record
from tasks import registry


def following(protocol: Protocol, filters: Filters, records: Sequence[Record]) -> list[Cell]:
    """The cells that the records of the first ones ask for; none without a search and a front.

    Validation alone decides: no test metric is looked at.
    """
    cells: list[Cell] = []
    for search in selection.searches(records, protocol.searches_once):
        setting = search.chosen[0].cell
        if protocol.searches_once(setting):
            cells += _with_other_seeds(setting, protocol, filters)
        if protocol.front is not None and setting.row == protocol.cost_reference:
            cells += _front(setting, protocol, filters)
    return sorted(cells, key=lambda cell: cell.repetition)


def _with_other_seeds(setting: Cell, protocol: Protocol, filters: Filters) -> Iterator[Cell]:
    first = setting.seed - setting.repetition
    searched = protocol.settings(setting.table).search_seeds or 0
    for seed in range(searched, seeds_of(protocol, setting.table, filters)):
        yield setting.model_copy(update={"seed": first + seed})


def _front(equal: Cell, protocol: Protocol, filters: Filters) -> Iterator[Cell]:
    """Fixed weights with the learning rate of equal weights: of the same seed, where each has its own."""
    assert protocol.front is not None
    suite = registry.create(equal.suite, **equal.suite_options)
    seeds = seeds_of(protocol, equal.table, filters)
    wanted = range(min(protocol.front.seeds or seeds, seeds))
    for seed in wanted if protocol.searches_once(equal) else {equal.seed} & set(wanted):
        for number, weights in enumerate(front(protocol.front.points, len(equal.tasks), suite.loss_scales)):
            yield equal.model_copy(
                update={"row": FRONT, "trial": number, "hyperparameters": {"weights": weights}, "seed": seed}
            )
