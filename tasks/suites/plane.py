"""The two-task plane: two losses of a point in the plane, with steep valleys, a plateau and a known Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from tasks.base import Landscape, MultiTaskModel, Split, Splits, Suite, Task, check_tasks, mean_metric, seed_for
from tasks.registry import register

SCALE = 0.1  # of the first loss: the variant of Nash-MTL, whose two tasks differ tenfold
LOWER = 5e-6  # keeps the logarithms finite
STARTS = ((-8.5, 7.5), (0.0, 0.0), (9.0, 9.0), (-7.5, -0.5), (9.0, -1.0))
BOX = 10.0  # further starts, and the picture: both coordinates within ± this
BOUND = -21.0  # below the second loss everywhere, as FAMO takes it; the first has SCALE times this
FRONT_POINTS = 701


def first_loss(points: Tensor) -> Tensor:
    """L1 at ``points`` (..., 2), shape (...)."""
    x1, x2 = points.unbind(-1)
    valley = _log(0.5 * (-x1 - 7) - torch.tanh(-x2))
    return SCALE * _join(valley, _bowl(x1 - 7, x2), x2)


def second_loss(points: Tensor) -> Tensor:
    """L2 at ``points`` (..., 2), shape (...)."""
    x1, x2 = points.unbind(-1)
    valley = _log(0.5 * (-x1 + 3) + torch.tanh(-x2) + 2)
    return _join(valley, _bowl(x1 + 7, x2), x2)


def pareto_front() -> Tensor:
    r"""The Pareto front as points (P, 2) in float64, from the optimum of task 2 (x1 = -7) to that of task 1 (x1 = 7).

    In the lower half-plane both losses are bowls times the same factor :math:`\tanh(-x_2/2)`. A combination with
    shares μ and 1-μ has its minimum over x1 at :math:`14μ - 7`, where the mix of bowls is :math:`h = (49 - x_1^2)/10 +
    (x_2 + 8)^2/100 - 20`. So x2 is the minimum of :math:`\tanh(-x_2/2)\,h`, found by bisection on the derivative.
    Nothing in the upper half-plane, where the losses stay above -0.63 and -6.3, dominates any of these points.
    """
    return _front().clone()


@cache
def _front() -> Tensor:
    x1 = torch.linspace(-7, 7, FRONT_POINTS, dtype=torch.float64)
    low, high = torch.full_like(x1, -9.0), torch.full_like(x1, -8.0)
    for _ in range(60):  # halves an interval of 1 down to float64's resolution
        middle = (low + high) / 2
        factor = torch.tanh(-middle / 2)
        mix = (49 - x1**2) / 10 + (middle + 8) ** 2 / 100 - 20
        falling = -0.5 * (1 - factor**2) * mix + factor * (middle + 8) / 50 < 0
        low, high = torch.where(falling, middle, low), torch.where(falling, high, middle)
    return torch.stack([x1, (low + high) / 2], -1)


def distance_to_front(points: Tensor) -> Tensor:
    """Distance of ``points`` (N, 2) to the polyline of the Pareto front, shape (N,)."""
    front = _front().to(points)
    start, along = front[:-1], front.diff(dim=0)  # (P-1, 2)
    offset = points[:, None] - start  # (N, P-1, 2)
    share = ((offset * along).sum(-1) / (along * along).sum(-1)).clamp(0, 1)
    return (offset - share[..., None] * along).norm(dim=-1).amin(-1)


class PlanePoint(nn.Module):
    """An encoder that is a point in the plane; it looks at no input."""

    def __init__(self, start: Sequence[float]) -> None:
        super().__init__()
        self.point = nn.Parameter(torch.tensor(start, dtype=torch.float32))

    def forward(self, example: Tensor) -> Tensor:
        """The point, once per example (N, 1): shape (N, 2)."""
        return self.point.expand(len(example), 2)


@register("plane")
@dataclass(frozen=True)
class TwoTaskPlane(Suite):
    """The toy problem of CAGrad, Nash-MTL, FAMO and Aligned-MTL, in Nash-MTL's variant (first loss times 0.1).

    - Source: computed; licence: none needed. The formulas are those of the authors' published code.
    - Size and splits: one empty example, the same in all three splits, because nothing is sampled.
    - Tasks: ``first`` and ``second``, each a loss of the point; the heads are identities.
    - Metric: ``loss`` (lower is better; its best value is the loss's minimum, found numerically on the Pareto front).
      Every evaluation also keeps the point and its distance to the front.
    - Encoder: the point (x1, x2). Seeds 0 to 4 begin at the published starts; a higher seed begins at a point drawn
      uniformly from [-10, 10]² with that seed.

    Reference: Navon et al., Multi-Task Learning as a Bargaining Game, ICML 2022, Appendix B; Liu et al.,
    Conflict-Averse Gradient Descent for Multi-task Learning, NeurIPS 2021.
    """

    version = 1
    summary = "two losses of a point in the plane, with a known Pareto front; the losses differ tenfold in scale"
    replicable = True
    generalises = False

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The two losses; each is at its minimum at one end of the front."""
        second, first = _front()[[0, -1]]
        return (
            _task("first", first_loss, float(first_loss(first)), SCALE * BOUND),
            _task("second", second_loss, float(second_loss(second)), BOUND),
        )

    @property
    def loss_scales(self) -> tuple[float, ...]:
        """The first loss is a tenth of the second."""
        return SCALE, 1.0

    def load(self, data: Path | None = None) -> Splits:  # noqa: ARG002 - computed, there is nothing to look for
        """One empty example, in all splits."""
        one = Split({"example": torch.zeros(1, 1)}, {task.name: torch.zeros(1) for task in self.tasks})
        return Splits(one, one, one)

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """A point at the start that belongs to ``seed``."""
        check_tasks(self, tasks)
        if seed < len(STARTS):
            start = list(STARTS[seed])
        else:
            generator = torch.Generator().manual_seed(seed_for("init", seed))
            start = ((2 * torch.rand(2, generator=generator) - 1) * BOX).tolist()
        return MultiTaskModel(PlanePoint(start), {name: nn.Identity() for name in tasks})

    def snapshot(self, model: MultiTaskModel) -> dict[str, list[float]]:
        """The point, and its distance to the Pareto front."""
        point = next(model.encoder.parameters()).detach()
        return {"point": point.tolist(), "distance to the front": distance_to_front(point[None]).tolist()}

    def landscape(self) -> Landscape:
        """Both losses on [-10, 10]² in steps of 0.1, and the Pareto front."""
        axis = torch.linspace(-BOX, BOX, 201, dtype=torch.float64)
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)  # (H, W, 2)
        losses = {"first": first_loss(grid), "second": second_loss(grid)}
        return Landscape(axis, axis, losses, pareto_front(), "point")


def _task(name: str, loss: Callable[[Tensor], Tensor], best: float, bound: float) -> Task:
    metric = mean_metric("loss", best, lambda points, _: loss(points), higher_is_better=False)
    return Task(name, lambda points, _: loss(points).mean(), (metric,), bound)


def _log(argument: Tensor) -> Tensor:
    return torch.log(argument.abs().clamp(min=LOWER)) + 6


def _bowl(offset: Tensor, x2: Tensor) -> Tensor:
    return (offset**2 + 0.1 * (x2 + 8) ** 2) / 10 - 20


def _join(valley: Tensor, bowl: Tensor, x2: Tensor) -> Tensor:
    """The valley in the upper half-plane and the bowl in the lower one, both fading out towards x2 = 0."""
    return valley * torch.tanh(0.5 * x2).clamp(min=0) + bowl * torch.tanh(-0.5 * x2).clamp(min=0)
