"""What a method is (`Weighting`), what it promises (`Claim`), and how large its memory must be (`Sizes`)."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Generic, Literal, NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.draws import Draws
from balancers.contract.evidence import Answer, Evidence, Need
from balancers.contract.solution import Certificate
from balancers.contract.space import Space, searching

Heads = Literal["own", "weighted"]
Place = Literal["shared", "last", "features"]

CPU = torch.device("cpu")


class Claim(Enum):
    """A property that a method promises; the conformance kit tests every promise.

    Example:
        >>> from balancers import Claim, create
        >>> Claim.SIMPLEX in create("mgda").claims
        True
    """

    NON_NEGATIVE = "no weight is negative"
    SIMPLEX = "weights are non-negative and sum to 1"
    SUM_TO_TASKS = "weights sum to the number of tasks"
    PERMUTATION_EQUIVARIANT = "reordering the tasks leaves the update as it is"
    NON_CONFLICTING = "to first order no loss increases"


@dataclass(frozen=True)
class Sizes:
    """How large a state must be, and where gradients are; makes the zeros that states begin with.

    Numbers per task are always on the CPU, tensors as long as a gradient on the device of the gradients.

    Example:
        >>> import torch
        >>> from balancers import Sizes
        >>> Sizes(tasks=3).per_task().tolist()
        [0.0, 0.0, 0.0]
        >>> Sizes(tasks=3, elements=5, batch=(2,)).per_element().shape
        torch.Size([2, 3, 5])

    Attributes:
        tasks: their number K.
        elements: the length D of a task's flat gradient; 0 until the first one was measured.
        batch: the axes of replicas.
        dtype: of the task gradients; everything K-sized is float64.
        device: of the gradients.
        width: the length M of the last axis of the shared representation; 0 until a method adapts one.
    """

    tasks: int
    elements: int = 0
    batch: tuple[int, ...] = ()
    dtype: torch.dtype = torch.float32
    device: torch.device = CPU
    width: int = 0

    def scalar(self) -> Float[Tensor, "*B"]:
        """A zero per replica."""
        return torch.zeros(self.batch, dtype=torch.float64, device=CPU)

    def per_task(self) -> Float[Tensor, "*B K"]:
        """A zero per task."""
        return torch.zeros(*self.batch, self.tasks, dtype=torch.float64, device=CPU)

    def per_pair(self) -> Float[Tensor, "*B K K"]:
        """A zero per pair of tasks."""
        return torch.zeros(*self.batch, self.tasks, self.tasks, dtype=torch.float64, device=CPU)

    def per_element(self) -> Float[Tensor, "*B K D"]:
        """A zero per element of every task's gradient, in their dtype, or single precision where that is coarser."""
        dtype = torch.promote_types(self.dtype, torch.float32)
        return torch.zeros(*self.batch, self.tasks, self.elements, dtype=dtype, device=self.device)


State = TypeVar("State", bound=tuple)


