"""Methods known by name: the decorator `register`, and what it has registered so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from balancers.contract.weighting import Need, Weighting

registered: dict[str, type[Weighting]] = {}
Method = TypeVar("Method", bound=type[Weighting])


def register(name: str) -> Callable[[Method], Method]:
    """Class decorator: make a frozen dataclass derived from `Weighting` known under ``name``.

    Example:
        >>> from dataclasses import dataclass
        >>> import torch
        >>> from balancers import Need, Stateless, probe, register
        >>> @register("halves")
        ... @dataclass(frozen=True)
        ... class Halves(Stateless):
        ...     needs = Need.LOSSES
        ...     def weigh(self, evidence, draws):
        ...         return torch.full_like(evidence.losses, 0.5)
        >>> probe("halves", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.5, 0.5], update=[-1, 2])

    Raises:
        ValueError: the name is taken, or the class is not what a method must be.
    """

    def decorate(cls: Method) -> Method:
        _check_method(name, cls)
        cls.name = name
        registered[name] = cls
        return cls

    return decorate


def _check_method(name: str, cls: type) -> None:
    if not (isinstance(cls, type) and issubclass(cls, Weighting)):
        raise ValueError(f"balancer {name!r}: expected a class derived from Weighting, got {cls!r}")
    parameters = getattr(cls, "__dataclass_params__", None)
    if parameters is None or not parameters.frozen:
        raise ValueError(f"balancer {name!r}: put @dataclass(frozen=True) between @register and class {cls.__name__}")
    if ":" in name:
        raise ValueError(f"balancer {name!r}: a name has no colon, which stands between wrappers and what they wrap")
    if not isinstance(getattr(cls, "needs", None), Need | property):
        raise ValueError(f"balancer {name!r}: class {cls.__name__} must say `needs = Need.LOSSES`, or more")
    taken = registered.get(name)
    if taken is not None and (taken.__module__, taken.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(f"balancer {name!r} is already registered by {taken.__module__}.{taken.__qualname__}")
