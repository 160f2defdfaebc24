"""The public checks of suites: whether a suite keeps the rules that the benchmark relies on.

In Python, ``check(MySuite())`` returns the result of every check; in a test suite::

    @pytest.mark.parametrize("name", CHECKS)
    def test_conformance(name):
        CHECKS[name](MySuite())
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import is_dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from balancers.conformance import Result
from tasks.base import Split, Splits, Suite, Task, check_tasks
from tasks.offline import refused

BATCH = 64  # examples of each set with which losses and gradients are computed


class SuiteViolation(AssertionError):  # noqa: N818 - it is no error of the program
    """A suite breaks a rule; the message says which one, and where."""


def check(suite: Suite, data: Path | None = None) -> list[Result]:
    """Run all checks on a suite; ``data`` is a folder that is searched for its data first.

    Raises:
        DataUnavailableError: the data are missing; the message says which file goes where.
    """
    suite.load(data)
    return [_run(name, function, suite, data) for name, function in CHECKS.items()]


def _run(name: str, function: Callable[..., None], suite: Suite, data: Path | None) -> Result:
    try:
        function(suite, data)
    except Exception as error:  # a suite that raises fails its check, whatever it raises
        kind = "" if isinstance(error, SuiteViolation) else f"{type(error).__name__}: "
        return Result(name, False, f"{kind}{error}")
    return Result(name, True, "")


def same_data(suite: Suite, data: Path | None = None) -> None:
    """Loading twice gives the same bytes."""
    for name, first, second in zip(Splits._fields, suite.load(data), suite.load(data), strict=True):
        for part in ("inputs", "targets", "present"):
            one, other = getattr(first, part), getattr(second, part)
            _require(list(one) == list(other), f"{name}: {part} have other names when loaded again")
            for key in one:
                _require(_equal(one[key], other[key]), f"{name}: {part} {key!r} differ when loaded again")


def shapes(suite: Suite, data: Path | None = None) -> None:
    """All tensors of a split share their first axis, every task has targets in all of them, and none is empty."""
    names = [task.name for task in suite.tasks]
    _require(len(set(names)) == len(names) >= 2, f"task names must be at least two different ones, not {names}")
    for part, split in zip(Splits._fields, suite.load(data), strict=True):
        _require(len(split) > 0, f"{part} is empty")
        _require(set(split.targets) == set(names), f"{part}: targets are {sorted(split.targets)}, tasks {names}")
        for key, values in (*split.inputs.items(), *split.targets.items(), *split.present.items()):
            _require(len(values) == len(split), f"{part}: {key!r} has {len(values)} rows, the split {len(split)}")
        if part == "train":
            apart = any(task not in split.present or not split.present[task].all() for task in names)
            _require(
                suite.separate == (apart and bool(split.present)), f"the data disagree with separate = {suite.separate}"
            )
        for task, mask in split.present.items():
            _require(mask.dtype == torch.bool, f"{part}: present[{task!r}] must be of truth values, not {mask.dtype}")
            _require(bool(mask.any()), f"{part}: no example has a target of {task!r}")


def disjoint_splits(suite: Suite, data: Path | None = None) -> None:
    """No example is in two splits, unless the suite says that it does not generalise."""
    if not suite.generalises:
        return
    rows = {name: _rows(split) for name, split in zip(Splits._fields, suite.load(data), strict=True)}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        common = len(rows[one] & rows[other])
        _require(not common, f"{common} examples of {one} are in {other} as well")


def same_model(suite: Suite, data: Path | None = None) -> None:
    """The same seed gives the same encoder and heads, whatever the tasks; torch's generator stays as it was."""
    suite.load(data)
    names = [task.name for task in suite.tasks]
    generator_state = torch.random.get_rng_state()
    whole, rebuilt = suite.build(3, names), suite.build(3, names)
    _require(
        bool(torch.equal(generator_state, torch.random.get_rng_state())), "building draws from torch's global generator"
    )
    _require(_same(whole, rebuilt), "the same seed gives another model")
    for name in names:
        alone = suite.build(3, [name])
        _require(
            _same(whole.encoder, alone.encoder),
            f"the encoder for {name!r} alone differs from the encoder for all tasks",
        )
        _require(_same(whole.heads[name], alone.heads[name]), f"the head of {name!r} depends on the other tasks")


