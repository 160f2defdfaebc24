"""All methods by name, plain or wrapped: methods of this package, of installed packages and of plug-in files."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from balancers import methods
from balancers.contract import registration
from balancers.contract.registration import register
from balancers.contract.weighting import Weighting
from balancers.naming.plugins import digest_of, import_file
from balancers.naming.suggest import nearest
from balancers.step.inputs import per_task, position_of
from balancers.torchjd import names as from_torchjd
from balancers.wrappers.notation import TORCHJD, parse

__all__ = ["create", "get", "load_plugin", "names", "noting", "register", "require_hyperparameters", "weighting_of"]

ENTRY_POINT_GROUP = "balancers"


def names() -> list[str]:
    """The names of all methods, sorted.

    Example:
        >>> from balancers import names
        >>> names()[:3]
        ['aligned-mtl', 'analytic-uncertainty', 'cagrad']
    """
    _discover()
    return sorted(registration.registered)


def get(name: str) -> type[Weighting]:
    """The class of a method; for a wrapped one, the class of the method inside.

    Facts may depend on hyperparameters and on wrappers: read them from what `create` returns.

    Example:
        >>> from balancers import get
        >>> get("every:4:pcgrad").__name__
        'PCGrad'

    Raises:
        ValueError: there is no such method or wrapper; the message names the nearest.
    """
    _discover()
    _, inner = parse(name)
    if inner.startswith(f"{TORCHJD}:"):
        return from_torchjd.find(inner.removeprefix(f"{TORCHJD}:"))
    if inner not in registration.registered:
        raise ValueError(f"there is no balancer {inner!r}{nearest(inner, registration.registered)}")
    return registration.registered[inner]


def create(name: str, **hyperparameters: Any) -> Weighting:
    """A method with the given hyperparameters, the paper's defaults for the others.

    Wrappers stand before a name, the outermost first, as in ``every:4:smoothed:0.9:pcgrad``; hyperparameters go to the
    method inside. ``torchjd:UPGrad`` is the class UPGrad of the library TorchJD, where that is installed.

    Example:
        >>> from balancers import create
        >>> create("cagrad", c=0.5)
        CAGrad(c=0.5, rescale=0, preference=None)
        >>> create("every:4:pcgrad")
        Every(method=PCGrad(), steps=4)
        >>> create("pcgrd")
        Traceback (most recent call last):
            ...
        ValueError: there is no balancer 'pcgrd'; did you mean 'pcgrad'? There is: aligned-mtl, ...

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


def weighting_of(method: str | Weighting, hyperparameters: Mapping[str, Any], tasks: tuple[str, ...]) -> Weighting:
    """The method, made by name with its hyperparameters, of which some have a value for each task, or are a task.

    Example:
        >>> from balancers.registry import weighting_of
        >>> weighting_of("fixed", {"weights": {"b": 2.0, "a": 1.0}}, ("a", "b"))
        Fixed(weights=(1.0, 2.0))
        >>> weighting_of("pcd", {"primary": "b"}, ("a", "b"))
        PCD(primary=1, tau=0.02, beta=0.999)

    Raises:
        ValueError: an unknown name, or hyperparameters that do not fit.
    """
    if isinstance(method, Weighting):
        if hyperparameters:
            raise ValueError(f"hyperparameters {sorted(hyperparameters)} belong into the {method.name} object itself")
        return method
    resolved: dict[str, Any] = {
        k: per_task(k, v, tasks) if isinstance(v, Mapping) else v for k, v in hyperparameters.items()
    }
    for key in get(method).task_positions & resolved.keys():
        resolved[key] = position_of(key, resolved[key], tasks)
    return create(method, **resolved)


def require_hyperparameters(name: str, requested: Iterable[str]) -> None:
    """Raise ``ValueError`` unless the method inside all wrappers has all the given hyperparameters.

    Example:
        >>> from balancers.registry import require_hyperparameters
        >>> require_hyperparameters("cagrad", ["c"])
        >>> require_hyperparameters("cagrad", ["k"])
        Traceback (most recent call last):
            ...
        ValueError: balancer 'cagrad' has no hyperparameter 'k'. There is: c, preference, rescale.
    """
    cls = get(name)
    available = [field.name for field in dataclasses.fields(cls)]  # pyright: ignore[reportArgumentType]
    for key in requested:
        if key not in available:
            raise ValueError(f"balancer {cls.name!r} has no hyperparameter {key!r}{nearest(key, available)}")


def load_plugin(path: str | Path) -> list[str]:
    """Import a Python file that registers methods, and return their names.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from balancers import load_plugin, probe, register
        >>> text = '''
        ... from dataclasses import dataclass
        ... from balancers import Need, Stateless, register
        ... @register("by-loss")
        ... @dataclass(frozen=True)
        ... class ByLoss(Stateless):
        ...     needs = Need.LOSSES
        ...     def weigh(self, evidence, draws):
        ...         return evidence.losses
        ... '''
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "mine.py")
        ...     _ = path.write_text(text)
        ...     load_plugin(path)
        ['by-loss']
        >>> probe("by-loss", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1, 4], update=[-11, 16])

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
    """The names that the plug-in at ``path`` registers in a block, known after it; if that fails, all is as before.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from balancers.registry import noting
        >>> with tempfile.NamedTemporaryFile(suffix=".py") as file, noting(Path(file.name)) as added:
        ...     pass
        >>> added
        []
    """
    _discover()
    before = dict(registration.registered)
    added: list[str] = []
    try:
        yield added
    except BaseException:
        registration.registered.clear()
        registration.registered.update(before)
        raise
    added += sorted(name for name, cls in registration.registered.items() if before.get(name) is not cls)
    for name in added:
        registration.registered[name].digest = digest_of(path)


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
