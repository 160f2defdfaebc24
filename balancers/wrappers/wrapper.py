"""The base class of wrappers: facts, memory and name are made from those of the method inside."""

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
    """A method around a method: its facts and its memory are made from those of the method inside.

    A state holds the wrapper's own fields, then those of the inner method with a prefix. In names, a wrapper and its
    argument stand before the method, as in ``every:4:pcgrad``.

    Example:
        >>> from balancers import create
        >>> wrapped = create("every:4:pcgrad")
        >>> wrapped.name, wrapped.stochastic, wrapped.needs == create("pcgrad").needs | create("fixed").needs
        ('every:4:pcgrad', True, True)
    """

    method: Weighting

    prefix: ClassVar[str]  # of names
    argument: ClassVar[str]  # what stands behind the prefix, for lists and errors
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
        """The same as the method inside."""
        return self.method.digest

    @property
    def needs(self) -> Need:
        """The same as the method inside."""
        return self.method.needs

    @property
    def interval(self) -> int:
        """The same as the method inside."""
        return self.method.interval

    @property
    def space(self) -> Mapping[str, Space]:
        """The same as the method inside."""
        return self.method.space

    @property
    def stochastic(self) -> bool:
        """The same as the method inside."""
        return self.method.stochastic

    @property
    def positive_losses(self) -> bool:
        """The same as the method inside."""
        return self.method.positive_losses

    @property
    def heads(self) -> Heads:
        """The same as the method inside."""
        return self.method.heads

    @property
    def place(self) -> Place:
        """The same as the method inside."""
        return self.method.place

    @property
    def claims(self) -> frozenset[Claim]:
        """Those of the method's claims that survive the wrapping."""
        return self.method.claims

    @property
    def degree(self) -> float | None:
        """The same as the method inside."""
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
        """The same as the method inside."""
        own, inner = split(state)
        return type(state)(*own, *self.method.after(losses, inner))

    def needs_now(self, state: tuple, /) -> Need:
        """The same as the method inside."""
        return self.method.needs_now(split(state)[1])

    def adapt(self, features: Float[Tensor, "*N M"], state: tuple, /) -> Float[Tensor, "K *N M"] | None:
        """The same as the method inside."""
        return self.method.adapt(features, split(state)[1])

    def certificate(self, state: tuple, /) -> Certificate | None:
        """The same as the method inside."""
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
