"""The scores of the same answer to every example: the trivial baseline that every model must beat."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.records.record import Scalars
from benchmarks.training.batches import batches_of, losses_of
from benchmarks.training.measuring.evaluate import evaluate
from tasks.base import MultiTaskModel, Splits, Suite, Task, seeded

STEPS = 150  # of Adam, its rate falling to nothing: enough for the shares of classes
RATE = 0.1
BATCH = 64  # or fewer where the runs take fewer: then their data are large
CERTAIN = 30.0  # the logit of a class that is answered whatever the others' are; its exponential is far from overflow


class BlindEncoder(nn.Module):
    """An encoder whose features are all 0; it runs on one example to learn their shape."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder.eval()

    @torch.no_grad()
    def forward(self, **inputs: Tensor) -> Tensor:
        """Zeros (B, ...) in the place of the features of all examples."""
        first = self.encoder(**{name: values[:1] for name, values in inputs.items()})
        return first.new_zeros(len(next(iter(inputs.values()))), *first.shape[1:])


class ConstantHead(nn.Module):
    """A head that gives all examples of a batch the same answer."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: Tensor) -> Tensor:
        """The answer to the first example, repeated for all examples."""
        answer = self.head(features[:1])
        return answer.expand(len(features), *answer.shape[1:])


def scores(suite: Suite, data: Path | None = None, size: int = BATCH) -> Scalars:
    """All metrics on the test split of the best answer that is the same for every example, task by task.

    Two kinds of answers are tried. The first is a head that is trained on features of 0, so that it cannot tell
    examples apart: with cross-entropy it learns the class that most examples have, with squared error the mean, with
    absolute error the median. (A head with convolutions also sees where the border of an image is.) The second is every
    class as the answer to all examples: where a metric looks at rare classes alone, as F1 does, the commonest class is
    not the best answer. The best of them is chosen on the validation split.

    Args:
        suite: the suite.
        data: the folder in which its data are looked for first.
        size: examples of a batch.

    Raises:
        DataUnavailableError: the data cannot be loaded.
    """
    splits = suite.load(data)
    built = suite.build(0, [task.name for task in suite.tasks])
    model = MultiTaskModel(BlindEncoder(built.encoder), dict(built.heads.items()))
    optimizer = torch.optim.Adam(model.heads.parameters(), RATE)
    slower = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / STEPS)
    with seeded("noise", 0):
        for _, batch in zip(range(STEPS), batches_of(splits.train, size, 0), strict=False):
            _, outputs = model(batch.inputs)
            optimizer.zero_grad()
            torch.stack(list(losses_of(suite.tasks, outputs, batch).values())).sum().backward()
            optimizer.step()
            slower.step()
    return {task.name: _best(model.encoder, model.heads[task.name], task, splits) for task in suite.tasks}


def _best(encoder: nn.Module, head: nn.Module, task: Task, splits: Splits) -> dict[str, float]:
    """The metrics on the test split of a trained head, or of one class for all, whichever is better on validation."""
    model, primary = MultiTaskModel(encoder, {task.name: ConstantHead(head)}), task.primary
    layer = next((module for module in reversed([*head.modules()]) if _is_layer(module)), None)
    if layer is not None:
        nothing = torch.zeros_like(layer.get_parameter("weight"))
        certain = [{"weight": nothing, "bias": bias} for bias in _certain(layer.get_parameter("bias"))]

        def error(state: Mapping[str, Tensor]) -> float:
            layer.load_state_dict(state, strict=False)
            value = evaluate(model, [task], splits.validation)[task.name][primary.name]
            return abs(primary.best - value) if math.isfinite(value) else math.inf

        states = [{name: value.clone() for name, value in layer.state_dict().items()}, *certain]
        layer.load_state_dict(min(states, key=error), strict=False)
    return evaluate(model, [task], splits.test)[task.name]


def _is_layer(module: nn.Module) -> bool:
    return all(isinstance(getattr(module, name, None), Tensor) for name in ("weight", "bias"))


def _certain(bias: Tensor) -> Tensor:
    """Biases (A, C) of a last layer with C logits, each of which is sure of one of the A classes."""
    return CERTAIN * (torch.eye(len(bias)) if len(bias) > 1 else torch.tensor([[-1.0], [1.0]])).to(bias)