@torch.no_grad()
def finite_start(suite: Suite, data: Path | None = None) -> None:
    """Losses and metrics of the fresh model are finite on every split, and losses not below their lower bounds."""
    splits = suite.load(data)
    model = suite.build(0, [task.name for task in suite.tasks]).eval()
    for part, split in zip(Splits._fields, splits, strict=True):
        batch = _few(split)
        features, outputs = model(batch.inputs)
        _require(len(features) == len(batch), f"{len(features)} features for {len(batch)} examples")
        for task in suite.tasks:
            outputs_and_targets = _having_target(batch, task, outputs[task.name])
            loss = task.loss(*outputs_and_targets)
            _require(loss.shape == (), f"the loss of {task.name!r} has shape {tuple(loss.shape)}; expected a scalar")
            _require(bool(loss.isfinite()), f"{part}: the loss of {task.name!r} is {float(loss)} at the start")
            _require(float(loss) >= task.lower_bound, f"{part}: the loss of {task.name!r} is below its lower bound")
            for metric in task.metrics:
                value = metric.of([metric.collect(*outputs_and_targets)])
                _require(math.isfinite(value), f"{part}: {task.name} {metric.name} is {value}")


def tasks_reach_the_encoder(suite: Suite, data: Path | None = None) -> None:
    """Every task's loss has a gradient at the last shared layer, which is part of the encoder."""
    splits = suite.load(data)
    model = suite.build(0, [task.name for task in suite.tasks]).eval()
    last, shared = model.last_shared_parameters(), {id(parameter) for parameter in model.shared_parameters()}
    _require(bool(last) and all(id(parameter) in shared for parameter in last), "the last shared layer is not shared")
    batch = _few(splits.train)
    _, outputs = model(batch.inputs)
    for task in suite.tasks:
        loss = task.loss(*_having_target(batch, task, outputs[task.name]))
        by_parameter = torch.autograd.grad(loss, last, retain_graph=True, allow_unused=True)
        gradients = [gradient for gradient in by_parameter if gradient is not None]
        _require(any(bool(gradient.any()) for gradient in gradients), f"{task.name!r} has no gradient at the encoder")
        _require(all(bool(g.isfinite().all()) for g in gradients), f"{task.name!r} has a gradient that is not finite")


@torch.no_grad()
def metrics_by_batches(suite: Suite, data: Path | None = None) -> None:
    """A metric is the same however a split is cut into batches."""
    split = _few(suite.load(data).validation)
    model = suite.build(0, [task.name for task in suite.tasks]).eval()
    _, outputs = model(split.inputs)
    for task in suite.tasks:
        output, target = _having_target(split, task, outputs[task.name])
        for metric in task.metrics:
            whole = metric.of([metric.collect(output, target)])
            cut = metric.of([metric.collect(*part) for part in zip(output.split(3), target.split(3), strict=True)])
            close = abs(whole - cut) <= 1e-5 + 1e-4 * abs(whole)
            _require(close, f"{task.name} {metric.name} is {whole} on the whole and {cut} in batches of 3")


def unknown_tasks(suite: Suite, data: Path | None = None) -> None:
    """An unknown task is refused with the names of the tasks."""
    suite.load(data)
    try:
        suite.build(0, ["no-such-task"])
    except ValueError:
        check_tasks(suite, [task.name for task in suite.tasks])
        return
    raise SuiteViolation("building a model for an unknown task raised no ValueError; call check_tasks in build")


def no_network(suite: Suite, data: Path | None = None) -> None:
    """Only `load` uses a network or another program; creating the suite and its tasks and building a model do not."""
    if not is_dataclass(suite):
        raise SuiteViolation(f"{type(suite).__name__} is no dataclass; a suite must be a frozen dataclass")
    suite.load(data)
    with refused() as asked:
        names = [task.name for task in replace(suite).tasks]
        suite.build(0, names)
    _require(not asked, f"it asked for {', '.join(asked)}, but only load() may use a network or another program")


def _few(split: Split) -> Split:
    """Some examples of every set."""
    return split.take(torch.cat([index[:BATCH] for index in split.sets()]))


def _having_target(split: Split, task: Task, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """The outputs and targets of the examples that have a target of ``task``."""
    return split.having(task.name, outputs), split.having(task.name, split.targets[task.name])


def _rows(split: Split) -> set[bytes]:
    columns = [values.reshape(len(values), -1).contiguous().numpy() for values in split.inputs.values()]
    return {b"".join(column[row].tobytes() for column in columns) for row in range(len(split))}


def _same(one: nn.Module, other: nn.Module) -> bool:
    states = one.state_dict(), other.state_dict()
    return list(states[0]) == list(states[1]) and all(_equal(a, states[1][key]) for key, a in states[0].items())


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and bool(torch.equal(one, other))


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SuiteViolation(otherwise)


CHECKS: dict[str, Callable[..., None]] = {
    function.__name__.replace("_", " "): function
    for function in (
        same_data,
        shapes,
        disjoint_splits,
        same_model,
        finite_start,
        tasks_reach_the_encoder,
        metrics_by_batches,
        unknown_tasks,
        no_network,
    )
}
