"""The data of the page's interactive charts are the records', in less room."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from benchmarks.analysis.aggregates import aggregate
from benchmarks.analysis.results import read_results
from benchmarks.records.store import Store
from benchmarks.reporting.charts import series
from benchmarks.reporting.page import explorer
from tests.benchmarks import synthetic

SUITES = ("multimnist", "reviews")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("results")
    store = Store(folder)
    for record in synthetic.records(SUITES):
        store.write(record)
    return json.loads(explorer.compact(explorer.data(read_results(folder))))


def test_what_is_packed_can_be_unpacked_and_is_the_same_every_time() -> None:
    text = "Δ <script> " * 1000
    letters = explorer.packed(text)
    assert gzip.decompress(base64.b64decode(letters)).decode() == text
    assert letters == explorer.packed(text)
    assert len(letters) < len(text) / 10


def test_the_explorer_holds_the_mean_and_the_range_of_the_seeds(data: dict[str, Any]) -> None:
    found = data["suites"]["multimnist"]["measures"]
    runs = [r for r in synthetic.records(SUITES) if (r.cell.suite, r.cell.row) == ("multimnist", "pcgrad")]
    curves = [run.curves.train_loss["left"][1:] for run in runs]
    line = found["training loss"]["left"]["lines"]["pcgrad"]
    assert line["x"] == runs[0].curves.step[1:]
    assert line["y"] == pytest.approx([sum(values) / 2 for values in zip(*curves, strict=True)], rel=1e-3)
    assert line["low"] == pytest.approx([min(values) for values in zip(*curves, strict=True)], rel=1e-3)
    assert line["high"] == pytest.approx([max(values) for values in zip(*curves, strict=True)], rel=1e-3)


def test_the_explorer_holds_everything_that_was_measured(data: dict[str, Any]) -> None:
    measures = data["suites"]["reviews"]["measures"]
    assert list(measures) == [
        "training loss",
        "validation metric",
        "share of the task weights",
        "gradient norm",
        "cosine between task gradients",
        "share of pairs in conflict",
    ]
    assert list(measures["cosine between task gradients"]) == [
        "mean over pairs",
        "sentiment and domain",
        "sentiment and rating",
        "domain and rating",
    ]
    assert set(measures["gradient norm"]["rating"]["lines"]) == {"single-task", *synthetic.ROWS}
    assert set(measures["share of the task weights"]["rating"]["lines"]) == set(synthetic.ROWS)
    assert set(data["costs"]["all suites"]) == {"single-task", *synthetic.ROWS}


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    (record,) = synthetic.records(["reviews"], ["fixed"], baselines=False)
    points = 5001
    values: list[float | None] = [None, *map(float, range(1, points))]
    curves = record.curves.model_copy(update={"step": list(range(points)), "train_loss": {"sentiment": values}})
    long = record.model_copy(update={"curves": curves})
    (suite,) = aggregate([long]).suites
    ((_, get), *_) = explorer.measures(suite)["training loss"]
    found = series.finished([long], get)
    assert found is not None
    line = explorer.line(found)
    assert len(line["x"]) == explorer.POINTS
    assert (line["x"][0], line["x"][-1]) == (1, points - 1)
    assert line["y"] == pytest.approx(line["x"], rel=1e-3)
