"""Checks of numbers before anything is written to ``.grad``: each raises an error that names the task or method."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.evidence import Answer, Evidence
from balancers.step.errors import NonFiniteError, NonFiniteLossError, nonfinite_gradients
from balancers.step.host import may_look
from balancers.step.ranges import Factors


def require_finite_losses(losses: Float[Tensor, "P"], tasks: Sequence[str]) -> None:
    """Raise `NonFiniteLossError` for the first of ``tasks`` whose loss is NaN or infinite.

    Example:
        >>> import torch
        >>> from balancers.step.guards import require_finite_losses
        >>> require_finite_losses(torch.tensor([1.0, float('nan')]), ["a", "b"])
        Traceback (most recent call last):
            ...
        balancers.step.errors.NonFiniteLossError: the loss of task 'b' is nan; ...
    """
    for task, value in zip(tasks, losses.tolist(), strict=True):
        if not math.isfinite(value):
            raise NonFiniteLossError(
                f"the loss of task {task!r} is {value}; gradients and state are as they were. "
                "Look for a too large learning rate or a division by zero; leave out tasks without labels"
            )


def require_bounded_losses(
    losses: Float[Tensor, "P"], bounded: Float[Tensor, "P"], roundings: Sequence[float], tasks: Sequence[str], who: str
) -> None:
    """Raise ``ValueError`` for the first of ``tasks`` whose loss lies further below its lower bound than its rounding.

    Example:
        >>> import torch
        >>> from balancers.step.guards import require_bounded_losses
        >>> losses = torch.tensor([-1e-9, -2.0])
        >>> require_bounded_losses(losses, losses, [1e-6, 1e-6], ["a", "b"], "gls")
        Traceback (most recent call last):
            ...
        ValueError: gls needs losses of at least 0, and that of task 'b' is -2: ...
    """
    for task, value, above, rounding in zip(tasks, losses.tolist(), bounded.tolist(), roundings, strict=True):
        if above < -rounding:
            bound = value - above
            least = f"at least their lower bound, {bound:.6g}" if bound else "at least 0"
            raise ValueError(
                f"{who} needs losses of {least}, and that of task {task!r} is {value:.6g}: "
                "tell the balancer its infimum with lower_bounds="
            )


def require_reached(reached: Sequence[bool], tasks: Sequence[str]) -> None:
    """Raise ``ValueError`` if a loss depends on nothing at which gradients were measured, while another one does.

    Example:
        >>> from balancers.step.guards import require_reached
        >>> require_reached([True, False], ["a", "b"])
        Traceback (most recent call last):
            ...
        ValueError: the loss of task 'b' depends on no parameter at which gradients are measured: ...
    """
    if any(reached):
        for task, fine in zip(tasks, reached, strict=True):
            if not fine:
                raise ValueError(
                    f"the loss of task {task!r} depends on no parameter at which gradients are measured: "
                    "leave the task out of this batch, or pass the encoder that its loss was computed with"
                )


def require_finite_gradients(evidence: Evidence, lengths: Sequence[float] | None, tasks: Sequence[str]) -> None:
    """Raise `NonFiniteGradientError` if what was measured of a task's gradient is NaN or infinite.

    Example:
        >>> import torch
        >>> from balancers import Evidence
        >>> from balancers.step.guards import require_finite_gradients
        >>> require_finite_gradients(Evidence(torch.ones(2)), [1.0, 2.0], ["a", "b"])
        >>> require_finite_gradients(Evidence(torch.ones(2)), [1.0, float("inf")], ["a", "b"])
        Traceback (most recent call last):
            ...
        balancers.step.errors.NonFiniteGradientError: the gradients of tasks ['b'] are not finite ...

    Args:
        evidence: of the step.
        lengths: the norms of the gradients, or their largest elements; None if neither was measured.
        tasks: their names.
    """
    fine = [True] * len(tasks) if lengths is None else [math.isfinite(length) for length in lengths]
    if evidence.measured_cross_gramian is not None:
        crossed = evidence.cross_gramian.isfinite().any(-1) & evidence.cross_gramian.diagonal().isfinite()
        fine = [good and cross for good, cross in zip(fine, crossed.tolist(), strict=True)]
    broken = [task for task, good in zip(tasks, fine, strict=True) if not good]
    if broken:
        raise nonfinite_gradients(broken)


def require_finite_before(unchecked: Sequence[float], method: str) -> None:
    """Raise `NonFiniteError` if a number of the step before, which had no time to look at it, is NaN or infinite.

    Example:
        >>> from balancers.step.guards import require_finite_before
        >>> require_finite_before([1.0, float("nan")], "graddrop")
        Traceback (most recent call last):
            ...
        balancers.step.errors.NonFiniteError: the update that graddrop made in the step before, or what it ...
    """
    if not all(map(math.isfinite, unchecked)):
        raise NonFiniteError(
            f"the update that {method} made in the step before, or what it remembers of it, is not finite. On an "
            "accelerator this shows one step later, because looking at once would stop it: go back to a checkpoint, "
            "and bring the losses to one scale, near 1"
        )


def require_finite_answer(
    answer: Answer, tasks: Sequence[str], method: str, losses: Sequence[float] | None = None
) -> Factors:
    """Raise `NonFiniteError` if a method gave a weight, or a factor for a head, that is NaN or infinite.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.guards import require_finite_answer
        >>> require_finite_answer(Answer(torch.tensor([1.0, float("inf")])), ["a", "b"], "mine")
        Traceback (most recent call last):
            ...
        balancers.step.errors.NonFiniteError: mine gave the weights [1.0, inf] to the tasks ['a', 'b']; ...

    Returns:
        The largest weight of every task, and the factors.
    """
    factors = []
    for what, numbers in (("weights", answer.weights), ("factors for the heads", answer.heads)):
        if numbers is None:
            continue
        if not may_look(numbers.device):  # one per element: the update shows in the next step whether it was finite
            factors.append([1.0] * len(tasks))
            continue
        values = (numbers if numbers.dim() == 1 else torch.linalg.vector_norm(numbers, math.inf, dim=-1)).tolist()
        factors.append(values)
        if not all(map(math.isfinite, values)):
            raise NonFiniteError(
                f"{method} gave the {what} {values} to the tasks {list(tasks)}{_with(losses)}; nothing was written to "
                ".grad, and the state is as it was"
            )
    return Factors(*factors)


def unsolvable(method: str, tasks: Sequence[str], losses: Sequence[float]) -> NonFiniteError:
    """The error of a method whose linear algebra ended in numbers that are not finite.

    Example:
        >>> from balancers.step.guards import unsolvable
        >>> unsolvable("mine", ["a"], [1e200])
        NonFiniteError("mine met numbers that are not finite with the tasks ['a'], whose losses are 1e+200 in size; ...
    """
    return NonFiniteError(
        f"{method} met numbers that are not finite with the tasks {list(tasks)}{_with(losses)}; nothing was written to "
        ".grad, and the state is as it was. Bring the losses to one scale, near 1"
    )


def _with(losses: Sequence[float] | None) -> str:
    """The size of the losses, for the message of an error."""
    return "" if losses is None else f", whose losses are {', '.join(f'{loss:.3g}' for loss in losses)} in size"


def require_finite_state(
    state: tuple[Tensor, ...], tasks: Sequence[str], method: str, losses: Sequence[float] | None = None
) -> None:
    """Raise `NonFiniteError` if a number that a method wants to remember is NaN or infinite.

    Numbers on an accelerator are not looked at.

    Example:
        >>> import torch
        >>> from balancers import create, Sizes
        >>> from balancers.step.guards import require_finite_state
        >>> state = create("slaw").init(Sizes(2))
        >>> require_finite_state(state, ["a", "b"], "slaw")
        >>> state = state._replace(means=torch.tensor([1.0, float("inf")]))
        >>> require_finite_state(state, ["a", "b"], "slaw", [1.0, 1e200])
        Traceback (most recent call last):
            ...
        balancers.step.errors.NonFiniteError: slaw cannot remember the means of the tasks ['a', 'b'], whose losses ...
    """
    fields = getattr(state, "_fields", ())
    near = [(field, value) for field, value in zip(fields, state, strict=True) if may_look(value.device)]
    broken = [field for field, value in near if not value.isfinite().all()]
    if broken:
        raise NonFiniteError(
            f"{method} cannot remember the {' and '.join(broken)} of the tasks {list(tasks)}{_with(losses)}: they are "
            "not finite; nothing was written to .grad, and the state is as it was"
        )
