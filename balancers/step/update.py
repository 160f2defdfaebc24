"""What is added to ``.grad``, from an answer and the measured gradients.

Where weights times gradients may leave the range of their dtype, they are multiplied in double precision, and what is
to be written is looked at first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from balancers.contract.evidence import Answer
from balancers.step.errors import OutOfRangeError
from balancers.step.gradients import TaskGradients, combine
from balancers.step.wide import Terms, narrowed, require_finite_rows, weighted_rows, weighted_sums, widened


class Weighed(NamedTuple):
    """The answer of a method, and whether its products with the gradients need care.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.update import Weighed
        >>> Weighed(Answer(torch.ones(2))).seeds is None
        True
    """

    answer: Answer
    seeds: Sequence[float] | None = None  # powers of two near 1 / loss; None where all products stay inside the range
    losses: Sequence[float] = ()  # how large they are


def shared_update(weighed: Weighed, measured: TaskGradients, tasks: Sequence[str]) -> list[Tensor | None]:
    """The balanced gradient at every shared tensor; none where no loss depends on it.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.gradients import TaskGradients
        >>> from balancers.step.update import Weighed, shared_update
        >>> gradients = [torch.tensor([1.0, 0.0]), torch.tensor([-3.0, 4.0])]
        >>> measured = TaskGradients(gradients[:1], [[gradient] for gradient in gradients], [[], []])
        >>> shared_update(Weighed(Answer(torch.tensor([3.0, 1.0]))), measured, ["a", "b"])
        [tensor([0., 4.])]

    Raises:
        OutOfRangeError: a number of it is too large for its dtype, or all are 0 because they are too small.
    """
    answer = weighed.answer
    if weighed.seeds is None:
        if not _by_elements(answer):
            return measured.combine(answer.weights)
        update = combine(answer.weights, _matrix(answer, measured))
        if 0 < torch.linalg.vector_norm(update, math.inf).tolist() < math.inf:
            return _split(update, measured)
    ones = [1.0] * len(tasks)
    terms = terms_of(answer, measured, tasks, ones)
    require_no_lost_gradient(weighed, terms, measured.places)
    return narrowed(wide_update(answer, measured, ones), measured.places, terms)


def require_no_lost_gradient(weighed: Weighed, terms: Terms, like: Sequence[Tensor]) -> None:
    """Raise `OutOfRangeError` if the update is 0 because a loss is so small that its gradient or its weight is.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.update import Weighed, require_no_lost_gradient
        >>> from balancers.step.wide import Terms
        >>> weighed = Weighed(Answer(torch.ones(1)), [2.0**64], [1e-44])
        >>> require_no_lost_gradient(weighed, Terms(["a"], torch.ones(1), [[torch.zeros(2)]], [1.0]), [torch.ones(2)])
        Traceback (most recent call last):
            ...
        balancers.step.errors.OutOfRangeError: the update is 0: the loss of task 'a' is 1e-44, ...
    """
    each = terms.each()
    if any(weight * size for _, weight, size in each):
        return
    smallest = max(torch.finfo(tensor.dtype).tiny for tensor in like)
    for (task, weight, size), loss in zip(each, weighed.losses, strict=False):
        if 0 < loss < smallest:
            raise OutOfRangeError(
                f"the update is 0: the loss of task {task!r} is {loss:.3g}, which is so small that its weight is "
                f"{weight:.3g} and the largest element of its gradient {size:.3g}; nothing was written to .grad, and "
                "the state is as it was. Multiply the loss by a number that brings it near 1, or leave the task out"
            )


def wide_update(answer: Answer, measured: TaskGradients, seeds: Sequence[float]) -> list[Tensor | None]:
    """`shared_update` in float64, of gradients that were measured for the losses times ``seeds``.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.gradients import TaskGradients
        >>> from balancers.step.update import wide_update
        >>> measured = TaskGradients([torch.ones(1)], [[torch.tensor([0.5])]], [[]])
        >>> wide_update(Answer(torch.tensor([1e40], dtype=torch.float64)), measured, [0.5])[0].tolist()
        [1e+40]
    """
    if _by_elements(answer):
        return _split(weighted_rows(answer.weights, _matrix(answer, measured)), measured)
    return weighted_sums(answer.weights / answer.weights.new_tensor(seeds), measured.rows)


def terms_of(answer: Answer, measured: TaskGradients, tasks: Sequence[str], seeds: Sequence[float]) -> Terms:
    """The terms of the update, for the message of an error.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.gradients import TaskGradients
        >>> from balancers.step.update import terms_of
        >>> measured = TaskGradients([torch.ones(1)], [[torch.tensor([0.5])]], [[]])
        >>> terms_of(Answer(torch.tensor([3.0])), measured, ["a"], [1.0]).largest()
        ('a', 3.0, 0.5)
    """
    rows = [[row] for row in _matrix(answer, measured)] if _by_elements(answer) else measured.rows
    return Terms(tasks, answer.weights, rows, seeds)


def _by_elements(answer: Answer) -> bool:
    """Whether the update is put together from one matrix of gradients."""
    return answer.weights.dim() > 1 or answer.gradients is not None


def _matrix(answer: Answer, measured: TaskGradients) -> Tensor:
    return measured.matrix if answer.gradients is None else answer.gradients


def _split(update: Tensor, measured: TaskGradients) -> list[Tensor | None]:
    parts = update.split([tensor.numel() for tensor in measured.places])
    return [
        part.view_as(tensor) if any(gradient is not None for gradient in gradients) else None
        for tensor, part, *gradients in zip(measured.places, parts, *measured.rows, strict=True)
    ]


def head_gradients(
    weighed: Weighed, measured: TaskGradients, tasks: Sequence[str], seeds: Sequence[float] | None, *, weigh: bool
) -> Iterable[tuple[Tensor, Tensor]]:
    """Every task-specific parameter with what its task adds to it.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.gradients import TaskGradients
        >>> from balancers.step.update import Weighed, head_gradients
        >>> head = torch.ones(1)
        >>> measured = TaskGradients([torch.ones(1)], [[torch.ones(1)]], [[(head, torch.tensor([0.5]))]])
        >>> [(_, gradient)] = head_gradients(Weighed(Answer(torch.tensor([3.0]))), measured, ["a"], None, weigh=True)
        >>> gradient
        tensor([1.5000])

    Args:
        weighed: the answer.
        measured: the gradients.
        tasks: the names of the tasks.
        seeds: what the losses were multiplied by when the gradients were measured; None for 1.
        weigh: whether heads follow the weighted losses.

    Raises:
        NonFiniteGradientError: a gradient is not finite, where it had to be looked at.
        OutOfRangeError: a number to be written is too large for its dtype.
    """
    answer = weighed.answer
    factors = answer.heads
    if weigh:  # where a method puts gradients in place, its weights belong to the transformed losses
        own = None if answer.gradients is None else factors
        factors = answer.weights if own is None else answer.weights * own
    numbers = [None] * len(tasks) if factors is None else factors.tolist()
    if weighed.seeds is not None:
        numbers = [1.0 if number is None else number for number in numbers]
        return _wide_heads(numbers, measured, tasks, seeds or [1.0] * len(tasks))
    return (
        (tensor, gradient.clone() if number is None else gradient * number)
        for number, pairs in zip(numbers, measured.specific, strict=True)
        for tensor, gradient in pairs
    )


def _wide_heads(
    factors: Sequence[float], measured: TaskGradients, tasks: Sequence[str], seeds: Sequence[float]
) -> list[tuple[Tensor, Tensor]]:
    rows = [[gradient for _, gradient in pairs] for pairs in measured.specific]
    require_finite_rows(rows, tasks)
    written: list[tuple[Tensor, Tensor]] = []
    for task, factor, seed, pairs in zip(tasks, factors, seeds, measured.specific, strict=True):
        row = [gradient for _, gradient in pairs]
        terms = Terms([task], torch.tensor([factor], dtype=torch.float64), [row], [seed])
        parts = narrowed([widened(gradient) * (factor / seed) for gradient in row], row, terms, all_zero=True)
        written += [(tensor, part) for (tensor, _), part in zip(pairs, parts, strict=True) if part is not None]
    return written


def accumulate(tensor: Tensor, gradient: Tensor) -> None:
    """Add to ``.grad`` in place, or make one with the strides of its tensor, on which fused optimizers rely.

    ``gradient`` must be nobody else's: it may become ``.grad`` itself. That of a complex tensor may be a real view.

    Example:
        >>> import torch
        >>> from balancers.step.update import accumulate
        >>> point = torch.ones(2, requires_grad=True)
        >>> accumulate(point, torch.tensor([1.0, 2.0]))
        >>> accumulate(point, torch.tensor([1.0, 2.0]))
        >>> point.grad.tolist()
        [2.0, 4.0]
    """
    if tensor.is_complex() and not gradient.is_complex():
        gradient = torch.view_as_complex(gradient.contiguous())
    if tensor.grad is None:
        fits = gradient.dtype == tensor.dtype and gradient.stride() == tensor.stride()
        tensor.grad = gradient if fits else torch.empty_like(tensor, requires_grad=False).copy_(gradient)
    else:
        tensor.grad.add_(gradient.to(tensor.grad.dtype))
