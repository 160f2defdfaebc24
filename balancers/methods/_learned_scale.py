"""The common body of methods that learn the logarithm of a scale per task, by one Adam step per training step."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import arrays, quiet, tensors
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, State, Weighting
from balancers.solvers.adam import adam_step

MAX_LOG = 80.0  # keeps weights within float32 when a loss stays at exactly 0 (or explodes)


@dataclass(frozen=True)
class LearnedScale(Weighting[State]):
    """A method whose state has four fields: the logarithms, Adam's two moments of them, and the number of steps.

    Example:
        >>> from balancers import Sizes, create
        >>> from balancers.methods._learned_scale import LearnedScale
        >>> method = create("imtl-l", learning_rate=0.1)
        >>> isinstance(method, LearnedScale), method.init(Sizes(2)).log_scales.tolist()
        (True, [0.0, 0.0])

    Attributes:
        learning_rate: of the logarithms, per step.
    """

    learning_rate: float = 0.025

    state_type: ClassVar[Any]  # a NamedTuple of the four fields, under the names that checkpoints have
    needs = Need.LOSSES
    space = searching(learning_rate=Interval(1e-3, 0.1, log=True))
    positive_losses = True
    claims = frozenset({Claim.NON_NEGATIVE, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"{self.name}: expected a positive learning_rate, got {self.learning_rate}")

    @abstractmethod
    def weights_and_slope(
        self, logs: Float[np.ndarray, "*B K"], losses: Float[np.ndarray, "*B K"]
    ) -> tuple[Float[np.ndarray, "*B K"], Float[np.ndarray, "*B K"]]:
        """The weights at these logarithms, and the slope of the objective in each of the logarithms."""

    def init(self, sizes: Sizes) -> State:
        """Scales of 1."""
        return self.state_type(*(sizes.per_task() for _ in range(4)))

    @quiet
    def update(self, evidence: Evidence, state: State, draws: Draws) -> tuple[Tensor, State]:
        """The weights, and the logarithms after one Adam step on the objective."""
        logs, first, second, steps = arrays(state)
        weights, slope = self.weights_and_slope(logs, evidence.losses.numpy())
        steps = steps + 1
        direction, first, second = adam_step(slope, first, second, steps)
        moved = np.minimum(np.maximum(logs - self.learning_rate * direction, -MAX_LOG), MAX_LOG)
        return tensors((weights, self.state_type(moved, first, second, steps)))


def exponential(numbers: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K"]:
    """PyTorch's exponential function, from which NumPy's differs in the last bit.

    Example:
        >>> import numpy as np
        >>> from balancers.methods._learned_scale import exponential
        >>> exponential(np.zeros(2)).tolist()
        [1.0, 1.0]
    """
    return tensors(numbers).exp().numpy()
