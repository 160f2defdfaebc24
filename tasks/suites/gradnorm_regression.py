"""The regressions of GradNorm: K tasks that share almost everything and differ in scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from tasks.base import (
    MultiTaskModel,
    Split,
    Splits,
    Suite,
    Task,
    check_tasks,
    mean_metric,
    seed_for,
    seeded,
    seeded_heads,
)
from tasks.networks.gradnorm_regression_mlp import Trunk
from tasks.registry import register

INPUTS, OUTPUTS, WIDTH, DEPTH = 250, 100, 100, 4  # the paper's sizes
COMMON_VARIANCE, OWN_VARIANCE = 10.0, 3.5  # of the matrices' elements
TEN_SCALES = tuple(100 ** (i / 9) for i in range(10))


@register("gradnorm-regression-10", scales=TEN_SCALES)
@register("gradnorm-regression-2", scales=(1.0, 100.0))
@dataclass(frozen=True)
class GradNormRegression(Suite):
    r"""K regressions :math:`y_i = σ_i \tanh((B + ε_i) x / \sqrt{250})` with x in R^250 and y in R^100.

    - Source: computed, from one fixed seed; licence: none needed.
    - Sizes and splits: ``examples`` for training (8,000), a fifth of that each for validation and test.
    - Tasks: ``task_1`` to ``task_K``. Scales σ: (1, 100) for K = 2, as in the paper; the paper does not print its ten
      values, so K = 10 takes ten from 1 to 100 at equal ratios. The loss is the mean squared error of the un-normalised
      targets, so that the tasks' losses differ by up to 10⁴.
    - Metric: ``normalised_loss``, the mean squared error divided by σ², lower is better; the constant answer 0 has
      about 0.8.
    - Encoder: four layers of 100 ReLU units; heads: one affine layer each; last shared layer: the fourth.

    The paper leaves two things open. N(0, 10) for B and N(0, 3.5) for ε_i are read as mean and variance. The inputs are
    standard normal and are divided by the root of their number inside tanh. The argument of tanh then has the standard
    deviation 3.7; without the division it would be 58, and every target would be a mere sign.

    Reference: Chen et al., GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep Multitask Networks,
    ICML 2018, Section 4.
    """

    scales: tuple[float, ...] = (1.0, 100.0)
    examples: int = 8_000

    version = 1
    summary = (
        "regressions whose targets differ in scale only: 100 targets each from 250 inputs (GradNorm's toy problem)"
    )
    replicable = True

    def __post_init__(self) -> None:
        if self.examples < 5:
            raise ValueError(f"examples must be at least 5, so that every split has one, not {self.examples}")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """One task per scale, in the order of the scales."""
        return tuple(_task(name, scale) for name, scale in zip(self._names(), self.scales, strict=True))

    @property
    def loss_scales(self) -> tuple[float, ...]:
        """Losses are in squares of the targets' scales."""
        return tuple(scale**2 for scale in self.scales)

    def load(self, data: Path | None = None) -> Splits:  # noqa: ARG002 - computed, there is nothing to look for
        """Inputs (N, 250) and targets (N, 100), computed."""
        train, other = self.examples, self.examples // 5
        generator = torch.Generator().manual_seed(seed_for("gradnorm-regression", 0))
        common = _normal((OUTPUTS, INPUTS), COMMON_VARIANCE, generator)
        matrices = [common + _normal((OUTPUTS, INPUTS), OWN_VARIANCE, generator) for _ in self.scales]
        inputs = torch.randn(train + 2 * other, INPUTS, generator=generator)
        targets = {
            name: scale * torch.tanh(inputs @ matrix.T / math.sqrt(INPUTS))
            for name, scale, matrix in zip(self._names(), self.scales, matrices, strict=True)
        }
        everything = Split({"inputs": inputs}, targets)
        edges = (slice(0, train), slice(train, train + other), slice(train + other, None))
        return Splits(*(everything.take(edge) for edge in edges))

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """The ReLU trunk and affine heads, with torch's default initialisation."""
        check_tasks(self, tasks)
        with seeded("init", seed):
            trunk = Trunk([INPUTS, *[WIDTH] * DEPTH])
        heads = seeded_heads(seed, tasks, lambda _: nn.Linear(WIDTH, OUTPUTS))
        return MultiTaskModel(trunk, heads, last_shared=trunk.layers[-2])

    def _names(self) -> list[str]:
        return [f"task_{i}" for i in range(1, len(self.scales) + 1)]


def _task(name: str, scale: float) -> Task:
    def normalised(outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs - targets) / scale).square().mean(-1)

    metric = mean_metric("normalised_loss", 0.0, normalised, higher_is_better=False)
    return Task(name, mse_loss, (metric,))


def _normal(shape: tuple[int, int], variance: float, generator: torch.Generator) -> Tensor:
    return math.sqrt(variance) * torch.randn(shape, generator=generator)
