"""A protocol: what is to be run, read from a TOML file and checked before anything starts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from balancers.suggest import nearest
from benchmarks.records import Precision

PROTOCOLS = Path(__file__).parent / "protocols"
SUFFIX = ".toml"

Label = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]  # it becomes a part of file names
Count = Annotated[int, Field(ge=1)]
LearningRate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Optimizer = Literal["adam", "sgd"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Overrides(_Strict):
    """How to train. What a suite's table leaves out comes from ``[defaults]``."""

    seeds: Count | None = None  # how many: the seeds are 0, 1, ...
    optimizer: Optimizer | None = None
    learning_rates: Annotated[list[LearningRate], Field(min_length=1)] | None = None
    precision: Precision | None = None  # of the passes of training; float32 by default
    batch_size: Count | None = None
    steps: Count | None = None
    epochs: Count | None = None
    evaluations: Count | None = None


class SuiteEntry(Overrides):
    """The table ``[suites.NAME]``: the suite's own options, and hyperparameters of methods for this suite alone."""

    options: dict[str, Any] = {}
    methods: dict[str, dict[str, Any]] = {}  # label -> hyperparameters


class MethodEntry(_Strict):
    """The table ``[methods.LABEL]``: one row of the leaderboard; what it leaves out, the method's facts say."""

    balancer: str | None = None  # the label by default
    hyperparameters: dict[str, Any] = {}
    heads: Literal["own", "weighted"] | None = None
    place: Literal["shared", "last", "features"] | None = None


class Settings(NamedTuple):
    """How one suite is trained, complete."""

    seeds: int
    optimizer: Optimizer
    learning_rates: list[float]
    precision: Precision
    batch_size: int
    steps: int | None
    epochs: int | None
    evaluations: int


class Protocol(_Strict):
    """A whole protocol. Method ``cost_reference`` is the one whose cost counts as 1."""

    name: Label
    description: str
    cost_reference: str = "fixed"
    defaults: Overrides = Overrides()
    suites: Annotated[dict[str, SuiteEntry], Field(min_length=1)]
    methods: Annotated[dict[Label, MethodEntry], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.cost_reference not in self.methods:
            hint = nearest(self.cost_reference, self.methods)
            raise ValueError(f"cost_reference {self.cost_reference!r} is not one of the methods{hint}")
        for name, entry in self.suites.items():
            self.settings(name)
            for label in entry.methods:
                if label not in self.methods:
                    hint = nearest(label, self.methods)
                    raise ValueError(f"[suites.{name}.methods.{label}] names a method that the protocol lacks{hint}")
        return self

    def settings(self, suite: str) -> Settings:
        """How ``suite`` is trained; a suite without a table of its own gets the defaults.

        Raises:
            ValueError: a value is neither in the suite's table nor in ``[defaults]``, or both steps and epochs are.
        """
        default = self.defaults
        own = self.suites.get(suite, SuiteEntry())
        if own.steps is None and own.epochs is None:
            steps, epochs = default.steps, default.epochs
        else:
            steps, epochs = own.steps, own.epochs  # the suite's unit replaces the default one
        if (steps is None) == (epochs is None):
            raise ValueError(f"suite {suite!r} needs exactly one of 'steps' and 'epochs', here or in [defaults]")

        def value(key: str) -> Any:
            found = getattr(own, key) if getattr(own, key) is not None else getattr(default, key)
            if found is None:
                raise ValueError(f"suite {suite!r} has no value for {key!r}; set it in [suites.{suite}] or [defaults]")
            return found

        return Settings(
            seeds=value("seeds"),
            optimizer=value("optimizer"),
            learning_rates=value("learning_rates"),
            precision=own.precision or default.precision or "float32",
            batch_size=value("batch_size"),
            steps=steps,
            epochs=epochs,
            evaluations=value("evaluations"),
        )


def available() -> list[str]:
    """The names of the protocols that come with the harness."""
    return sorted(path.stem for path in PROTOCOLS.glob(f"*{SUFFIX}"))


def find(name_or_path: str) -> Path:
    """The file of a protocol that comes with the harness, or of one's own.

    Raises:
        ValueError: there is no such protocol; the message names the nearest.
    """
    path = Path(name_or_path)
    if path.suffix != SUFFIX and path.name == name_or_path:
        if name_or_path not in available():
            hint = nearest(name_or_path, available())
            raise ValueError(f"there is no protocol {name_or_path!r}{hint} The path of a {SUFFIX} file will do too.")
        return PROTOCOLS / f"{name_or_path}{SUFFIX}"
    if not path.is_file():
        raise ValueError(f"protocol {name_or_path} is not a file; give the path of a {SUFFIX} file or a name")
    return path


def read(path: Path) -> Protocol:
    """The protocol in a TOML file.

    Raises:
        ValueError: it is not TOML, or has unknown keys, wrong types or values out of range: one line for each.
    """
    try:
        return Protocol.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"protocol {path.name} is not TOML: {error}") from error
    except ValidationError as error:
        problems = [_sentence(dict(problem)) for problem in error.errors()]
        raise ValueError(f"protocol {path.name}: " + "\n".join(problems)) from None


def _sentence(problem: dict[str, Any]) -> str:
    *table, key = problem["loc"] or ("",)
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r} {_where(table)}{nearest(str(key), _keys(table))}"
    if problem["type"] == "missing":
        return f"key {key!r} is missing {_where(table)}"
    if problem["type"] == "value_error":  # from a validator above: a sentence already
        return str(problem["ctx"]["error"])
    if key == "[key]":
        name = table.pop()
        return f"the name {name!r} {_where(table)} may hold lower-case letters, digits, '.', '_' and '-' only"
    if isinstance(key, int):  # an item of a list
        key = f"{table.pop()}[{key}]"
    wish = problem["msg"].replace("Input should", "it should")
    return f"{key} = {problem['input']!r} {_where(table)}: {wish}"


def _where(table: list[Any]) -> str:
    return f"in [{'.'.join(map(str, table))}]" if table else "at the top"


def _keys(table: list[Any]) -> list[str]:
    tables: dict[str, type[BaseModel]] = {"defaults": Overrides, "suites": SuiteEntry, "methods": MethodEntry}
    return list((tables[table[0]] if table else Protocol).model_fields)
