"""Methods of the library TorchJD by class name, such as ``torchjd:UPGrad``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, field, fields, make_dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from torch import nn

from balancers.contract.weighting import Need, Weighting
from balancers.naming.suggest import nearest
from balancers.torchjd.method import (
    COUNTS,
    Kind,
    TorchJDMethod,
    update_from_gradients,
    weights_from_cross_gramian,
    weights_from_gradients,
    weights_from_gramian,
    weights_from_losses,
)
from balancers.wrappers.notation import TORCHJD

INSTALL = "pip install 'torchjd>=0.18'"
OLDEST = (0, 18)  # the first release with scalarizers, and with a base class for classes that keep a memory
SCALARIZERS, AGGREGATORS = "torchjd.scalarization", "torchjd.aggregation"
CROSSED = ("MoDoWeighting", "SDMGradWeighting")  # they take the Gramian across two batches; no base class tells this
UNUSABLE = {
    "CRMOGMWeighting": "it wraps another weighting: write smoothed:MOMENTUM:METHOD",
    "DWA": "it must be told where epochs end",
    "IMTLL": "its parameters must be in the optimizer of the training loop",
    "UW": "its parameters must be in the optimizer of the training loop",
}


def names() -> list[str]:
    """The classes that can be used; none if TorchJD is not installed.

    Example:
        >>> from balancers.torchjd.names import names
        >>> "UPGrad" in names()  # with TorchJD installed
        True
    """
    return sorted(_classes())


def _installed() -> bool:
    return find_spec("torchjd") is not None and tuple(map(int, version("torchjd").split(".")[:2])) >= OLDEST


@cache
def _classes() -> dict[str, type[nn.Module]]:
    if not _installed():
        return {}
    classes: dict[str, type[nn.Module]] = {}
    # Where an aggregator and a scalarizer share a name, the scalarizer replaces the aggregator, as it costs less.
    for module in map(import_module, (AGGREGATORS, SCALARIZERS)):
        classes |= {name: getattr(module, name) for name in module.__all__}
    return {name: cls for name, cls in classes.items() if name not in UNUSABLE and not _is_base(cls)}


def _is_base(cls: type[nn.Module]) -> bool:
    """Whether a class is an abstract base class, or wraps a weighting."""
    return inspect.isabstract(cls) or any(p.endswith("weighting") for p in inspect.signature(cls).parameters)


@cache
def find(name: str) -> type[Weighting]:
    """The method that is TorchJD's class ``name``, with the constructor's parameters for hyperparameters.

    A list becomes a tensor. The number of tasks is filled in. Parameters that are functions stay at TorchJD's defaults.

    Example:
        >>> from balancers import probe
        >>> from balancers.torchjd.names import find
        >>> find("UPGrad").name
        'torchjd:UPGrad'
        >>> probe("torchjd:Sum", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1, 1], update=[-2, 4])

    Raises:
        ValueError: TorchJD is not installed or too old (the message says how to install it), or has no such class (it
            says which).
    """
    if not _installed():
        problem = (
            "which is not here" if find_spec("torchjd") is None else f"which is too old here: {version('torchjd')}"
        )
        raise ValueError(f"torchjd:{name} is a class of the library TorchJD, {problem}; install it: {INSTALL}")
    if name in UNUSABLE:
        raise ValueError(f"torchjd:{name} cannot be used in a balancer: {UNUSABLE[name]}")
    if name not in _classes():
        raise ValueError(f"TorchJD has no method {name!r}{nearest(name, _classes())}")
    algorithm = _classes()[name]
    kind = _kind(algorithm)
    release = version("torchjd")
    facts = {
        "__doc__": f"TorchJD's class {name}.\n\nReference: TorchJD {release}, {algorithm.__module__}, class {name}.",
        "__module__": __name__,
        "__reduce__": _reduce,
        "name": f"{TORCHJD}:{name}",
        "digest": release,
        "algorithm": algorithm,
        "kind": kind,
        "stateful": issubclass(algorithm, import_module("torchjd").Stateful),
        "needs": kind.needs,
        "heads": kind.heads,
    }
    parameters = [
        (p.name, Any, field(default=_default(p)))
        for p in inspect.signature(algorithm).parameters.values()
        if _settable(p)
    ]
    return make_dataclass(f"TorchJD{name}", parameters, bases=(TorchJDMethod,), namespace=facts, frozen=True)


def _reduce(method: TorchJDMethod) -> tuple[Callable[..., Weighting], tuple[str, dict[str, Any]]]:
    """How to pickle a method: by name, since no module holds its class. The memory of a stateful one is lost."""
    hyperparameters = {each.name: getattr(method, each.name) for each in fields(method)}  # pyright: ignore[reportArgumentType]
    return _unpickle, (method.name, hyperparameters)


def _unpickle(name: str, hyperparameters: dict[str, Any]) -> Weighting:
    """The method that `_reduce` pickled."""
    return find(name.removeprefix(f"{TORCHJD}:"))(**hyperparameters)


def _settable(parameter: inspect.Parameter) -> bool:
    return not callable(parameter.default) or parameter.default is inspect.Parameter.empty


def _default(parameter: inspect.Parameter) -> Any:
    if parameter.name in COUNTS:
        return None
    return MISSING if parameter.default is inspect.Parameter.empty else parameter.default


def _kind(cls: Any) -> Kind:
    """How to ask a class: its base classes tell, or for a weighting the base classes of the aggregator of that name."""
    aggregation = import_module(AGGREGATORS)
    if issubclass(cls, import_module(SCALARIZERS).Scalarizer):
        after = Need.LOSSES_AFTER if hasattr(cls, "update") else Need.LOSSES
        return Kind(Need.LOSSES | after, "weighted", weights_from_losses)
    if cls.__name__ in CROSSED:
        return Kind(Need.CROSS_GRAMIAN, "own", weights_from_cross_gramian)
    aggregator = getattr(aggregation, cls.__name__.removesuffix("Weighting"))
    if issubclass(aggregator, aggregation.GramianWeightedAggregator):
        return Kind(Need.GRAMIAN, "own", weights_from_gramian)
    if issubclass(aggregator, aggregation.WeightedAggregator):
        return Kind(Need.GRADIENTS, "own", weights_from_gradients)
    return Kind(Need.GRADIENTS, "own", update_from_gradients)
