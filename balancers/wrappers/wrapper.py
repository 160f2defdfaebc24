"""The base class of wrappers: it makes facts, memory and name from the facts, memory and name of the method inside."""

from __future__ import annotations

import typing
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, NamedTuple

from jaxtyping import Float
from torch import Tensor

from balancers.contract.solution import Certificate
from balancers.contract.space import Space
from balancers.contract.weighting import Answer, Claim, Draws, Evidence, Heads, Need, Place, Sizes, Weighting

INNER = "inner_"  # of the fields that belong to the method inside, so that no name can stand twice in a state


@dataclass(frozen=True)
class Wrapper(Weighting[tuple]):
    """A method around another method, which is the method inside.

    Facts and functions that a wrapper does not change are the same as the method's. A state holds the wrapper's own
    fields, then the fields of the method's state with a prefix. In names, a wrapper and its argument stand before the
    method, as in ``every:4:pcgrad``.

    Example:
        >>> from balancers import create
        >>> wrapped = create("every:4:pcgrad")
        >>> wrapped.name, wrapped.stochastic, wrapped.needs == create("pcgrad").needs | create("fixed").needs
        ('every:4:pcgrad', True, True)
    """

    method: Weighting

    prefix: ClassVar[str]  # of names
    argument: ClassVar[str]  # the word for the wrapper's argument in lists and errors
    convert: ClassVar[Callable[[str], Any]]  # from the text in a name to the argument
    revision: ClassVar[int] = 0  # raised whenever the wrapper's own mathematics changes

    @property
    def name(self) -> str:
        """The name that `balancers.create` takes."""
        _, argument = fields(self)
        return f"{self.prefix}:{getattr(self, argument.name)}:{self.method.name}"

    @property
    def version(self) -> int:
        """Raised with the method's version and with the wrapper's."""
        return self.method.version + self.revision

    @property
    def digest(self) -> str:
        """The hash of the plug-in file, or the release of TorchJD, that the method comes from; empty for others."""
        return self.method.digest

    @property
    def needs(self) -> Need:
        """The evidence that the weights depend on."""
        return self.method.needs

    @property
    def interval(self) -> int:
        """The number of steps from one use of the method to the next."""
        return self.method.interval

    @property
    def space(self) -> Mapping[str, Space]:
        """The hyperparameters of the method that a search may vary, with their ranges."""
        return self.method.space

    @property
    def stochastic(self) -> bool:
        """Whether the weights depend on random draws."""
        return self.method.stochastic

    @property
    def positive_losses(self) -> bool:
        """Whether the losses must be positive."""
        return self.method.positive_losses

    @property
    def heads(self) -> Heads:
        """Which loss trains the parameters that belong to one task."""
        return self.method.heads

    @property
    def place(self) -> Place:
        """Where gradients are measured."""
        return self.method.place

    @property
    def claims(self) -> frozenset[Claim]:
        """The claims of the method that survive the wrapping."""
        return self.method.claims

    @property
    def degree(self) -> float | None:
        """The d by which losses times c make the update times c ** d; None if there is none."""
        return None if self.method.degree is None else float(self.method.degree)

    def init(self, sizes: Sizes, /) -> tuple:
        """The wrapper's own memory, and the method's."""
        own, inner = self.begin(sizes), self.method.init(sizes)
        return _joint(type(own), type(inner))(*own, *inner)

    def update(self, evidence: Evidence, state: tuple, draws: Draws, /) -> tuple[Answer, tuple]:
        """The wrapper's answer, and the next state."""
        own, inner = split(state)
        answer, own, inner = self.wrap(evidence, own, inner, draws)
        return answer, type(state)(*own, *inner)

    def after(self, losses: Float[Tensor, "*B K"], state: tuple, /) -> tuple:
        """The next state, from the losses after the optimizer's step."""
        own, inner = split(state)
        return type(state)(*own, *self.method.after(losses, inner))

    def after_validation(self, scores: Float[Tensor, "*B K"], state: tuple, /) -> tuple:
        """The next state, from the scores on validation data."""
        own, inner = split(state)
        return type(state)(*own, *self.method.after_validation(scores, inner))

    def needs_now(self, state: tuple, /) -> Need:
        """The evidence that the coming step needs."""
        return self.method.needs_now(split(state)[1])

    def adapt(self, features: Float[Tensor, "*N M"], state: tuple, /) -> Float[Tensor, "K *N M"] | None:
        """The input of every task's head, (K, *N, M); None if all heads get the shared representation itself."""
        return self.method.adapt(features, split(state)[1])

    def certificate(self, state: tuple, /) -> Certificate | None:
        """How well the equations of the method were solved; None if it solves none."""
        return self.method.certificate(split(state)[1])

    @abstractmethod
    def begin(self, sizes: Sizes, /) -> tuple:
        """The wrapper's own memory before the first step."""

    @abstractmethod
    def wrap(self, evidence: Evidence, own: Any, inner: tuple, draws: Draws, /) -> tuple[Answer, tuple, tuple]:
        """The answer of this step, and both memories after it; touches none of its arguments."""

    def require_one_weight_per_task(self, answer: Answer, evidence: Evidence) -> None:
        """Raise ``ValueError`` if the method weighs element by element."""
        if answer.weights.dim() > evidence.losses.dim():
            raise ValueError(
                f"{self.name}: {self.method.name} weighs element by element; what is inside {self.prefix!r} must "
                "have one weight per task"
            )


_parts: dict[type[tuple], tuple[type[tuple], type[tuple]]] = {}  # of a joint state: the wrapper's own, the method's


@cache
def _joint(own: type[tuple], inner: type[tuple]) -> type[tuple]:
    """The NamedTuple with the fields of both, and their shapes; the same type whenever it is asked for."""
    shapes = typing.get_type_hints(own)
    shapes |= {INNER + field: shape for field, shape in typing.get_type_hints(inner).items()}
    joint = NamedTuple(f"{own.__name__}{inner.__name__}", list(shapes.items()))  # pyright: ignore[reportArgumentType]
    _parts[joint] = own, inner
    return joint


def split(state: tuple) -> tuple[Any, Any]:
    """The wrapper's own memory, and the method's.

    Example:
        >>> from balancers import Sizes, create
        >>> from balancers.wrappers.wrapper import split
        >>> own, inner = split(create("smoothed:0.9:gls").init(Sizes(2)))
        >>> own.steps.tolist(), inner
        ([0.0, 0.0], Empty())
    """
    own, inner = _parts[type(state)]
    count = len(own._fields)  # pyright: ignore[reportAttributeAccessIssue] - it is a NamedTuple
    return own(*state[:count]), inner(*state[count:])


def innermost(weighting: Weighting) -> Weighting:
    """The method inside all wrappers.

    Example:
        >>> from balancers import create
        >>> from balancers.wrappers.wrapper import innermost
        >>> innermost(create("every:4:smoothed:0.9:pcgrad")).name
        'pcgrad'
    """
    while isinstance(weighting, Wrapper):
        weighting = weighting.method
    return weighting
