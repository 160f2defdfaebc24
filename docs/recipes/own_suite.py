"""A suite of your own in one file: data, an encoder, and for each task a head, a loss and metrics.

`python -m benchmarks check bits --plugin docs/recipes/own_suite.py` checks it, and
`make bench SUITES=bits PLUGIN=docs/recipes/own_suite.py` trains on it. Started alone, this file prints its data.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from tasks.base import MultiTaskModel, Split, Splits, Suite, Task, accuracy, check_tasks, seeded, seeded_heads
from tasks.registry import register

CLASSES = {"majority": 2, "count": 13}


@register("bits")
@dataclass(frozen=True)
class Bits(Suite):
    """Twelve bits: are most of them 1, and how many are? The fields are options that a protocol may set."""

    width: int = 32

    version = 1  # raised when numbers are no longer comparable
    summary = "twelve bits: their majority and their number"

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Name, loss and metrics of each task; the primary metric first."""
        return tuple(Task(name, cross_entropy, (accuracy(),)) for name in CLASSES)

    def load(self, data: Path | None = None) -> Splits:
        """The data, the same for every seed."""
        numbers = torch.randperm(4096, generator=torch.Generator().manual_seed(0))
        bits = (numbers[:, None] >> torch.arange(12)) & 1
        count = bits.sum(-1)
        whole = Split({"input": bits.float()}, {"majority": (count > 6).long(), "count": count})
        return Splits(whole.take(slice(0, 3000)), whole.take(slice(3000, 3500)), whole.take(slice(3500, None)))

    def build(self, seed: int, tasks: tuple[str, ...]) -> MultiTaskModel:
        """The network for some of the tasks; the encoder is the same for a seed, whatever the tasks are."""
        check_tasks(self, tasks)
        with seeded("init", seed):
            encoder = nn.Sequential(nn.Linear(12, self.width), nn.ReLU())
        return MultiTaskModel(encoder, seeded_heads(seed, tasks, lambda name: nn.Linear(self.width, CLASSES[name])))


if __name__ == "__main__":
    train = Bits().load().train
    print(
        tuple(train.inputs["input"].shape),
        {name: target.float().mean().item() for name, target in train.targets.items()},
    )
