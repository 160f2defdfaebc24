"""A training from top to bottom: `train`, and below it the steps that it calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter

from benchmarks.records.record import Cell, Outcome, Record, Scalars
from benchmarks.training.batches import geometry_batch
from benchmarks.training.engines.engine import Engine, Fault, Means
from benchmarks.training.loaded import Callbacks, Loaded, MakeEngine
from benchmarks.training.machine.devices import noise_kept, synchronize
from benchmarks.training.machine.environment import describe
from benchmarks.training.measuring.clock import PeakMemory, Spent, Stopwatch
from benchmarks.training.measuring.evaluate import Geometry
from benchmarks.training.run import Run
from benchmarks.training.schedule import RATE_FACTOR, TrainingSchedule
from tasks.base import Split


def train(
    cells: Sequence[Cell],
    loaded: Loaded,
    make_engine: MakeEngine,
    callbacks: Callbacks = Callbacks(),  # noqa: B008
    time_limit: float | None = None,
) -> list[Record]:
    """Train cells that take their steps together, and return a record of each.

    This is a training from top to bottom. The global random generator is left as it was.

    Args:
        cells: the cells.
        loaded: their suite with its data, which the module `benchmarks.running.executors.worker` loads.
        make_engine: builds models and methods, called once; `benchmarks.training.groups` chooses the engine.
        callbacks: hear of the progress, and get the trained models.
        time_limit: seconds that a cell may take.

    Raises:
        Exception: a step of several cells failed, or one of several processes did, or the device broke. A cell that
            trains alone in one process gets a record of its failure instead.
    """
    training = Training(cells, loaded, callbacks, time_limit)
    with training.recording_failures():
        training.build(make_engine)
        schedule = training.schedule
        training.evaluate_and_select()  # the untrained model
        while training.unfinished():
            step = training.take_step()
            if step in schedule.halvings:
                training.lower_rates()
            if step in schedule.evaluations:
                training.evaluate_and_select()
            if step == schedule.equal_compute:
                training.note_equal_compute()
            if step in schedule.reports:
                training.report_progress()
                training.check_time_limit()
        training.test_last_state()
        training.test_selected_checkpoints()
        training.hand_over_models()
    return training.records()


class Training:
    """The steps of `train`, on runs that share an engine.

    A failed run keeps stepping in the engine; its results are ignored.
    """

    engine: Engine
    schedule: TrainingSchedule

    def __init__(self, cells: Sequence[Cell], loaded: Loaded, callbacks: Callbacks, time_limit: float | None) -> None:
        self.suite, self.splits, self.device, self.world = loaded.suite, loaded.splits, loaded.device, loaded.world
        self.callbacks, self.time_limit = callbacks, time_limit
        self.runs = [Run(cell, self.suite) for cell in cells]
        self._built = False
        self._began, self._memory = perf_counter(), PeakMemory(self.device)
        self._training, self._evaluating = Stopwatch(), Stopwatch()

    @contextmanager
    def recording_failures(self) -> Iterator[None]:
        """Turn an exception of a cell that trains alone into its record's status; restore the random generators."""
        with noise_kept(self.device):
            try:
                yield
            except Exception as error:  # one cell must not take the others down
                if len(self.runs) > 1 or self.world.out_of_step(error):
                    raise
                synchronize(self.device)  # raises where the device itself broke
                step = self.engine.done if self._built else 0
                self.runs[0].break_off(Fault(step, "failed", f"{type(error).__name__}: {error}"))

    def build(self, make_engine: MakeEngine) -> None:
        """Build models and methods, and the schedule of the steps."""
        self.engine = make_engine()
        self._built, self._built_at = True, perf_counter()
        cell, train = self.runs[0].cell, self.splits.train
        self.schedule = TrainingSchedule.of(cell, train)
        self._geometry_batch = geometry_batch(train.only(cell.tasks), cell.batch_size)
        self._training.start()

    def unfinished(self) -> bool:
        """Whether steps are left, and a run to take them."""
        return self.engine.done < self.schedule.steps and any(run.fault is None for run in self.runs)

    def take_step(self) -> int:
        """Let every run take a step; returns the number of the step.

        The file `engines/single.py` has the step of one model, `engines/replicas/engine.py` the step of many.
        """
        self.engine.step()
        return self.engine.done

    def lower_rates(self) -> None:
        """Multiply the learning rates of encoders and heads by `RATE_FACTOR`."""
        self.engine.scale_rates(RATE_FACTOR)

    def evaluate_and_select(self) -> None:
        """Break off runs with a fault, evaluate the others on validation, and keep the selected checkpoints.

        Methods that need scores get them from this evaluation.
        """
        faults = self.engine.faults()  # waits for the device, so that the time of all steps is counted
        self._training.stop()
        for number, fault in faults.items():
            self.runs[number].break_off(fault)
        for run, finite in zip(self.runs, self.engine.finite(), strict=True):
            if not finite:
                run.break_off(Fault(self.engine.done, "diverged", "a parameter is not finite"))
        if self._sound():
            validation = self._metrics(self.splits.validation)
            self._add_evaluations(validation, self.engine.geometry(self._geometry_batch), self.engine.take_means())
        self._training.start()

    def _add_evaluations(
        self, validation: Sequence[Scalars], geometries: Sequence[Geometry], means: Means | None
    ) -> None:
        step, selected, scores = self.engine.done, [], {}
        for number in self._sound():
            run = self.runs[number]
            if run.add_evaluation(step, validation[number], geometries[number]):
                selected.append(number)
            if run.fault is None:
                scores[number] = run.checkpoints.scores
                snapshot = self.suite.snapshot(self.engine.model(number))
                run.log.add(step, validation[number], geometries[number], snapshot)
                run.log.add_means(*(None, None) if means is None else (means.losses[number], means.weights[number]))
        self.engine.keep(selected)
        self.engine.after_validation(scores)

    def note_equal_compute(self) -> None:
        """Note the state of every run after as much compute as equal weights spend on all their steps."""
        self._training.stop()
        validation, test = self._metrics(self.splits.validation), self._metrics(self.splits.test)
        for number in self._sound():
            outcome = Outcome(step=self.engine.done, validation=validation[number], test=test[number])
            self.runs[number].at_equal_compute = outcome
        self._training.start()

    def report_progress(self) -> None:
        """Say how many steps are done."""
        if self.callbacks.progress is not None:
            self.callbacks.progress(self.engine.done, self.schedule.steps)

    def check_time_limit(self) -> None:
        """Break off all runs if they take longer than they may."""
        limit = self.time_limit
        if limit is None or self.engine.done == self.schedule.steps:
            return
        late = perf_counter() - self._built_at > limit * len(self.runs)
        if self.world.agree(late):  # otherwise some processes would go on without the others
            for run in self.runs:
                run.break_off(Fault(self.engine.done, "timed out", f"took longer than {limit:g} s"))

    def test_last_state(self) -> None:
        """Evaluate the last state of every sound run on the test split."""
        if sound := self._sound():
            test = self._metrics(self.splits.test)
            for number in sound:
                self.runs[number].test_last(test[number])

    def test_selected_checkpoints(self) -> None:
        """Put the selected checkpoints back and evaluate them on the test split."""
        sound = [self.runs[number] for number in self._sound()]
        if all(run.checkpoints.selected is run.checkpoints.latest for run in sound):
            for run in sound:
                run.selected = run.last
            return
        self.engine.recall()
        test = self._metrics(self.splits.test)
        for number in self._sound():
            self.runs[number].test_selected(test[number])

    def hand_over_models(self) -> None:
        """Give the models, in the state of the selected checkpoints, to whoever wants to keep them."""
        if self.callbacks.keep is not None:
            for number in self._sound():
                self.callbacks.keep(self.runs[number].cell, self.engine.model(number))

    def records(self) -> list[Record]:
        """A record of every run, whatever became of it."""
        count = len(self.runs)
        spent = Spent(
            (perf_counter() - self._began) / count,
            self._training.seconds / count,
            self._evaluating.seconds / count,
            self._memory.read(),
        )
        facts = describe(self.device) | ({"processes": str(self.world.size)} if self.world.size > 1 else {})
        engine = self.engine if self._built else None
        return [run.record(engine, number, spent, facts) for number, run in enumerate(self.runs)]

    def _sound(self) -> list[int]:
        """The numbers of the runs without a fault."""
        return [number for number, run in enumerate(self.runs) if run.fault is None]

    def _metrics(self, split: Split) -> list[Scalars]:
        """All metrics of every run on a split."""
        self._evaluating.start()
        metrics = self.engine.evaluate(split)
        self._evaluating.stop()
        return metrics
