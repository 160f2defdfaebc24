"""Data-parallel training: the processes of a group see different examples and agree on everything else.

Every process computes the losses of its part of the batch, parts of one size, and calls the balancer. What stands for
the whole batch is the mean over the processes:

- the losses that the method sees: K numbers, in one message;
- the task gradients, where they are measured at parameters: K times the number of elements, in one message per dtype,
  before the Gramian is formed, so that they are the inner products of the whole batch; with ``memory="lean"``, those of
  one parameter, or of a part of one, in a message;
- where they are measured at features, which belong to examples, the Gramian: K x K numbers, since the inner products of
  the whole batch are the sums of the processes' own;
- the update: once the number of shared elements, unless it is a combination of gradients that were averaged already;
- the gradients of task-specific parameters.

The method then computes the same answer everywhere, from the same state and random numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch import distributed as dist

from balancers.step.gradients import TaskGradients


class Group:
    """Means over the processes of a ``torch.distributed`` group; over one alone, nothing is sent.

    Example:
        >>> import torch
        >>> from balancers.step.parallel import Group
        >>> Group(None).mean([torch.tensor([1.0, 2.0])])  # one process alone
        [tensor([1., 2.])]
    """

    def __init__(self, group: dist.ProcessGroup | None) -> None:
        self._group = group
        self.size = 1 if group is None else dist.get_world_size(group)

    def mean(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The mean of each tensor over the processes, in one message per dtype."""
        if self._group is None or not tensors:
            return list(tensors)
        means: dict[int, Tensor] = {}
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            chosen = [i for i, tensor in enumerate(tensors) if tensor.dtype == dtype]
            flat = torch.cat([tensors[i].detach().reshape(-1) for i in chosen])
            dist.all_reduce(flat, group=self._group)
            parts = (flat / self.size).split([tensors[i].numel() for i in chosen])
            means |= {i: part.view(tensors[i].shape) for i, part in zip(chosen, parts, strict=True)}
        return [means[i] for i in range(len(tensors))]

    def means(self, tensors: Iterable[Tensor | None]) -> list[Tensor | None]:
        """Means of tensors some of which are None; the same ones must be None in every process."""
        entries = list(tensors)
        means = iter(self.mean([tensor for tensor in entries if tensor is not None]))
        return [None if tensor is None else next(means) for tensor in entries]

    def gradients(self, measured: TaskGradients, *, shared: bool = True) -> TaskGradients:
        """Task gradients of the whole batch; those at the shared tensors stay as they are unless ``shared``."""
        if self._group is None:
            return measured
        rows = measured.rows
        if shared:
            means = iter(self.means(gradient for row in rows for gradient in row))
            rows = [[next(means) for _ in row] for row in rows]
        own = iter(self.mean([gradient for pairs in measured.specific for _, gradient in pairs]))
        specific = [[(parameter, next(own)) for parameter, _ in pairs] for pairs in measured.specific]
        return TaskGradients(measured.shared, rows, specific, None if shared else self.of_examples)

    def of_examples(self, products: Float[Tensor, "K K"]) -> Float[Tensor, "K K"]:
        """Inner products of the whole batch, where each process measured them on its own examples alone."""
        (shared,) = self.mean([products / self.size])  # losses are means: gradients at their examples shrink
        return shared
