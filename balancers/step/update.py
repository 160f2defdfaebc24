"""What is added to ``.grad``, from an answer and the measured gradients.

Where weights times gradients may leave the range of their dtype, they are multiplied in double precision, and what is
to be written is looked at first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from balancers.contract.evidence import Answer
from balancers.step import several
from balancers.step.errors import OutOfRangeError
from balancers.step.gradients import TaskGradients
from balancers.step.host import may_look
from balancers.step.products import combine
from balancers.step.wide import Terms, narrowed, require_finite_rows, weighted_rows, weighted_sums, widened


class Weighed(NamedTuple):
    """The answer of a method, and whether its products with the gradients need care.

    What cannot be looked at without waiting for an accelerator is added to ``unchecked`` on the way to ``.grad``.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.update import Weighed
        >>> Weighed(Answer(torch.ones(2))).seeds is None
        True
    """

    answer: Answer
    seeds: Sequence[float] | None = None  # powers of two near 1 / loss; None where all products stay inside the range
    losses: Sequence[float] = ()  # their magnitudes
    unchecked: list[Tensor] | None = None  # numbers that the next step must look at; None where all were looked at


class Addition(NamedTuple):
    """What is to be added to the ``.grad`` of a tensor.

    Example:
        >>> import torch
        >>> from balancers.step.update import Addition
        >>> Addition(torch.ones(2, requires_grad=True), torch.tensor([1.0, 2.0])).ours
        True
    """

    tensor: Tensor
    gradient: Tensor  # of a complex tensor it may be a real view
    ours: bool = True  # whether it is nobody else's, so that it may become ``.grad`` itself


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
        largest = torch.linalg.vector_norm(update, math.inf)
        if weighed.unchecked is not None and not may_look(update.device):
            weighed.unchecked.append(largest)
            return measured.split(update)
        if 0 < largest.tolist() < math.inf:
            return measured.split(update)
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
        return measured.split_wide(weighted_rows(answer.weights, _matrix(answer, measured)))
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


def head_gradients(
    weighed: Weighed, measured: TaskGradients, tasks: Sequence[str], seeds: Sequence[float] | None, *, weigh: bool
) -> list[Addition]:
    """Every task-specific parameter with what its task adds to it.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.gradients import TaskGradients
        >>> from balancers.step.update import Weighed, head_gradients
        >>> head = torch.ones(1)
        >>> measured = TaskGradients([torch.ones(1)], [[torch.ones(1)]], [[(head, torch.tensor([0.5]))]])
        >>> [(_, gradient, _)] = head_gradients(Weighed(Answer(torch.tensor([3.0]))), measured, ["a"], None, weigh=True)
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
    numbers = None if factors is None else factors.tolist()
    if weighed.seeds is not None:
        return _wide_heads(numbers or [1.0] * len(tasks), measured, tasks, seeds or [1.0] * len(tasks))
    pairs = [pair for pairs in measured.specific for pair in pairs]
    if numbers is None:
        return [Addition(tensor, gradient, ours=False) for tensor, gradient in pairs]
    each = [number for number, pairs in zip(numbers, measured.specific, strict=True) for _ in pairs]
    weighted = several.scaled([gradient for _, gradient in pairs], each) if pairs else []
    return [Addition(tensor, gradient) for (tensor, _), gradient in zip(pairs, weighted, strict=True)]


def _wide_heads(
    factors: Sequence[float], measured: TaskGradients, tasks: Sequence[str], seeds: Sequence[float]
) -> list[Addition]:
    rows = [[gradient for _, gradient in pairs] for pairs in measured.specific]
    require_finite_rows(rows, tasks)
    written: list[Addition] = []
    for task, factor, seed, pairs in zip(tasks, factors, seeds, measured.specific, strict=True):
        row = [gradient for _, gradient in pairs]
        terms = Terms([task], torch.tensor([factor], dtype=torch.float64), [row], [seed])
        parts = narrowed([widened(gradient) * (factor / seed) for gradient in row], row, terms, all_zero=True)
        written += [Addition(tensor, part) for (tensor, _), part in zip(pairs, parts, strict=True) if part is not None]
    return written


def accumulate(additions: Sequence[Addition]) -> None:
    """Add to ``.grad`` in place, or make one with the strides of its tensor, on which fused optimizers rely.

    Example:
        >>> import torch
        >>> from balancers.step.update import Addition, accumulate
        >>> point = torch.ones(2, requires_grad=True)
        >>> accumulate([Addition(point, torch.tensor([1.0, 2.0]))])
        >>> accumulate([Addition(point, torch.tensor([1.0, 2.0])), Addition(point, torch.tensor([0.0, 1.0]))])
        >>> point.grad.tolist()
        [2.0, 5.0]
    """
    totals: list[tuple[Tensor, Tensor]] = []
    foreign: list[tuple[Tensor, Tensor]] = []
    met: set[Tensor] = set()
    again: list[Addition] = []
    for addition in additions:
        tensor, gradient, ours = addition
        if tensor in met:  # sums that run side by side must not write to one place
            again.append(addition)
            continue
        met.add(tensor)
        if tensor.is_complex() and not gradient.is_complex():
            gradient = torch.view_as_complex(gradient.contiguous())
        if tensor.grad is not None and tensor.grad.layout == torch.strided:
            totals.append((tensor.grad, gradient.to(tensor.grad.dtype)))
        elif tensor.grad is not None:
            tensor.grad = gradient + tensor.grad
        elif gradient.dtype != tensor.dtype or gradient.stride() != tensor.stride():
            tensor.grad = torch.empty_like(tensor, requires_grad=False).copy_(gradient)
        elif ours:
            tensor.grad = gradient
        else:
            foreign.append((tensor, gradient))
    for pairs in _alike(totals):
        several.add([total for total, _ in pairs], [gradient for _, gradient in pairs])
    for pairs in _alike(foreign):
        copies = several.scaled([gradient for _, gradient in pairs], 1.0)  # in one call, which copying has not
        for (tensor, _), copy in zip(pairs, copies, strict=True):
            tensor.grad = copy
    if again:
        accumulate(again)


def _alike(pairs: Sequence[tuple[Tensor, Tensor]]) -> list[list[tuple[Tensor, Tensor]]]:
    """The pairs in groups whose first tensors have one dtype and device."""
    groups: dict[tuple[torch.dtype, torch.device], list[tuple[Tensor, Tensor]]] = {}
    for pair in pairs:
        groups.setdefault((pair[0].dtype, pair[0].device), []).append(pair)
    return list(groups.values())
