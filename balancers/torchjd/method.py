"""A class of TorchJD as a weighting; `balancers.torchjd.names` makes them by name.

A class is asked one replica after the other, about float64 matrices, with TorchJD's own settings. What it does beyond a
weighting's contract is this. TorchJD does not say which of its classes draw random numbers: all are given torch's
global generator, seeded from the balancer's own and put back afterwards. What its stateful classes remember is inside
an object of theirs: such a method cannot be resumed from a checkpoint, run replicas or do without a task, and says so.
An aggregator that has no weights answers with weights of 1/K, which say nothing, and its update for every gradient. No
property is claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from balancers.contract.weighting import Answer, Draws, Evidence, Heads, Need, Sizes, Weighting

COUNTS = ("n_tasks", "shape")  # parameters that are the number of tasks unless given


class Steps(NamedTuple):
    """How many steps a method has answered; all else that it remembers is in TorchJD's object.

    Example:
        >>> from balancers import Sizes, create
        >>> create("torchjd:Sum").init(Sizes(2)).steps.item()
        0.0
    """

    steps: Float[Tensor, "*B"]


class Kind(NamedTuple):
    """What a family of TorchJD's classes needs, and the function that calls it.

    Example:
        >>> from balancers import create
        >>> create("torchjd:UPGrad").kind.heads
        'own'
    """

    needs: Need
    heads: Heads
    ask: Callable[[Any, Evidence], Answer]


@dataclass
class _Memory:
    """A stateful object at work."""

    algorithm: nn.Module
    tasks: int
    steps: int = 0


class TorchJDMethod(Weighting[Steps]):
    """One of TorchJD's classes; `balancers.torchjd.names.find` makes subclasses whose fields are its parameters.

    Example:
        >>> from balancers import create, probe
        >>> from balancers.torchjd.method import TorchJDMethod
        >>> isinstance(create("torchjd:UPGrad"), TorchJDMethod)
        True
        >>> probe("torchjd:Mean", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.5, 0.5], update=[-1, 2])
    """

    algorithm: ClassVar[type[nn.Module]]
    kind: ClassVar[Kind]
    stateful: ClassVar[bool]
    stochastic = True

    def __post_init__(self) -> None:
        for each in fields(self):  # pyright: ignore[reportArgumentType] - subclasses are dataclasses
            value = getattr(self, each.name)
            if isinstance(value, Tensor | list):
                object.__setattr__(self, each.name, tuple(value.tolist() if isinstance(value, Tensor) else value))
        object.__setattr__(self, "_memory", None)

    def init(self, sizes: Sizes) -> Steps:
        """The state before the first step; the memory of a stateful class is cleared."""
        if self.stateful and sizes.batch:
            raise ValueError(f"{self.name} remembers in an object of TorchJD's, and cannot run replicas")
        self._build(sizes.tasks, sizes.device)  # a bad value shows here
        object.__setattr__(self, "_memory", None)
        return Steps(sizes.scalar())

    def update(self, evidence: Evidence, state: Steps, draws: Draws) -> tuple[Answer, Steps]:
        """TorchJD's answer, replica by replica."""
        tasks = evidence.losses.shape[-1]
        device = (evidence.gradients if Need.GRADIENTS in self.needs else evidence.losses).device
        memory = self._recall(tasks, device, state) if self.stateful else _Memory(self._build(tasks, device), tasks)
        seeds = draws.uniform(state.steps).flatten().tolist()
        answers = []
        with torch.random.fork_rng([] if device.type == "cpu" else [device], device_type=device.type):
            for seed, replica in zip(seeds, _replicas(evidence), strict=True):
                torch.manual_seed(int(seed * 2**53))
                answers.append(self.kind.ask(memory.algorithm, replica))
        memory.steps += 1
        return _stacked(answers, evidence), Steps(state.steps + 1)

    def after(self, losses: Float[Tensor, "*B K"], state: Steps) -> Steps:
        """Show the losses after the step to a class that has a method for it."""
        if Need.LOSSES_AFTER in self.needs:
            memory: _Memory = self._memory  # pyright: ignore[reportAttributeAccessIssue] - set behind a frozen dataclass
            memory.algorithm.update(losses)  # pyright: ignore[reportCallIssue]
        return state

    def _build(self, tasks: int, device: torch.device) -> nn.Module:
        arguments = {each.name: getattr(self, each.name) for each in fields(self)}  # pyright: ignore[reportArgumentType]
        for name, value in arguments.items():
            if name in COUNTS:
                arguments[name] = tasks if value is None else value
            elif isinstance(value, tuple):
                arguments[name] = torch.tensor(value, dtype=torch.float64, device=device)
        try:
            return self.algorithm(**arguments).double().to(device)
        except (ImportError, TypeError, ValueError) as error:
            raise ValueError(f"{self.name}: {error}") from error

    def _recall(self, tasks: int, device: torch.device, state: Steps) -> _Memory:
        memory: _Memory | None = self._memory  # pyright: ignore[reportAttributeAccessIssue]
        if memory is None:
            memory = _Memory(self._build(tasks, device), tasks)
            object.__setattr__(self, "_memory", memory)
        if memory.steps != int(state.steps):
            raise ValueError(
                f"{self.name} remembers in an object of TorchJD's, which no checkpoint holds and no two balancers can "
                f"share: {int(state.steps)} steps were made, and the object knows of {memory.steps}"
            )
        if memory.tasks != tasks:
            raise ValueError(f"{self.name} remembers {memory.tasks} tasks, and cannot be asked about {tasks} of them")
        return memory


