"""What every suite owes the harness, checked on all that need no download."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tasks import registry
from tasks.base import Suite
from tests.tasks.files import digits_table, rated_sentences, sentence_archive, write_tiny_bert

SMALL = {
    "gradnorm-regression-2": {"examples": 40},
    "gradnorm-regression-10": {"examples": 40},
    "multimnist": {"train_pairs": 40, "other_pairs": 8},
    "reviews": {"trained_layers": 1, "sentences": 100, "max_length": 16},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "mnist_5k.csv.gz").write_bytes(digits_table(per_class=20))
    (folder / "hutto_ICWSM_2014.tar.gz").write_bytes(sentence_archive(rated_sentences(documents=60, sentences=3)))
    write_tiny_bert(folder / "model")
    return folder


@pytest.fixture(params=registry.names())
def suite(request: pytest.FixtureRequest, data: Path) -> Suite:
    made = registry.create(request.param, **SMALL.get(request.param, {}))
    made.load(data)
    return made


def test_the_same_seed_gives_the_same_encoder_and_heads_whatever_the_tasks(suite: Suite) -> None:
    names = [task.name for task in suite.tasks]
    whole, single = suite.build(3, names), suite.build(3, names[-1:])
    for one, other in zip(whole.encoder.parameters(), single.encoder.parameters(), strict=True):
        assert torch.equal(one, other)
    for one, other in zip(whole.heads[names[-1]].parameters(), single.heads[names[-1]].parameters(), strict=True):
        assert torch.equal(one, other)


def test_building_leaves_the_global_generator_alone(suite: Suite) -> None:
    before = torch.random.get_rng_state()
    suite.build(0, [task.name for task in suite.tasks])
    assert torch.equal(before, torch.random.get_rng_state())


def test_losses_metrics_and_gradients_are_finite_on_every_split(suite: Suite, data: Path) -> None:
    model = suite.build(0, [task.name for task in suite.tasks])
    for split in suite.load(data):
        features, outputs = model(split.inputs)
        assert len(features) == len(split)
        for task in suite.tasks:
            target = split.targets[task.name]
            loss = task.loss(outputs[task.name], target)
            assert loss.shape == ()
            assert float(loss.detach()) > task.lower_bound
            for metric in task.metrics:
                assert metric.value(metric.collect(outputs[task.name].detach(), target)).isfinite()
            gradients = torch.autograd.grad(loss, model.last_shared_parameters(), retain_graph=True)
            assert all(gradient.isfinite().all() for gradient in gradients)


def test_metrics_do_not_depend_on_how_a_split_is_cut(suite: Suite, data: Path) -> None:
    model = suite.build(0, [task.name for task in suite.tasks]).eval()
    split = suite.load(data).validation
    with torch.no_grad():
        whole = model(split.inputs)[1]
        pieces = [(piece, model(piece.inputs)[1]) for piece in split.batches(3)]
    for task in suite.tasks:
        for metric in task.metrics:
            at_once = metric.value(metric.collect(whole[task.name], split.targets[task.name]))
            sums = [metric.collect(out[task.name], piece.targets[task.name]) for piece, out in pieces]
            torch.testing.assert_close(metric.value(torch.stack(sums).sum(0)), at_once, rtol=1e-4, atol=1e-5)


def test_task_names_are_unique_and_unknown_ones_refused(suite: Suite) -> None:
    names = [task.name for task in suite.tasks]
    assert len(set(names)) == len(names) >= 2
    with pytest.raises(ValueError, match="has no task 'nonsense'"):
        suite.build(0, [*names, "nonsense"])


def test_the_last_shared_parameters_are_shared(suite: Suite) -> None:
    model = suite.build(0, [suite.tasks[0].name])
    shared = {id(parameter) for parameter in model.shared_parameters()}
    last = model.last_shared_parameters()
    assert last
    assert all(id(parameter) in shared for parameter in last)
