"""One cell: what comes out, that it repeats, and what happens when it goes wrong."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from benchmarks.protocols.expand import expand
from benchmarks.records.record import SINGLE_TASK, Cell, Record
from benchmarks.records.selection import selection_score
from benchmarks.training.batches import geometry_batch
from benchmarks.training.engines.single import Alone
from benchmarks.training.loaded import Loaded
from benchmarks.training.train import train as train_together
from tasks.base import MultiTaskModel, Split
from tests.benchmarks.single import train
from tests.benchmarks.tiny_suite import Tiny, protocol, registered

CPU = torch.device("cpu")


def cells(**settings: Any) -> dict[str, Cell]:
    """A cell of every row of the tiny protocol, seed 0, on all tasks but for the baseline's."""
    with registered("tiny"):
        found = expand(protocol(suites={"tiny": {"seeds": 1, **settings}}))
    return {cell.row: cell for cell in found}


def run(cell: Cell, **options: Any) -> Record:
    suite = Tiny(**options)
    return train(cell, suite)


def numbers(record: Record) -> dict[str, Any]:
    return record.model_dump(exclude={"cost", "finished"})


@pytest.mark.parametrize("row", [SINGLE_TASK, "fixed", "gradnorm", "pcgrad"])
def test_two_runs_of_one_cell_are_identical_whatever_the_global_generator(row: str) -> None:
    cell = cells()[row]
    torch.manual_seed(1)
    first = run(cell)
    torch.manual_seed(2)
    assert numbers(run(cell)) == numbers(first)
    assert first.status == "done"


def test_training_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    run(cells()["pcgrad"])
    assert torch.equal(torch.rand(2), expected)


def test_methods_start_from_the_same_model_and_see_the_same_noise() -> None:
    found = {row: run(cell).curves for row, cell in cells(steps=1, evaluations=1).items() if row != SINGLE_TASK}
    assert found["pcgrad"].validation["height"]["mse"][0] == found["fixed"].validation["height"]["mse"][0]
    # The first batch with its dropout mask: the mean since step 0 is the loss of step 1, before any difference.
    assert found["pcgrad"].train_loss["side"][1] == found["fixed"].train_loss["side"][1]


def test_seeds_differ() -> None:
    cell = cells()["fixed"]
    other = run(cell.model_copy(update={"seed": 1}))
    assert run(cell).curves.validation["height"]["mse"][0] != other.curves.validation["height"]["mse"][0]


def test_curves_have_one_entry_per_evaluation_and_none_before_the_first_step() -> None:
    curves = run(cells()["pcgrad"]).curves
    assert curves.step == [0, 4, 8, 12]
    lines = [*curves.train_loss.values(), *curves.weights.values(), *curves.norms.values(), *curves.cosines.values()]
    lines += [line for metrics in curves.validation.values() for line in metrics.values()]
    assert {len(line) for line in lines} == {4}
    assert curves.train_loss["height"][0] is None
    assert curves.weights["side"][0] is None
    assert list(curves.cosines) == ["height|side"]


def test_observing_more_often_does_not_change_training() -> None:
    rare, often = run(cells(evaluations=1)["pcgrad"]), run(cells(evaluations=12)["pcgrad"])
    assert rare.last == often.last


def test_norms_and_cosines_are_those_of_the_task_gradients() -> None:
    curves = run(cells(steps=1, evaluations=1)["fixed"]).curves
    suite = Tiny()
    model = suite.build(0, ("height", "side")).eval()
    batch = geometry_batch(suite.load().train, 10)
    outputs = model(batch.inputs)[1]
    flat = []
    for task in suite.tasks:
        loss = task.loss(outputs[task.name], batch.targets[task.name])
        gradients = torch.autograd.grad(loss, model.shared_parameters(), retain_graph=True)
        flat.append(torch.cat([gradient.flatten() for gradient in gradients]))
    assert curves.norms["height"][0] == pytest.approx(float(flat[0].norm()), rel=1e-4)
    cosine = torch.nn.functional.cosine_similarity(flat[0], flat[1], dim=0)
    assert curves.cosines["height|side"][0] == pytest.approx(float(cosine), rel=1e-4)


