"""One notation in code, on the command line and in protocols: ``every:4:smoothed:0.9:pcgrad``, ``torchjd:UPGrad``."""

from __future__ import annotations

from typing import Any, NamedTuple

from balancers.contract.weighting import Weighting
from balancers.naming.suggest import nearest
from balancers.wrappers.wrapper import Wrapper
from balancers.wrappers.wrappers import WRAPPERS

TORCHJD = "torchjd"  # the prefix of another library's methods, which wraps nothing


class WrapperLayer(NamedTuple):
    """One wrapper with its argument, without the method inside.

    Example:
        >>> from balancers import Every, create
        >>> from balancers.wrappers.notation import WrapperLayer
        >>> WrapperLayer(Every, 4).around(create("pcgrad")).name
        'every:4:pcgrad'
    """

    wrapper: type[Wrapper]
    argument: Any

    def around(self, method: Weighting) -> Weighting:
        """The wrapped method."""
        return self.wrapper(method, self.argument)  # pyright: ignore[reportCallIssue] - every wrapper has one


def parse(name: str) -> tuple[list[WrapperLayer], str]:
    """The wrappers in a name, from the outside in, and the name of the method inside them.

    Example:
        >>> from balancers.wrappers.notation import parse
        >>> layers, inner = parse("every:4:smoothed:0.9:pcgrad")
        >>> [(layer.wrapper.__name__, layer.argument) for layer in layers], inner
        ([('Every', 4), ('Smoothed', 0.9)], 'pcgrad')

    Raises:
        ValueError: an unknown wrapper (with the nearest name), or an argument that is missing or no number.
    """
    layers = []
    rest = name
    while ":" in rest:
        prefix, _, behind = rest.partition(":")
        if prefix == TORCHJD:
            break
        if prefix not in WRAPPERS:
            raise ValueError(f"{name!r}: there is no wrapper {prefix!r}{nearest(prefix, [*WRAPPERS, TORCHJD])}")
        wrapper = WRAPPERS[prefix]
        text, _, rest = behind.partition(":")
        if not text or not rest:
            raise ValueError(f"{name!r}: expected {spelling(wrapper)}, got {prefix}:{behind}")
        try:
            layers.append(WrapperLayer(wrapper, wrapper.convert(text)))
        except ValueError:
            wanted = "a whole number" if wrapper.convert is int else "a number"
            raise ValueError(f"{name!r}: expected {wanted} for {spelling(wrapper)}, got {text!r}") from None
    return layers, rest


def spelling(wrapper: type[Wrapper]) -> str:
    """How a wrapper is written, as in ``every:STEPS:METHOD``.

    Example:
        >>> from balancers import Every
        >>> from balancers.wrappers.notation import spelling
        >>> spelling(Every)
        'every:STEPS:METHOD'
    """
    return f"{wrapper.prefix}:{wrapper.argument}:METHOD"
