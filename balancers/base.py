"""What a method sees (`Evidence`), what it asks for (`Need`), and what it is (`Weighting`)."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, Flag, auto
from typing import ClassVar, Generic, Literal, NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Generator, Tensor

Heads = Literal["own", "weighted"]
Place = Literal["shared", "last"]


class Need(Flag):
    """What a method must be shown at every step; the balancer measures exactly this and nothing more."""

    LOSSES = auto()  # always there: one backward pass in all
    GRAMIAN = auto()  # inner products of the task gradients: one backward pass per task
    GRADIENTS = auto()  # the task gradients themselves, for methods that act element by element


class Claim(Enum):
    """A property that a method promises; the conformance kit tests every promise."""

    NON_NEGATIVE = "no weight is negative"
    SIMPLEX = "weights are non-negative and sum to 1"
    SUM_TO_TASKS = "weights sum to the number of tasks"
    SCALE_EQUIVARIANT = "multiplying all losses by c multiplies the update by c"
    PERMUTATION_EQUIVARIANT = "reordering the tasks reorders the weights"
    NON_CONFLICTING = "to first order no loss increases"


@dataclass(frozen=True)
class Evidence:
    """What one step shows about K tasks; axes before the tasks' are replicas. Everything K-sized is float64.

    Attributes:
        losses: minus their known lower bounds, where the balancer was told of any.
        measured_gramian: ``G[i, j]`` is the inner product of the gradients of tasks i and j.
        measured_gradients: one flat gradient per task, in the dtype of the model.
    """

    losses: Float[Tensor, "*B K"]
    measured_gramian: Float[Tensor, "*B K K"] | None = None
    measured_gradients: Float[Tensor, "*B K D"] | None = None

    @property
    def gramian(self) -> Float[Tensor, "*B K K"]:
        """Inner products of the task gradients."""
        return _measured(self.measured_gramian, Need.GRAMIAN)

    @property
    def gradients(self) -> Float[Tensor, "*B K D"]:
        """The task gradients, one row each."""
        return _measured(self.measured_gradients, Need.GRADIENTS)

    @property
    def norms(self) -> Float[Tensor, "*B K"]:
        """Euclidean norm of each task's gradient."""
        return self.gramian.diagonal(dim1=-2, dim2=-1).clamp(min=0).sqrt()

    @property
    def cosines(self) -> Float[Tensor, "*B K K"]:
        """Cosine of every pair of task gradients; 0 where one of them is zero."""
        norms = self.norms
        scale = torch.where(norms > 0, 1 / norms, 0.0)
        return (self.gramian * scale[..., :, None] * scale[..., None, :]).clamp(-1, 1)

    @property
    def conflicts(self) -> Float[Tensor, "*B"]:
        """Share of the pairs of tasks whose gradients have a negative inner product; 0 for a single task."""
        tasks = self.losses.shape[-1]
        negative = (self.gramian < 0).triu(diagonal=1).sum((-2, -1))
        return negative.double() / max(tasks * (tasks - 1) // 2, 1)


def _measured(value: Tensor | None, need: Need) -> Tensor:
    if value is None:
        raise ValueError(
            f"{need.name} was not measured in this step: a method declares `needs = Need.{need.name}`, "
            f"a training loop asks with Balancer(..., observe=Need.{need.name})"
        )
    return value


class Draws:
    """Random numbers for a method, from generators of its own: one per replica, always on the CPU.

    A replica therefore draws what it would draw alone, and a GPU draws what a CPU draws.
    """

    def __init__(self, generators: Sequence[Generator], batch: Sequence[int] = ()) -> None:
        assert len(generators) == torch.Size(batch).numel(), "one generator per replica"
        self.generators = list(generators)
        self.batch = tuple(batch)

    @classmethod
    def seeded(cls, seed: int, batch: Sequence[int] = ()) -> Draws:
        """Generators with the seeds ``seed``, ``seed + 1``, ... for the replicas in order."""
        return cls([Generator().manual_seed(seed + i) for i in range(torch.Size(batch).numel())], batch)

    def uniform(self, like: Float[Tensor, "*B *S"]) -> Float[Tensor, "*B *S"]:
        """Numbers in [0, 1) in the shape and on the device of ``like``, float64."""
        shape = like.shape[len(self.batch) :]
        drawn = [torch.rand(shape, generator=generator, dtype=torch.float64) for generator in self.generators]
        return torch.stack(drawn).reshape(like.shape).to(like.device)


State = TypeVar("State", bound=tuple)


class Weighting(ABC, Generic[State]):
    r"""The mathematics of one method: a frozen dataclass of hyperparameters with two pure functions.

    The update of the shared parameters is :math:`\sum_i w_i \nabla \ell_i`; a method says what the weights are.
    Subclasses are final: tweak one by wrapping it. Facts about a method are class attributes.

    A state is a NamedTuple of tensors whose annotations give their shapes, as in ``Float[Tensor, "*B 3 K"]``. The
    axes called ``K`` count tasks: when a task is absent from a batch, a method is asked about the others alone, and
    the absent one's entries stay as they were. A state has no other memory: no ``None``, no Python numbers.
    """

    name: ClassVar[str]  # set by `register`
    version: ClassVar[int] = 1  # raised whenever its weights are no longer those of before
    digest: ClassVar[str] = ""  # of the plug-in file that it comes from, set by `load_plugin`
    needs: ClassVar[Need]
    stochastic: ClassVar[bool] = False
    positive_losses: ClassVar[bool] = False  # True: a negative loss is an error that asks for a lower bound
    heads: ClassVar[Heads] = "weighted"  # what the paper does with task-specific parameters
    place: ClassVar[Place] = "shared"  # where the paper measures gradients
    claims: ClassVar[frozenset[Claim]] = frozenset()

    @abstractmethod
    def init(self, losses: Float[Tensor, "*B K"]) -> State:
        """The state before the first step. Of ``losses`` only shape and device matter, not the values."""

    @abstractmethod
    def update(
        self, seen: Evidence, state: State, draws: Draws
    ) -> tuple[Float[Tensor, "*B K"] | Float[Tensor, "*B K D"], State]:
        """The weights of this step and the next state; touches none of its arguments."""


class Empty(NamedTuple):
    """The state of a method without memory."""


class Stateless(Weighting[Empty]):
    """A method whose weights depend on nothing but the step at hand."""

    def init(self, losses: Float[Tensor, "*B K"]) -> Empty:  # noqa: ARG002
        """Nothing to remember."""
        return Empty()

    def update(self, seen: Evidence, state: Empty, draws: Draws) -> tuple[Tensor, Empty]:
        """The weights of this step."""
        return self.weigh(seen, draws), state

    @abstractmethod
    def weigh(self, seen: Evidence, draws: Draws) -> Float[Tensor, "*B K"] | Float[Tensor, "*B K D"]:
        """The weights of this step; touches none of its arguments."""


def reference(method: type[Weighting]) -> str:
    """The paper, as the last paragraph of the method's docstring names it; empty if it names none."""
    _, found, text = inspect.cleandoc(method.__doc__ or "").partition("Reference:")
    return " ".join(text.split()) if found else ""
