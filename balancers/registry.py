"""All methods by name: those of this package, of installed packages and of plug-in files, plain or wrapped."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from balancers import methods
from balancers.contract.weighting import Need, Weighting
from balancers.naming.plugins import digest_of, import_file
from balancers.naming.suggest import nearest
from balancers.torchjd import names as from_torchjd
from balancers.wrappers.notation import TORCHJD, parse

ENTRY_POINT_GROUP = "balancers"

_registered: dict[str, type[Weighting]] = {}
Method = TypeVar("Method", bound=type[Weighting])


def register(name: str) -> Callable[[Method], Method]:
    """Class decorator: make a frozen dataclass derived from `Weighting` known under ``name``.

    Raises:
        ValueError: the name is taken, or the class is not what a method must be.
    """

    def decorate(cls: Method) -> Method:
        _check_method(name, cls)
        cls.name = name
        _registered[name] = cls
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
    taken = _registered.get(name)
    if taken is not None and (taken.__module__, taken.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(f"balancer {name!r} is already registered by {taken.__module__}.{taken.__qualname__}")


def names() -> list[str]:
    """The names of all methods, sorted."""
    _discover()
    return sorted(_registered)


def get(name: str) -> type[Weighting]:
    """The class of a method; of a wrapped one, that of the method inside.

    Facts may depend on hyperparameters and on wrappers: read them from what `create` returns.

    Raises:
        ValueError: there is no such method or wrapper; the message names the nearest.
    """
    _discover()
    _, inner = parse(name)
    if inner.startswith(f"{TORCHJD}:"):
        return from_torchjd.find(inner.removeprefix(f"{TORCHJD}:"))
    if inner not in _registered:
        raise ValueError(f"there is no balancer {inner!r}{nearest(inner, _registered)}")
    return _registered[inner]


def create(name: str, **hyperparameters: Any) -> Weighting:
    """A method with the given hyperparameters, the paper's defaults for the others.

    Wrappers stand before a name, the outermost first, as in ``every:4:smoothed:0.9:pcgrad``; hyperparameters go to the
    method inside. ``torchjd:UPGrad`` is the class UPGrad of the library TorchJD, where that is installed.

    Raises:
        ValueError: unknown method, wrapper or hyperparameter (with the nearest name), or a value that is refused.
    """
    layers, inner = parse(name)
    require_hyperparameters(name, hyperparameters)
    try:
        weighting = get(name)(**hyperparameters)
    except TypeError as error:
        raise ValueError(f"balancer {inner!r} cannot be made with {hyperparameters}: {error}") from error
    for layer in reversed(layers):
        weighting = layer.around(weighting)
    return weighting


def require_hyperparameters(name: str, given: Iterable[str]) -> None:
    """Raise ``ValueError`` unless the method inside all wrappers has all the given hyperparameters."""
    cls = get(name)
    known = [field.name for field in dataclasses.fields(cls)]  # pyright: ignore[reportArgumentType]
    for key in given:
        if key not in known:
            raise ValueError(f"balancer {cls.name!r} has no hyperparameter {key!r}{nearest(key, known)}")


def load_plugin(path: str | Path) -> list[str]:
    """Import a Python file that registers methods, and return their names.

    Raises:
        ValueError: there is no such file, it raises, or it registers nothing.
    """
    with noting(Path(path)) as added:
        import_file(Path(path))
    if not added:
        raise ValueError(f'plug-in {path} registers no balancer; decorate a class with @register("name")')
    return added


@contextmanager
def noting(path: Path) -> Iterator[list[str]]:
    """The names that the plug-in at ``path`` registers in a block, known after it; if that fails, all is as before."""
    _discover()
    before = dict(_registered)
    added: list[str] = []
    try:
        yield added
    except BaseException:
        _registered.clear()
        _registered.update(before)
        raise
    added += sorted(name for name, cls in _registered.items() if before.get(name) is not cls)
    for name in added:
        _registered[name].digest = digest_of(path)


@cache
def _discover() -> None:
    for module in pkgutil.iter_modules(methods.__path__):
        importlib.import_module(f"{methods.__name__}.{module.name}")
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        try:
            entry.load()
        except Exception as error:  # somebody else's package must not take ours down
            message = f"balancers of {entry.value!r} are left out: {type(error).__name__}: {error}"
            warnings.warn(message, RuntimeWarning, stacklevel=3)
