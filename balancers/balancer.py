"""`Balancer`: one module for all methods; its `backward` replaces ``losses.sum().backward()``."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributed import ProcessGroup

from balancers.contract.evidence import as_answer
from balancers.contract.solution import Certificate
from balancers.contract.weighting import Draws, Evidence, Heads, Need, Weighting
from balancers.registry import weighting_of
from balancers.step import arguments, guards
from balancers.step.absent_tasks import (
    after_present,
    after_validation_of,
    restrict,
    update_present,
    with_zeros_for_absent,
)
from balancers.step.filling import FillJob, fill
from balancers.step.gradients import TaskGradients
from balancers.step.graph import Leaves, checked, find_leaves
from balancers.step.host import may_look, on_host, without_autocast
from balancers.step.inputs import Losses, Step, collect, lower_bounds_of, task_names
from balancers.step.lean.measured import LeanProducts
from balancers.step.measuring import Measured, measure_step, stacked_losses
from balancers.step.memory import Memory
from balancers.step.parallel import Group
from balancers.step.ranges import Magnitudes, in_dtype, seeds_needed
from balancers.step.rounding import BoundedLosses, rounding_of
from balancers.step.scores import Scores, collect_scores
from balancers.step.update import Weighed

LARGEST = "largest_losses"  # in checkpoints
HEX_DIGITS = 23  # of the longest positive number in hexadecimal digits
ORDINARY = 1e100  # losses beyond it may leave the range of what methods remember


class Balancer(Memory):
    """A method in a training loop; `backward` replaces ``losses.sum().backward()``.

    It has no parameters of its own: no optimizer and no weight decay can touch a method's state. ``state_dict`` holds
    everything that a fresh balancer needs to go on bit for bit, random numbers included.

    Example:
        Two tasks with the gradients (1, 0) and (-3, 4) at a shared point. A gradient step for their sum would increase
        the first loss; a step with PCGrad increases neither.

        >>> import torch
        >>> from balancers import Balancer
        >>> point = torch.ones(2, requires_grad=True)
        >>> optimizer = torch.optim.SGD([point], lr=0.1)
        >>> balancer = Balancer("pcgrad", tasks=["depth", "normals"])
        >>> losses = {"depth": point[0], "normals": -3 * point[0] + 4 * point[1]}
        >>> optimizer.zero_grad()
        >>> weights = balancer.backward(losses, shared=[point])  # in the place of sum(losses.values()).backward()
        >>> optimizer.step()
        >>> [round(weight, 3) for weight in weights.tolist()]
        [4.0, 1.12]
        >>> [round(number, 3) for number in point.tolist()]
        [0.936, 0.552]

    Args:
        method: a name (see `balancers.names`) or a `Weighting`.
        tasks: the names of the tasks, or how many there are.
        heads: "own" lets task-specific parameters follow their own loss, "weighted" the weighted loss; the paper's
            choice by default.
        seed: of the method's own random numbers.
        observe: what to measure beyond the method's needs, to be read from `evidence`; costs what it says.
        lower_bounds: known infima of the losses, by position or task name (0 for those not named); the method sees
            losses minus these.
        memory: "full" holds the gradients of all tasks at the shared parameters, and puts the update together from
            them. "lean" holds those of one layer at a time, for all tasks together, and takes one more backward pass
            of the weighted losses: for methods that need no more than the Gramian, where K times the model is too
            much. Where gradients are measured ``at`` a part or at ``features``, both are the same.
        **hyperparameters: of the method, if it is given by name. One that has a value per task may be a mapping by
            task name, and one that is a task may be its name.

    Raises:
        ValueError: an unknown method or hyperparameter, a bad value, or numbers of tasks that do not match.
    """

    def __init__(  # noqa: PLR0913 - all but two are options
        self,
        method: str | Weighting,
        tasks: int | Sequence[str],
        *,
        heads: Heads | None = None,
        seed: int = 0,
        observe: Need = Need.LOSSES,
        lower_bounds: Sequence[float] | Mapping[str, float] | None = None,
        memory: Literal["full", "lean"] = "full",
        **hyperparameters: Any,
    ) -> None:
        names = task_names(tasks)
        super().__init__(weighting_of(method, hyperparameters, names), names, Draws.seeded(seed))
        self.heads: Heads = heads or self.weighting.heads
        if self.heads not in get_args(Heads):
            raise ValueError(f"expected heads to be one of {get_args(Heads)}, got {heads!r}")
        if not isinstance(observe, Need):
            raise ValueError(f"expected observe to be a Need, such as balancers.Need.GRAMIAN, got {observe!r}")
        self.observe = observe
        self.memory = memory
        arguments.require_lean(memory, self.weighting.needs | observe, self.weighting.name)
        bounds = lower_bounds_of(lower_bounds, self.tasks)
        self._lower_bounds = torch.tensor(bounds, dtype=torch.float64, device="cpu")
        self._bounds = any(bounds)
        self._group = Group(None)
        self.weighting_seconds = 0.0
        self._evidence: Evidence | None = None
        self._weights: Tensor | None = None
        self._largest_losses = [0.0] * len(self.tasks)  # in magnitude, of all steps so far
        self._device = torch.device("cpu")  # of the losses of the last step
        self._unchecked: list[Tensor] = []  # numbers on an accelerator that the next step looks at
        self._awaited: Tensor | None = None  # tasks whose losses after the optimizer's step are still to come

    def across(self, group: ProcessGroup) -> Balancer:
        """Train data-parallel: every process of ``group`` passes the losses of its part of the batch.

        Parts are of one size, and the same tasks are present in all. The balancer averages what has to be averaged (see
        `balancers.step.parallel`): the model is not wrapped in anything. Every process ends with the same ``.grad``.

        Example:
            >>> import tempfile
            >>> from torch import distributed
            >>> from balancers import Balancer
            >>> with tempfile.NamedTemporaryFile() as file:
            ...     distributed.init_process_group("gloo", init_method=f"file://{file.name}", rank=0, world_size=1)
            ...     balancer = Balancer("pcgrad", ["depth", "normals"]).across(distributed.group.WORLD)
            ...     distributed.destroy_process_group()
            >>> balancer.tasks
            ('depth', 'normals')

        Returns:
            The balancer itself.
        """
        self._group = Group(group)
        return self

    @property
    def evidence(self) -> Evidence:
        """The losses of the last step and what was measured of its gradients, for the tasks that were present.

        Example:
            >>> import torch
            >>> from balancers import Balancer
            >>> point = torch.ones(2, requires_grad=True)
            >>> balancer = Balancer("pcgrad", ["depth", "normals"])
            >>> _ = balancer.backward({"depth": point[0], "normals": -3 * point[0] + 4 * point[1]}, shared=[point])
            >>> balancer.evidence.gramian.tolist()
            [[1.0, -3.0], [-3.0, 25.0]]
        """
        if self._evidence is None:
            raise ValueError("there is no evidence before the first call of backward")
        return self._evidence

    @property
    def weights(self) -> Tensor:
        """The weights of the last step, as `backward` returned them.

        Example:
            >>> import torch
            >>> from balancers import Balancer
            >>> point = torch.ones(2, requires_grad=True)
            >>> balancer = Balancer("mgda", ["depth", "normals"])
            >>> _ = balancer.backward({"depth": point[0], "normals": -3 * point[0] + 4 * point[1]}, shared=[point])
            >>> balancer.weights.round(decimals=3).tolist()
            [0.875, 0.125]
        """
        if self._weights is None:
            raise ValueError("there are no weights before the first call of backward")
        return self._weights

    @property
    def certificate(self) -> Certificate | None:
        """How well the equations were solved so far, and in how many steps they were not; None if there are none.

        Example:
            >>> import torch
            >>> from balancers import Balancer
            >>> point = torch.ones(2, requires_grad=True)
            >>> balancer = Balancer("mgda", ["depth", "normals"])
            >>> _ = balancer.backward({"depth": point[0], "normals": -3 * point[0] + 4 * point[1]}, shared=[point])
            >>> balancer.certificate.residual.item() < 1e-9, balancer.certificate.fallbacks.item()
            (True, 0.0)
        """
        return self.weighting.certificate(self.state)

    def adapt(self, features: Float[Tensor, "*N M"]) -> dict[str, Tensor]:
        """The input of each task's head, by task name.

        It is the shared representation itself, except for methods that put something between encoder and heads, such as
        rotations. These learn it from gradients at the representation: pass ``features=`` to `backward` too.

        Example:
            RotoGrad begins without a rotation.

            >>> import torch
            >>> from balancers import Balancer
            >>> adapted = Balancer("rotograd", ["depth", "normals"]).adapt(torch.tensor([[1.0, 2.0]]))
            >>> adapted["depth"].tolist(), adapted["normals"].tolist()
            ([[1.0, 2.0]], [[1.0, 2.0]])
        """
        self.widen(features)
        adapted = self.weighting.adapt(features, self.state)
        return dict(zip(self.tasks, [features] * len(self.tasks) if adapted is None else adapted, strict=True))

    def backward(
        self,
        losses: Losses,
        shared: Iterable[Tensor] | None = None,
        *,
        at: Iterable[Tensor] | None = None,
        features: Tensor | Sequence[Tensor] | None = None,
        present: Tensor | Sequence[bool] | None = None,
        others: Sequence[Losses] = (),
    ) -> Float[Tensor, "K"] | Float[Tensor, "K D"]:
        """Add the balanced gradient to ``.grad`` of every parameter that the losses reach, as ``Tensor.backward`` does.

        Gradients are measured at all shared parameters (one backward pass per task, which is also all that is needed
        for the update), or where ``at`` or ``features`` say. The graph is freed. Nothing is written to ``.grad``
        before the method has answered. Hooks on the accumulation of gradients do not run for parameters whose update
        is put together from measured gradients, and hooks on the graph node of a lookup in an embedding table do not
        change what is measured at a large table.

        Example:
            The gradients are (1, 0) and (-3, 4). In a second batch there is no loss for the second task.

            >>> import torch
            >>> from balancers import Balancer
            >>> point = torch.ones(2, requires_grad=True)
            >>> balancer = Balancer("pcgrad", ["depth", "normals"])
            >>> losses = {"depth": point[0], "normals": -3 * point[0] + 4 * point[1]}
            >>> weights = balancer.backward(losses, shared=[point])
            >>> [round(number, 3) for number in (*weights.tolist(), *point.grad.tolist())]
            [4.0, 1.12, 0.64, 4.48]
            >>> balancer.backward({"depth": point[0]}, shared=[point]).tolist()
            [1.0, 0.0]

        Args:
            losses: scalars of the K tasks: a tensor ``(K,)``, a sequence, or a mapping by task name. A task that a
                mapping lacks, or whose entry in a sequence is ``None``, is absent from this batch.
            shared: the shared parameters; without it, those below ``features``, or those that two losses reach.
            at: a subset of them to measure gradients at, such as the last shared layer: K short backward passes and
                a whole one.
            features: the shared representation, or several tensors that are all that leaves the encoder: gradients
                are measured there, at one encoder backward pass whatever K is.
            present: which tasks are present, if not said by ``losses``; the loss of an absent task is not looked at.
            others: for methods that need the Gramian across batches: the losses of the same tasks on two more
                independent batches, or on one, which is then crossed with the first. The update is the first's.

        Returns:
            The weights that the step used, 0 for absent tasks: ``(K,)``, or ``(K, D)`` from an elementwise method,
            where a complex parameter counts as two real ones per element. In the dtype of the losses, or in float64
            where one of them is too large or too small for it.

        Raises:
            NonFiniteLossError: a loss is NaN or infinite.
            NonFiniteGradientError: a gradient that was measured is NaN or infinite.
            OutOfRangeError: gradients and weights are finite, but the update is too large for the dtype of a
                parameter, or so small that all of it would be 0.
            NonFiniteError: the method gave a weight, or wants to remember a number, that is NaN or infinite. On an
                accelerator, what is as long as a gradient is looked at in the next step, which then raises the error.
            ValueError: losses or parameters are not what they must be. A method that needs losses of at least their
                lower bound takes those that lie below it by rounding alone as the bound: by 8 eps of their dtype times
                the largest loss of the task so far, or times 1 if that is larger.

        After each of these errors ``.grad``, the state and the random numbers are as they were, but for the error that
        comes one step later.
        """
        if isinstance(losses, Tensor) and shared is None and features is None:
            raise ValueError("losses in one tensor do not show what is shared: pass shared=encoder.parameters()")
        arguments.require_nothing_awaited(self._awaited, self.weighting.name)
        step = collect(losses, self.tasks, present)
        crossed = [collect(batch, self.tasks, present) for batch in arguments.require_batches(others)]
        if self._buffers:
            self.to(step.losses[0].device)
        features = (features,) if isinstance(features, Tensor) else features
        state = self.state if len(step.losses) == len(self.tasks) else restrict(self.state, step.present)
        needs = self.weighting.needs_now(state) | self.observe
        place = arguments.PlaceArguments(shared is not None, at is not None, features is not None)
        arguments.require_place(place, self, needs, self._group.size)
        if Need.CROSS_GRAMIAN in needs:
            arguments.require_crossed(step, crossed, features is not None, self.weighting.name)
        leaves = find_leaves(step.losses, shared, features)
        part = None if at is None else checked(at, "at", within=leaves.shared)
        tasks = self._names(step)

        noted: dict[str, Any] = {}

        def weigh(gradients: TaskGradients | LeanProducts | None) -> Weighed:
            if gradients is not None:
                guards.require_reached(gradients.reached, tasks)
            measured = measure_step(step, gradients, needs, crossed, self._group, self._unchecked)
            self.__dict__["_unchecked"] = []
            weighed, notes = self._weigh(measured, step, leaves)
            noted.update(notes)
            return weighed

        lean = self.memory == "lean"
        job = FillJob(tasks, step.losses, leaves, weigh, self.heads == "weighted", self._group, lean)
        with self.unless_refused(), without_autocast(step.losses[0].device):
            weighed = fill(job, needs, part, features)  # weights and update are not for half precision
        answer, seeds, _, unchecked = weighed
        of_all_tasks, dtype = with_zeros_for_absent(answer.weights, step.present, len(self.tasks)), step.losses[0].dtype
        weights = of_all_tasks.to(dtype, copy=True) if seeds is None else in_dtype(of_all_tasks, dtype).clone()
        weights = weights.to(step.losses[0].device, non_blocking=True)
        # Past `torch.nn.Module`, whose way to set an attribute takes longer than many a method's mathematics.
        awaited = step.present if Need.LOSSES_AFTER in needs else None
        self.__dict__.update(
            noted, _weights=weights, _awaited=awaited, _device=weights.device, _unchecked=unchecked or []
        )
        return weights

    @torch.no_grad()
    def after_step(self, losses: Losses) -> None:
        """Pass the losses of the same batch after ``optimizer.step()``, for methods with ``Need.LOSSES_AFTER``.

        Compute them under ``torch.no_grad()``, with the same dropout noise as before the step. Every other method
        ignores the call.

        Example:
            >>> import torch
            >>> from balancers import Balancer
            >>> point = torch.ones(2, requires_grad=True)
            >>> balancer = Balancer("famo", 2)
            >>> optimizer = torch.optim.SGD([point], lr=0.1)
            >>> balancer.backward([point[0], 3 * point[1]], shared=[point]).tolist()
            [0.75, 0.25]
            >>> optimizer.step()
            >>> balancer.after_step([point[0], 3 * point[1]])

        Raises:
            NonFiniteError: a loss is NaN or infinite.
            ValueError: other tasks are present than in the step.
        """
        if self._awaited is None:
            return
        awaited, self._awaited = self._awaited, None
        step = collect(losses, self.tasks, None, graph=False)
        if not torch.equal(step.present, awaited):
            raise ValueError("after_step needs the losses of exactly those tasks that were present in the step")
        (losses,) = self._group.mean([stacked_losses(step.losses)])
        bounded = self._bounded(step, on_host([losses])[0])
        self.remember(after_present(self.weighting, bounded.above, self.state, step.present))
        self._largest_losses = bounded.largest

    @torch.no_grad()
    def after_validation(self, scores: Scores) -> None:
        """Pass a score per task whenever the model was evaluated on validation data, for methods with ``Need.SCORES``.

        Every other method ignores the call. The scores of all tasks must have one meaning and be in percent, higher
        being better: how much the task's metric is better than its baseline, below 0 if it is worse. For an error e
        whose baseline is b, this is ``100 * (b - e) / b``. Never use test data. A balancer that works across processes
        takes the means of their scores, so that all of them must call.

        Example:
            Depth is 20 % worse than its baseline, and normals are 5 % better. PIVRG gives more weight to depth.

            >>> import torch
            >>> from balancers import Balancer
            >>> point = torch.ones(2, requires_grad=True)
            >>> balancer = Balancer("pivrg", ["depth", "normals"])
            >>> balancer.backward({"depth": point[0], "normals": point[1]}, shared=[point]).tolist()
            [1.0, 1.0]
            >>> balancer.after_validation({"depth": -20.0, "normals": 5.0})
            >>> weights = balancer.backward({"depth": point[0], "normals": point[1]}, shared=[point])
            >>> [round(weight, 3) for weight in weights.tolist()]
            [1.101, 0.874]

        Args:
            scores: numbers for the tasks: a sequence, or a mapping by task name. A task that a mapping lacks, or whose
                entry in a sequence is ``None``, keeps its earlier score.

        Raises:
            NonFiniteError: a score is NaN or infinite.
            ValueError: names or numbers do not match the tasks, or there is no score.
        """
        if Need.SCORES not in self.weighting.needs:
            return
        state = self.state
        values, scored = collect_scores(scores, self.tasks)
        (values,) = on_host(self._group.mean([values.to(self._device)]))
        self.remember(after_validation_of(self.weighting, values, state, scored))

    def _names(self, step: Step) -> list[str]:
        """The names of the present tasks."""
        return [self.tasks[i] for i in step.present.tolist()]

    def _bounded(self, step: Step, losses: Float[Tensor, "P"]) -> BoundedLosses:
        """The losses above their lower bounds, once they are known to be fit for the method."""
        positions = step.present.tolist()
        tasks = [self.tasks[i] for i in positions]
        guards.require_finite_losses(losses, tasks)
        above = losses - self._lower_bounds[step.present] if self._bounds else losses
        sizes, largest = [abs(loss) for loss in losses.tolist()], list(self._largest_losses)
        for position, size in zip(positions, sizes, strict=True):
            largest[position] = max(largest[position], size)
        if self.weighting.positive_losses and min(above.tolist()) < 0:
            dtypes = [loss.dtype for loss in step.losses]
            roundings = [rounding_of(dtype, largest[i]) for dtype, i in zip(dtypes, positions, strict=True)]
            guards.require_bounded_losses(losses, above, roundings, tasks, self.weighting.name)
            above = above.clamp(min=0)
        return BoundedLosses(above, sizes, largest)

    @torch.no_grad()
    def _weigh(self, measured: Measured, step: Step, leaves: Leaves) -> tuple[Weighed, dict[str, Any]]:
        """The weights of a step, and what is to be noted of it if nothing goes wrong."""
        tasks, name = self._names(step), self.weighting.name
        guards.require_finite_before(measured.unchecked, name)
        above, sizes, largest = self._bounded(step, measured.losses)
        evidence = measured.evidence(above)
        guards.require_finite_gradients(evidence, measured.lengths, tasks)
        if evidence.measured_gradients is not None:
            self.fit(evidence.measured_gradients)
        started = time.perf_counter()
        try:
            if len(step.losses) == len(self.tasks):
                answer, following = self.weighting.update(evidence, self.state, self.draws)
            else:
                answer, following = update_present(self.weighting, evidence, self.state, self.draws, step.present)
        except torch.linalg.LinAlgError as error:  # pyright: ignore[reportPrivateImportUsage]
            raise guards.unsolvable(name, tasks, sizes) from error
        answer = as_answer(answer)
        factors = guards.require_finite_answer(answer, tasks, name, sizes)
        if self.heads == "weighted" and answer.weights.dim() > 1:
            raise ValueError('a method that weighs element by element has no weight for a head: use heads="own"')
        self.remember(following)
        seconds, unchecked = time.perf_counter() - started, []
        seeds = seeds_needed(factors.of_heads(self.heads), Magnitudes(sizes, measured.lengths), step.losses, leaves)
        if seeds is not None or self.keeps_gradients or max(sizes) > ORDINARY:
            guards.require_finite_state(self.state, tasks, name, sizes)
            unchecked = [torch.linalg.vector_norm(part, math.inf) for part in self.state if not may_look(part.device)]
        notes = {"_evidence": evidence, "_largest_losses": largest, "weighting_seconds": seconds}
        return Weighed(answer, seeds, sizes, unchecked), notes

    def set_extra_state(self, state: Tensor) -> None:
        """Continue from a checkpoint. Checkpoints are taken between steps, so that no losses are awaited.

        Example:
            >>> from balancers import Balancer
            >>> balancer = Balancer("pcgrad", 2, seed=1)
            >>> balancer.set_extra_state(Balancer("pcgrad", 2, seed=2).get_extra_state())
        """
        super().set_extra_state(state)
        digits = self._saved(state).get(LARGEST)
        self._largest_losses = [0.0] * len(self.tasks) if digits is None else [float.fromhex(each) for each in digits]
        self._awaited, self._unchecked = None, []

    def _progress(self) -> dict[str, Any]:
        # Distributed checkpoints want as many bytes in every step.
        digits = [f"{loss.hex():>{HEX_DIGITS}}" for loss in self._largest_losses]
        return {LARGEST: digits} if self.weighting.positive_losses else {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The balancer of a pickle; earlier ones do not know how large losses were."""
        bounds = any(state["_lower_bounds"].tolist())
        later = {
            "_largest_losses": [0.0] * len(state["tasks"]),
            "_bounds": bounds,
            "_unchecked": [],
            "memory": "full",
        } | {"_device": torch.device("cpu")}
        super().__setstate__(later | state)

    def _about(self) -> dict[str, Any]:
        return super()._about() | {"heads": self.heads, "lower_bounds": self._lower_bounds.tolist()}

    def extra_repr(self) -> str:
        """The method with its hyperparameters, the tasks and the treatment of heads.

        Example:
            >>> from balancers import Balancer
            >>> Balancer("cagrad", ["depth", "normals"], c=0.5)
            Balancer(CAGrad(c=0.5, rescale=0, preference=None), tasks=['depth', 'normals'], heads='own')
        """
        return f"{self.weighting!r}, tasks={list(self.tasks)}, heads={self.heads!r}"
