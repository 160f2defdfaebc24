"""What a protocol says, as data that check themselves: suites, methods, search, axes, and how to train."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from balancers.naming.suggest import nearest
from benchmarks.records.record import FRONT, SEED_STRIDE, SINGLE_TASK, Cell, Precision

Label = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]  # it becomes a part of file names
Count = Annotated[int, Field(ge=1)]
Seeds = Annotated[int, Field(ge=1, le=SEED_STRIDE)]
LearningRate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Optimizer = Literal["adam", "sgd"]
Heads = Literal["own", "weighted"]
Place = Literal["shared", "last", "features"]


class Strict(BaseModel):
    """A table of the file: unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Overrides(Strict):
    """How to train. A suite's table overrides ``[defaults]``."""

    seeds: Seeds | None = None  # how many: the seeds are 0, 1, ...
    optimizer: Optimizer | None = None
    learning_rates: Annotated[list[LearningRate], Field(min_length=1)] | None = None
    search_seeds: Seeds | None = None  # seeds per setting on this suite; overrides [search].seeds
    learning_rate_range: Annotated[list[LearningRate], Field(min_length=2, max_length=2)] | None = None  # of a search
    precision: Precision | None = None  # of the passes of training; float32 by default
    batch_size: Count | None = None
    steps: Count | None = None
    epochs: Count | None = None
    halve_at: list[Count] | None = None  # epochs after which the models' learning rate is halved; none by default
    evaluations: Count | None = None


class SuiteEntry(Overrides):
    """The table ``[suites.NAME]``: the suite's own options, and hyperparameters of methods for this suite alone.

    With ``suite``, the name is the protocol's own, so that one suite can stand there with several options.
    """

    suite: str | None = None
    options: dict[str, Any] = {}
    methods: dict[str, dict[str, Any]] = {}  # label -> hyperparameters


class MethodEntry(Strict):
    """The table ``[methods.LABEL]``: one row of the leaderboard; the method's own facts fill what it leaves out."""

    balancer: str | None = None  # the label by default
    hyperparameters: dict[str, Any] = {}
    heads: Heads | None = None
    place: Place | None = None
    search: list[str] | None = None  # which hyperparameters a search tries; by default all in the method's space
    seeds_from: Annotated[int, Field(ge=0, multiple_of=SEED_STRIDE)] = 0  # the first seed of this method


class SearchEntry(Strict):
    """The table ``[search]``: every row tries the same number of settings, and validation chooses.

    The first trial is the method's defaults with the suite's learning rate, the others are points of one quasi-random
    design over learning rates and the row's own hyperparameters.

    By default each seed searches for itself. With ``seeds``, all seeds share one search: every setting is tried with
    that many seeds, and the best one is run with all. This is cheaper, but intervals then ignore the variance of the
    search itself.
    """

    trials: Annotated[int, Field(ge=2)]
    seeds: Seeds | None = None


class FrontEntry(Strict):
    """The table ``[front]``: how many fixed weights stand for the front that weighted sums attain, with how many seeds.

    They are trained with the learning rate that the search chose for equal weights.
    """

    points: Annotated[int, Field(ge=3)] = 9
    seeds: Seeds | None = None  # all by default


class AxesEntry(Strict):
    """The table ``[axes]``: what is crossed with all suites and methods.

    ``optimizers`` makes problems of their own, baselines included; the number multiplies all learning rates. The others
    make rows of their own, beside what the method's paper does, where they make a difference.
    """

    optimizers: dict[Optimizer, LearningRate] = {}
    rescaled: list[Literal["mean", "sum", "unit"]] = []
    heads: list[Heads] = []
    places: list[Place] = []


class Settings(NamedTuple):
    """How one suite is trained, complete."""

    seeds: int
    optimizer: Optimizer
    learning_rates: list[float]
    learning_rate_range: list[float] | None
    search_seeds: int | None
    precision: Precision
    batch_size: int
    steps: int | None
    epochs: int | None
    halve_at: tuple[int, ...]
    evaluations: int


