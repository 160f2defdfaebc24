"""One run as a user of TorchJD would write it, to compare the benchmark with.

``python -m benchmarks.studies.throughput.plain PROTOCOL SUITE METHOD DEVICE``.

It has the same problem, batches, optimizer, number of steps and evaluations on validation as the benchmark, without
what the benchmark adds: curves of gradients, and a record.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import torch
from torch import Tensor
from torchjd.aggregation import PCGrad
from torchjd.autojac import jac_to_grad, mtl_backward

from benchmarks.studies.throughput.options import cells_of
from benchmarks.studies.throughput.rates import load, steps_of
from benchmarks.training.batches import batches_of
from benchmarks.training.machine.devices import now
from benchmarks.training.measuring.evaluate import evaluate
from benchmarks.training.schedule import evaluation_points
from tasks.base import MultiTaskModel, Task

AGGREGATORS = {"fixed": None, "pcgrad": PCGrad}  # the sum of the losses needs none


def main(protocol: str, suite: str, method: str, device_name: str) -> None:
    """Train, and print the seconds of a step, of an evaluation and of everything as JSON."""
    device = torch.device(device_name)
    cell = cells_of(protocol, suite, method, 1)[0]
    loaded = load(cell, device)
    tasks, splits = loaded.suite.tasks, loaded.splits
    torch.manual_seed(cell.seed)
    model = loaded.suite.build(cell.seed, cell.tasks).to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), cell.learning_rate)
    aggregator_type = AGGREGATORS[method]
    aggregator = None if aggregator_type is None else aggregator_type()
    batches = batches_of(splits.train, cell.batch_size, cell.seed)
    total = steps_of(cell, loaded)
    points = evaluation_points(total, cell.evaluations)
    began, evaluating = now(device), 0.0
    for step in range(1, total + 1):
        batch = next(batches)
        features, outputs = model(batch.inputs)
        losses = [task.loss(outputs[task.name], batch.targets[task.name]) for task in tasks]
        if aggregator is None:
            torch.stack(losses).sum().backward()
        else:
            _backward(model, tasks, features, losses)
            jac_to_grad(list(model.encoder.parameters()), aggregator)
        optimizer.step()
        optimizer.zero_grad()
        if step in points:
            mark = now(device)
            evaluate(model, tasks, splits.validation)
            evaluating += now(device) - mark
    evaluate(model, tasks, splits.test)
    took = now(device) - began
    seconds = {"step": (took - evaluating) / total, "evaluation": evaluating / len(points), "total": took}
    sys.stdout.write(json.dumps(seconds))


def _backward(model: MultiTaskModel, tasks: Sequence[Task], features: Tensor, losses: Sequence[Tensor]) -> None:
    mtl_backward(
        losses,
        features=features,
        tasks_params=[list(model.heads[task.name].parameters()) for task in tasks],
        shared_params=list(model.encoder.parameters()),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