def _replicas(evidence: Evidence) -> Iterator[Evidence]:
    """The evidence of one replica after the other."""
    batch = evidence.losses.dim() - 1
    parts = (evidence.losses, evidence.measured_gramian, evidence.measured_gradients, evidence.measured_cross_gramian)
    if batch == 0:
        yield evidence
        return
    flat = [None if part is None else part.flatten(0, batch - 1) for part in parts]
    for i in range(len(evidence.losses.flatten(0, batch - 1))):
        losses, *rest = (None if part is None else part[i] for part in flat)
        assert losses is not None, "losses are always there"
        yield Evidence(losses, *rest, resolution=evidence.resolution)


def _stacked(answers: Sequence[Answer], evidence: Evidence) -> Answer:
    batch = evidence.losses.shape[:-1]
    if not batch:
        return answers[0]
    weights = torch.stack([answer.weights for answer in answers])
    gradients = [answer.gradients for answer in answers if answer.gradients is not None]
    stacked = torch.stack(gradients).unflatten(0, batch) if gradients else None
    return Answer(weights.unflatten(0, batch), stacked)


def weights_from_losses(scalarizer: nn.Module, evidence: Evidence) -> Answer:
    """The slopes of the scalar in the losses, which are what its backward pass would multiply the gradients with.

    Example:
        >>> import torch
        >>> from torchjd.scalarization import Sum
        >>> from balancers import Evidence
        >>> from balancers.torchjd.method import weights_from_losses
        >>> weights_from_losses(Sum(), Evidence(torch.tensor([1.0, 4.0]))).weights.tolist()
        [1.0, 1.0]
    """
    with torch.enable_grad():
        losses = evidence.losses.detach().clone().requires_grad_()
        (slopes,) = torch.autograd.grad(scalarizer(losses), losses)
    return Answer(slopes)


def weights_from_gramian(algorithm: nn.Module, evidence: Evidence) -> Answer:
    """The weights of a weighting, or of the one inside an aggregator.

    Example:
        >>> import torch
        >>> from torchjd.aggregation import MeanWeighting
        >>> from balancers import Evidence
        >>> from balancers.torchjd.method import weights_from_gramian
        >>> evidence = Evidence(torch.tensor([1.0, 4.0]), torch.tensor([[1.0, -3.0], [-3.0, 25.0]]))
        >>> weights_from_gramian(MeanWeighting(), evidence).weights.tolist()
        [0.5, 0.5]
    """
    weighting = getattr(algorithm, "gramian_weighting", algorithm)
    return Answer(weighting(evidence.gramian).detach().double())


def weights_from_cross_gramian(weighting: nn.Module, evidence: Evidence) -> Answer:
    """The weights of a weighting that is shown two batches.

    Example:
        >>> import torch
        >>> from torchjd.aggregation import MeanWeighting
        >>> from balancers import Evidence
        >>> from balancers.torchjd.method import weights_from_cross_gramian
        >>> products = torch.tensor([[1.0, -3.0], [-3.0, 25.0]])
        >>> evidence = Evidence(torch.tensor([1.0, 4.0]), measured_cross_gramian=products)
        >>> weights_from_cross_gramian(MeanWeighting(), evidence).weights.tolist()
        [0.5, 0.5]
    """
    return Answer(weighting(evidence.cross_gramian).detach().double())


def weights_from_gradients(algorithm: nn.Module, evidence: Evidence) -> Answer:
    """The weights of a weighting that looks at the gradients themselves, or of the one inside an aggregator.

    Example:
        >>> import torch
        >>> from torchjd.aggregation import Mean
        >>> from balancers import Evidence
        >>> from balancers.torchjd.method import weights_from_gradients
        >>> evidence = Evidence(torch.tensor([1.0, 4.0]), measured_gradients=torch.tensor([[1.0, 0.0], [-3.0, 4.0]]))
        >>> weights_from_gradients(Mean(), evidence).weights.tolist()
        [0.5, 0.5]
    """
    weighting = getattr(algorithm, "weighting", algorithm)
    return Answer(weighting(evidence.gradients.detach().double()).detach().double())


def update_from_gradients(aggregator: nn.Module, evidence: Evidence) -> Answer:
    """The update of an aggregator that has no weights, in the place of every task's gradient.

    Example:
        >>> import torch
        >>> from torchjd.aggregation import Sum
        >>> from balancers import Evidence
        >>> from balancers.torchjd.method import update_from_gradients
        >>> evidence = Evidence(torch.tensor([1.0, 4.0]), measured_gradients=torch.tensor([[1.0, 0.0], [-3.0, 4.0]]))
        >>> update_from_gradients(Sum(), evidence).gradients.tolist()
        [[-2.0, 4.0], [-2.0, 4.0]]
    """
    update = aggregator(evidence.gradients.detach().double()).to(evidence.gradients.dtype)
    return Answer(torch.full_like(evidence.losses, 1 / evidence.losses.shape[-1]), update.expand_as(evidence.gradients))
