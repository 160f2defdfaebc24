"""What follows the first cells of a protocol: the settings that a search chose with all seeds, and the front."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchmarks import select
from benchmarks.expand import Filters, seeds_of
from benchmarks.records import FRONT, Cell, Record
from benchmarks.search import front
from benchmarks.settings import Protocol
from tasks import registry


def following(protocol: Protocol, filters: Filters, records: Sequence[Record]) -> list[Cell]:
    """The cells that the records of the first ones ask for; none without a search and a front.

    Validation alone decides: no test metric is looked at.
    """
    settings = select.the_best(records)
    found = [cell for setting in settings for cell in _with_all_seeds(setting, protocol, filters)]
    if protocol.front is not None:
        equal = [record for record in records if record.cell.row == protocol.cost_reference]
        own = {(record.cell.problem, record.cell.seed): record.cell for record in select.chosen(equal)}
        for setting in (setting for setting in settings if setting.row == protocol.cost_reference):
            found += _front(setting, own, protocol, filters)
    return sorted(found, key=lambda cell: cell.repetition)


def _with_all_seeds(setting: Cell, protocol: Protocol, filters: Filters) -> Iterator[Cell]:
    searched = protocol.settings(setting.suite).search_seeds
    if searched is not None:
        first = setting.seed - setting.repetition
        for seed in range(searched, seeds_of(protocol, setting.suite, filters)):
            yield setting.model_copy(update={"seed": first + seed})


def _front(equal: Cell, own: Mapping[tuple[str, int], Cell], protocol: Protocol, filters: Filters) -> Iterator[Cell]:
    """Fixed weights with the learning rate of equal weights: of the same seed, where each has its own."""
    assert protocol.front is not None
    suite = registry.create(equal.suite, **equal.suite_options)
    for number, weights in enumerate(front(protocol.front.points, len(equal.tasks), suite.loss_scales)):
        seeds = seeds_of(protocol, equal.suite, filters)
        for seed in range(min(protocol.front.seeds or seeds, seeds)):
            yield own.get((equal.problem, seed), equal).model_copy(
                update={"row": FRONT, "trial": number, "hyperparameters": {"weights": weights}, "seed": seed}
            )