class Protocol(Strict):
    """A whole protocol.

    Row ``cost_reference`` is that of equal weights, to which gains and costs are relative; ``tuned_reference`` that of
    tuned fixed weights, if there is one; ``noise_floor`` a copy of equal weights with other seeds. The version is
    raised whenever numbers are no longer comparable with those of before.
    """

    name: Label
    version: Count = 1
    description: str
    cost_reference: str = "fixed"
    tuned_reference: str | None = None
    noise_floor: str | None = None
    search: SearchEntry | None = None
    front: FrontEntry | None = None
    axes: AxesEntry = AxesEntry()
    defaults: Overrides = Overrides()
    suites: Annotated[dict[str, SuiteEntry], Field(min_length=1)]
    methods: Annotated[dict[Label, MethodEntry], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for label in (SINGLE_TASK, FRONT):
            if label in self.methods:
                raise ValueError(f"the name {label!r} of a method stands for other rows; choose another")
        for key in ("cost_reference", "tuned_reference", "noise_floor"):
            label = getattr(self, key)
            if label is not None and label not in self.methods:
                raise ValueError(f"{key} {label!r} is not one of the methods{nearest(label, self.methods)}")
        for name, entry in self.suites.items():
            self._require_searchable(self.settings(name), name)
            for label in entry.methods:
                if label not in self.methods:
                    hint = nearest(label, self.methods)
                    raise ValueError(f"[suites.{name}.methods.{label}] names a method that the protocol lacks{hint}")
        return self

    def _require_searchable(self, settings: Settings, suite: str) -> None:
        if self.search is None:
            return
        if settings.learning_rate_range is None or settings.learning_rate_range[0] >= settings.learning_rate_range[1]:
            raise ValueError(f"suite {suite!r} needs a 'learning_rate_range = [low, high]' to search, or in [defaults]")
        if len(settings.learning_rates) != 1:
            raise ValueError(f"suite {suite!r}: with a [search], 'learning_rates' holds one, that of the first trial")

    @property
    def trials(self) -> int:
        """How many settings every search tries; one without a search."""
        return 1 if self.search is None else self.search.trials

    @property
    def search_seeds(self) -> int | None:
        """Seeds per setting on suites that do not say otherwise; none where every seed searches for itself."""
        return self.defaults.search_seeds or (self.search and self.search.seeds)

    def searches_once(self, cell: Cell) -> bool:
        """Whether all seeds of a cell's row share one search; otherwise each has its own."""
        return self.settings(cell.table).search_seeds is not None

    def settings(self, suite: str) -> Settings:
        """How ``suite`` is trained; a suite without a table of its own gets the defaults.

        Raises:
            ValueError: a value is neither in the suite's table nor in ``[defaults]``, both steps and epochs are, or the
                learning rate is to be halved when there is no such epoch.
        """
        default = self.defaults
        own = self.suites.get(suite, SuiteEntry())
        if own.steps is None and own.epochs is None:
            steps, epochs = default.steps, default.epochs
        else:
            steps, epochs = own.steps, own.epochs  # the suite's unit replaces the default one
        if (steps is None) == (epochs is None):
            raise ValueError(f"suite {suite!r} needs exactly one of 'steps' and 'epochs', here or in [defaults]")

        halve_at = tuple(default.halve_at or () if own.halve_at is None else own.halve_at)
        _require_within(suite, epochs, halve_at)

        def value(key: str) -> Any:
            setting = getattr(own, key) if getattr(own, key) is not None else getattr(default, key)
            if setting is None:
                raise ValueError(f"suite {suite!r} has no value for {key!r}; set it in [suites.{suite}] or [defaults]")
            return setting

        return Settings(
            seeds=value("seeds"),
            optimizer=value("optimizer"),
            learning_rates=value("learning_rates"),
            search_seeds=own.search_seeds or self.search_seeds,
            learning_rate_range=own.learning_rate_range or default.learning_rate_range,
            precision=own.precision or default.precision or "float32",
            batch_size=value("batch_size"),
            steps=steps,
            epochs=epochs,
            halve_at=halve_at,
            evaluations=value("evaluations"),
        )


def _require_within(suite: str, epochs: int | None, halve_at: tuple[int, ...]) -> None:
    """Raise ``ValueError`` if a training ends before, or counts no epochs, when its learning rate is to be halved."""
    if not halve_at:
        return
    told = f"suite {suite!r}: halve_at = {list(halve_at)}"
    if epochs is None:
        raise ValueError(f"{told} counts epochs, but the suite counts steps; give 'epochs' instead, or halve_at = []")
    if list(halve_at) != sorted(set(halve_at)):
        raise ValueError(f"{told} should ascend; each epoch stands there once")
    if halve_at[-1] >= epochs:
        raise ValueError(f"{told} should stay below the suite's {epochs} epochs, after which no step follows")
