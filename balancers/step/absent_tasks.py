"""Tasks that are absent from a batch: the method sees the others alone, and the absent ones keep their state."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from balancers.contract.evidence import as_answer
from balancers.contract.weighting import Answer, Draws, Evidence, State, Weighting
from balancers.step.state_axes import task_axes


def restrict(state: State, present: Int[Tensor, "P"]) -> State:
    """The state as a method would have it if only the tasks at ``present`` existed.

    Example:
        >>> import torch
        >>> from balancers import Sizes, create
        >>> from balancers.step.absent_tasks import restrict
        >>> state = create("fixed", weights=[1.0, 2.0, 3.0]).init(Sizes(3))
        >>> restrict(state, torch.tensor([0, 2])).weights.tolist()
        [1.0, 3.0]
    """
    fields = {}
    for (field, axes), value in zip(task_axes(type(state)).items(), state, strict=True):
        for axis in axes:
            value = value.index_select(axis, present.to(value.device))  # noqa: PLW2901
        fields[field] = value
    return type(state)(**fields)


def restore(state: State, restricted: State, present: Int[Tensor, "P"]) -> State:
    """The whole state with the entries of the present tasks replaced, the others as they were.

    Example:
        >>> import torch
        >>> from balancers import Sizes, create
        >>> from balancers.step.absent_tasks import restore, restrict
        >>> state = create("fixed", weights=[1.0, 2.0, 3.0]).init(Sizes(3))
        >>> part = restrict(state, torch.tensor([0, 2]))
        >>> restore(state, part._replace(weights=part.weights * 10), torch.tensor([0, 2])).weights.tolist()
        [10.0, 2.0, 30.0]
    """
    fields = {}
    for (field, axes), whole, part in zip(task_axes(type(state)).items(), state, restricted, strict=True):
        fields[field] = _scatter(whole, part, axes, present)
    return type(state)(**fields)


def _scatter(whole: Tensor, part: Tensor, axes: tuple[int, ...], present: Tensor) -> Tensor:
    if not axes:
        return part
    keys: list[slice | Tensor] = [slice(None)] * whole.dim()
    for position, axis in enumerate(axes):
        shape = [1] * len(axes)
        shape[position] = -1
        keys[axis] = present.view(shape).to(whole.device)
    changed = whole.clone()
    if len(axes) > 1:  # index arrays must be adjacent for the result to keep the order of the axes
        assert axes == tuple(range(axes[0], axes[-1] + 1)), "axes that count tasks must stand side by side"
    changed[tuple(keys)] = part
    return changed


def update_present(
    weighting: Weighting[State], evidence: Evidence, state: State, draws: Draws, present: Int[Tensor, "P"]
) -> tuple[Answer, State]:
    """`Weighting.update` with the evidence of the present tasks only and the state of all tasks.

    Returns the answer for the present tasks, and the state of all.

    Example:
        >>> import torch
        >>> from balancers import Draws, Evidence, Sizes, create
        >>> from balancers.step.absent_tasks import update_present
        >>> method = create("fixed", weights=[1.0, 2.0, 3.0])
        >>> evidence = Evidence(torch.tensor([4.0, 5.0], dtype=torch.float64))  # of the first and the last task
        >>> answer, _ = update_present(method, evidence, method.init(Sizes(3)), Draws.seeded(0), torch.tensor([0, 2]))
        >>> answer.weights.tolist()
        [1.0, 3.0]
    """
    restricted = restrict(state, present)
    answer, following = weighting.update(evidence, restricted, draws)
    return as_answer(answer), restore(state, following, present)


def after_present(
    weighting: Weighting[State], losses: Float[Tensor, "*B P"], state: State, present: Int[Tensor, "P"]
) -> State:
    """`Weighting.after` with the losses of the present tasks only and the state of all tasks.

    Example:
        The second task is absent, so that its entry stays 0.

        >>> import torch
        >>> from balancers import Sizes, create
        >>> from balancers.step.absent_tasks import after_present
        >>> method = create("famo")
        >>> losses = torch.tensor([1.0, 0.5], dtype=torch.float64)
        >>> state = after_present(method, losses, method.init(Sizes(3)), torch.tensor([0, 2]))
        >>> state.logits[1].item(), (state.logits[0] * state.logits[2]).item() < 0
        (0.0, True)
    """
    return restore(state, weighting.after(losses, restrict(state, present)), present)


def after_validation_of(
    weighting: Weighting[State], scores: Float[Tensor, "*B P"], state: State, scored: Int[Tensor, "P"]
) -> State:
    """`Weighting.after_validation` with the scores of the tasks at ``scored`` only and the state of all tasks.

    Example:
        The second task has no score, so that its entry stays 0.

        >>> import torch
        >>> from balancers import Sizes, create
        >>> from balancers.step.absent_tasks import after_validation_of
        >>> method = create("pivrg")
        >>> scores = torch.tensor([5.0, -3.0], dtype=torch.float64)
        >>> after_validation_of(method, scores, method.init(Sizes(3)), torch.tensor([0, 2])).scores.tolist()
        [5.0, 0.0, -3.0]
    """
    return restore(state, weighting.after_validation(scores, restrict(state, scored)), scored)


def with_zeros_for_absent(
    weights: Float[Tensor, "P"] | Float[Tensor, "P D"], present: Int[Tensor, "P"], tasks: int
) -> Float[Tensor, "K"] | Float[Tensor, "K D"]:
    """The weights of all tasks, from the weights of the present ones: every absent task has weight 0.

    Example:
        >>> import torch
        >>> from balancers.step.absent_tasks import with_zeros_for_absent
        >>> with_zeros_for_absent(torch.tensor([1.0, 3.0]), torch.tensor([0, 2]), tasks=3).tolist()
        [1.0, 0.0, 3.0]
    """
    if len(weights) == tasks:
        return weights
    whole = torch.zeros(tasks, *weights.shape[1:], dtype=weights.dtype, device=weights.device)
    whole[present.to(whole.device)] = weights
    return whole