def test_the_best_state_on_validation_is_the_one_that_is_tested() -> None:
    kept: list[MultiTaskModel] = []
    cell = cells(steps=60, evaluations=20, learning_rates=[0.3])["fixed"]
    suite = Tiny()
    record = train(cell, suite, keep=kept.append)
    assert record.best is not None
    assert record.last is not None
    points = zip(*(record.curves.validation[t][m] for t, m in (("height", "mse"), ("side", "accuracy"))), strict=True)
    states = [{"height": {"mse": mse}, "side": {"accuracy": accuracy}} for mse, accuracy in points]
    scores = [selection_score(state, states[0], record.metrics) for state in states]
    assert record.curves.step[scores.index(min(scores))] == record.best.step
    assert record.best.step < record.last.step == 60
    test = suite.load().test
    outputs = kept[0].eval()(test.inputs)[1]["height"].detach().squeeze(-1)
    mse = float(((outputs - test.targets["height"]) ** 2).double().mean())
    assert record.best.test["height"]["mse"] == pytest.approx(mse)


def test_a_baseline_trains_its_task_alone_from_the_same_encoder() -> None:
    found = cells()
    alone, together = run(found[SINGLE_TASK]), run(found["fixed"])
    assert list(alone.metrics) == list(alone.curves.validation) == ["side"]
    assert alone.curves.cosines == {}
    assert alone.curves.norms["side"][0] == together.curves.norms["side"][0]


def test_training_makes_the_model_better() -> None:
    curves = run(cells(steps=200)["fixed"]).curves
    assert curves.validation["height"]["mse"][-1] < 0.5 * curves.validation["height"]["mse"][0]


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_epochs_count_the_smaller_last_batch(optimizer: str) -> None:
    record = run(cells(epochs=3, evaluations=1, optimizer=optimizer)["fixed"])
    assert record.last is not None
    assert record.last.step == 3 * 4  # 32 examples in batches of 10, 10, 10 and 2


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("row", [SINGLE_TASK, "fixed", "gradnorm"])
def test_the_learning_rate_is_halved_after_the_epochs_that_the_protocol_names(row: str, optimizer: str) -> None:
    rates: list[float] = []

    class Watched(Alone):
        def step(self) -> None:
            rates.extend({group["lr"] for group in self._optimizer.param_groups})
            super().step()

    cell = cells(epochs=4, halve_at=[1, 3], optimizer=optimizer)[row]
    data = Loaded(Tiny(), Tiny().load(), CPU)
    (record,) = train_together([cell], data, lambda: Watched(cell, data.suite, data.splits.train, CPU))
    assert record.status == "done"
    assert rates == [1e-2] * 4 + [5e-3] * 8 + [2.5e-3] * 4, "4 steps are an epoch"


def test_nothing_but_the_models_steps_is_smaller_after_a_halving() -> None:
    """GradNorm steps its weights at its own rate: in step 9, from the same model, they are the same."""
    settings = {"epochs": 3, "evaluations": 12, "learning_rates": [3e-2]}
    plain, halved = (run(cells(**settings, **more)["gradnorm"]).curves for more in ({}, {"halve_at": [2]}))
    same = halved.step.index(8)
    for task in ("height", "side"):
        for before, after in ((plain.weights, halved.weights), (plain.train_loss, halved.train_loss)):
            assert after[task][: same + 2] == before[task][: same + 2]
            assert after[task][same + 2 :] != before[task][same + 2 :]
    untouched, changed = (found.validation["height"]["mse"] for found in (plain, halved))
    assert changed[: same + 1] == untouched[: same + 1]
    assert changed[same + 1] != untouched[same + 1]


def test_a_huge_learning_rate_is_recorded_as_diverged_with_its_step() -> None:
    cell = cells(optimizer="sgd", learning_rates=[1e30], steps=40, evaluations=40)["fixed"]
    record = run(cell)
    assert record.status == "diverged"
    assert record.reason.startswith("step ")
    assert record.best is record.last is None
    assert 0 < len(record.curves.step) < 41
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_a_loss_that_is_not_a_number_is_divergence() -> None:
    suite = Tiny()
    splits = suite.load()
    targets = {**splits.train.targets, "height": torch.full((32,), math.nan)}
    broken = splits._replace(train=Split(splits.train.inputs, targets))
    record = train(cells()["pcgrad"], suite, broken)
    assert record.status == "diverged"
    assert "'height'" in record.reason


def test_an_error_while_training_is_recorded_as_failed_with_its_type() -> None:
    record = run(cells()["fixed"], fault="loss")
    assert (record.status, record.reason) == ("failed", "step 0: RuntimeError: the loss is broken")
    assert record.best is record.last is record.cost is None


def test_ctrl_c_is_not_swallowed() -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    suite = Tiny()
    with pytest.raises(KeyboardInterrupt):
        train(cells()["fixed"], suite, progress=interrupt)


def test_the_cost_is_split_into_parts() -> None:
    cost = run(cells()["gradnorm"]).cost
    assert cost is not None
    assert 0 < cost.weighting < cost.backward < cost.step < cost.total
    assert cost.forward + cost.optimizer < cost.step
