"""Methods that need scores get them from every evaluation on validation data, and never from the test split."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from benchmarks.protocols.expand import expand
from benchmarks.records.record import Cell, Record
from benchmarks.training.engines.single import Alone
from benchmarks.training.loaded import Loaded
from benchmarks.training.train import train as train_together
from tasks.base import Split
from tests.benchmarks.single import train
from tests.benchmarks.tiny_suite import Tiny, protocol, registered

CPU = torch.device("cpu")


def cell_of(method: str, **settings: object) -> Cell:
    with registered("tiny"):
        cells = expand(protocol(suites={"tiny": {"seeds": 1, **settings}}, methods={"fixed": {}, method: {}}))
    return next(cell for cell in cells if cell.row == method)


def weights_of(record: Record) -> dict[str, list[float | None]]:
    assert record.status == "done"
    return record.curves.weights


def shifted(split: Split) -> Split:
    """The same inputs with other targets."""
    return Split(split.inputs, {"height": split.targets["height"] + 5, "side": 1 - split.targets["side"]})


def test_other_validation_data_lead_to_other_weights_and_other_test_data_do_not() -> None:
    cell, suite = cell_of("pivrg"), Tiny()
    splits = suite.load()
    plain = weights_of(train(cell, suite, splits))
    assert weights_of(train(cell, suite, splits._replace(test=shifted(splits.test)))) == plain
    assert weights_of(train(cell, suite, splits._replace(validation=shifted(splits.validation)))) != plain


def test_before_the_first_evaluation_of_a_trained_model_it_is_fairgrad() -> None:
    pivrg, fairgrad = (weights_of(train(cell_of(method), Tiny())) for method in ("pivrg", "fairgrad"))
    for task in ("height", "side"):
        assert pivrg[task][:2] == pytest.approx(fairgrad[task][:2])
        assert pivrg[task][2] != pytest.approx(fairgrad[task][2])


def test_a_score_is_the_share_of_the_untrained_error_that_is_gone_in_percent() -> None:
    handed: list[Mapping[str, float]] = []

    class Listening(Alone):
        def after_validation(self, scores: Mapping[int, Mapping[str, float]]) -> None:
            handed.append(scores[0])
            super().after_validation(scores)

    cell, data = cell_of("pivrg"), Loaded(Tiny(), Tiny().load(), CPU)
    (record,) = train_together([cell], data, lambda: Listening(cell, data.suite, data.splits.train, CPU))
    curves = record.curves.validation
    errors = {"height": curves["height"]["mse"], "side": [1 - value for value in curves["side"]["accuracy"]]}
    assert len(handed) == len(record.curves.step) == 4
    for i, scores in enumerate(handed):
        expected = {task: 100 * (1 - error[i] / error[0]) for task, error in errors.items()}
        assert scores == pytest.approx(expected, rel=1e-4, abs=1e-4)