class Weighting(ABC, Generic[State]):
    r"""The mathematics of one method: a frozen dataclass of hyperparameters with two pure functions.

    The update of the shared parameters is :math:`\sum_i w_i \nabla \ell_i`; a method says what the weights are.
    Subclasses are final: tweak one by wrapping it. Facts about a method are class attributes, or properties where they
    depend on hyperparameters.

    A state is a NamedTuple of tensors whose annotations give their shapes, as in ``Float[Tensor, "*B 3 K"]``. The
    axes called ``K`` count tasks: when a task is absent from a batch, a method is asked about the others alone, and
    the absent one's entries stay as they were. An axis called ``D`` has the length of a flat gradient. A state has no
    other memory: no ``None``, no Python numbers.

    Example:
        Weights that follow the losses with a delay of one step, beginning with 1:

        >>> from dataclasses import dataclass
        >>> from jaxtyping import Float
        >>> from typing import NamedTuple
        >>> from torch import Tensor
        >>> from balancers import Need, Weighting, probe, register
        >>> class LastLosses(NamedTuple):
        ...     losses: Float[Tensor, "*B K"]
        >>> @register("last-losses")
        ... @dataclass(frozen=True)
        ... class Delayed(Weighting[LastLosses]):
        ...     needs = Need.LOSSES
        ...     def init(self, sizes):
        ...         return LastLosses(sizes.per_task() + 1)
        ...     def update(self, evidence, state, draws):
        ...         return state.losses, LastLosses(evidence.losses)
        >>> probe("last-losses", gradients=[[1, 0], [-3, 4]], losses=[[2, 3], [9, 9]])
        Response(weights=[2, 3], update=[-7, 12])
    """

    name: ClassVar[str]  # set by `register`
    version: ClassVar[int] = 1  # raised whenever its weights change
    purpose: ClassVar[str] = ""  # what it does, in a few words: a verb first, as lists of methods show it
    paper: ClassVar[str] = ""  # authors, venue and year, short: "Yu et al., NeurIPS 2020"
    digest: ClassVar[str] = ""  # of the plug-in file that it comes from, set by `load_plugin`
    needs: ClassVar[Need]
    interval: ClassVar[int] = 1  # in how many steps all of ``needs`` is needed once; losses alone in the others
    stochastic: ClassVar[bool] = False
    positive_losses: ClassVar[bool] = False  # True: a negative loss is an error that asks for a lower bound
    heads: ClassVar[Heads] = "weighted"  # what the paper does with task-specific parameters
    place: ClassVar[Place] = "shared"  # where the paper measures gradients
    claims: ClassVar[frozenset[Claim]] = frozenset()
    space: ClassVar[Mapping[str, Space]] = searching()  # of the hyperparameters that a search tries
    task_positions: ClassVar[frozenset[str]] = frozenset()  # hyperparameters that say where a task stands among all
    degree: ClassVar[float | None] = None  # losses times c make the update times c**degree; None: there is no such law

    @abstractmethod
    def init(self, sizes: Sizes, /) -> State:
        """The state before the first step."""

    @abstractmethod
    def update(self, evidence: Evidence, state: State, draws: Draws, /) -> tuple[Tensor | Answer, State]:
        """The weights of this step, (*B, K) or (*B, K, D), or an `Answer`; and the next state.

        Touches none of its arguments.
        """

    def after(self, losses: Float[Tensor, "*B K"], state: State, /) -> State:  # noqa: ARG002
        """The next state, given the losses after the optimizer's step; for methods with ``Need.LOSSES_AFTER``."""
        return state

    def after_validation(self, scores: Float[Tensor, "*B K"], state: State, /) -> State:  # noqa: ARG002
        """The next state, given a score per task, in percent, higher is better; for methods with ``Need.SCORES``."""
        return state

    def needs_now(self, state: State, /) -> Need:  # noqa: ARG002
        """The needs of the next step: all of ``needs``, or fewer where a method can do without."""
        return self.needs

    def adapt(self, features: Float[Tensor, "*N M"], state: State, /) -> Float[Tensor, "K *N M"] | None:  # noqa: ARG002
        """The input of every task's head, (K, *N, M); None if all heads get the shared representation itself."""
        return None

    def certificate(self, state: State, /) -> Certificate | None:  # noqa: ARG002
        """How well the method's equations were solved so far; None if it solves none."""
        return None


class Empty(NamedTuple):
    """The state of a method without memory.

    Example:
        >>> from balancers import Sizes, create
        >>> create("pcgrad").init(Sizes(3))
        Empty()
    """


class Stateless(Weighting[Empty]):
    """A method without memory: its weights depend on the current step alone.

    Example:
        >>> from dataclasses import dataclass
        >>> from balancers import Need, Stateless, probe, register
        >>> @register("loss-weighted")
        ... @dataclass(frozen=True)
        ... class LossWeighted(Stateless):
        ...     needs = Need.LOSSES
        ...     def weigh(self, evidence, draws):
        ...         return evidence.losses
        >>> probe("loss-weighted", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1, 4], update=[-11, 16])
    """

    def init(self, sizes: Sizes, /) -> Empty:  # noqa: ARG002
        """Nothing to remember."""
        return Empty()

    def update(self, evidence: Evidence, state: Empty, draws: Draws, /) -> tuple[Tensor | Answer, Empty]:
        """The weights of this step."""
        return self.weigh(evidence, draws), state

    @abstractmethod
    def weigh(self, evidence: Evidence, draws: Draws, /) -> Tensor | Answer:
        """The weights of this step; touches none of its arguments."""


def reference(method: type[Weighting]) -> str:
    """The paper, as the last paragraph of the method's docstring names it; empty if it names none.

    Example:
        >>> from balancers import get, reference
        >>> reference(get("upgrad"))[:38]
        'Quinton and Rey, Jacobian Descent for '
    """
    _, marker, text = inspect.cleandoc(method.__doc__ or "").partition("Reference:")
    return " ".join(text.split()) if marker else ""
