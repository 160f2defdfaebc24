"""The errors of a step whose numbers are not finite, or do not fit their dtype; after each, nothing has changed."""

from __future__ import annotations

from collections.abc import Sequence


class NonFiniteError(ValueError):
    """A loss or a gradient is NaN or infinite.

    Example:
        >>> import torch
        >>> from balancers import Balancer, NonFiniteError
        >>> point = torch.zeros(2, requires_grad=True)
        >>> try:
        ...     Balancer("pcgrad", ["a", "b"]).backward([point.sum(), point.sum() * float("inf")], shared=[point])
        ... except NonFiniteError as error:
        ...     print(error)
        the loss of task 'b' is nan; ...
    """


class NonFiniteLossError(NonFiniteError):
    """A loss is NaN or infinite.

    Example:
        >>> import torch
        >>> from balancers import Balancer, NonFiniteLossError
        >>> point = torch.zeros(2, requires_grad=True)
        >>> try:
        ...     Balancer("pcgrad", ["a", "b"]).backward([point.sum(), point.sum() / 0], shared=[point])
        ... except NonFiniteLossError as error:
        ...     print(error)
        the loss of task 'b' is nan; ...
    """


class NonFiniteGradientError(NonFiniteError):
    """All losses are finite, but a task's gradient is not.

    Example:
        >>> import torch
        >>> from balancers import Balancer, NonFiniteGradientError
        >>> point = torch.zeros(2, requires_grad=True)
        >>> try:
        ...     Balancer("pcgrad", ["a", "b"]).backward([point.sum(), point.sqrt().sum()], shared=[point])
        ... except NonFiniteGradientError as error:
        ...     print(error)
        the gradients of tasks ['b'] are not finite although their losses are; ...
    """


class OutOfRangeError(NonFiniteError):
    """All gradients and weights are finite, but their products are too large or too small for the parameters' dtype.

    Example:
        >>> import torch
        >>> from balancers import Balancer, OutOfRangeError
        >>> point = torch.full((2,), 1e5, requires_grad=True)
        >>> try:
        ...     Balancer("fixed", ["a", "b"], weights=[1.0, 1e35]).backward(list(point**2), shared=[point])
        ... except OutOfRangeError as error:
        ...     print(error)
        the update leaves the range of float32: task 'b' has the weight 1e+35 and ...
    """


def nonfinite_gradients(tasks: Sequence[str]) -> NonFiniteGradientError:
    """The error that says whose gradients are NaN or infinite.

    Example:
        >>> from balancers.step.errors import nonfinite_gradients
        >>> str(nonfinite_gradients(["b"]))[:48]
        "the gradients of tasks ['b'] are not finite alth"
    """
    return NonFiniteGradientError(
        f"the gradients of tasks {list(tasks)} are not finite although their losses are; nothing was written to .grad. "
        "Look for a square root or a division at 0, or losses so large that their gradients leave the dtype's range"
    )
