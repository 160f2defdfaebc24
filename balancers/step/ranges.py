"""Whether the products of weights and gradients stay inside the range of the dtypes of a step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from balancers.contract.weighting import Heads
from balancers.step.graph import Leaves

HEADROOM = 0.75  # the power of the range that losses times weights may fill, where gradients were not measured
NARROWEST = torch.finfo(torch.float16)  # the dtype with the smallest range
NEGLIGIBLE = torch.finfo(torch.float64).eps  # a term this small beside the largest one does not count


class Range(NamedTuple):
    """The numbers that a dtype can hold without loss of precision.

    Example:
        >>> import torch
        >>> from balancers.step.ranges import range_of
        >>> range_of([torch.ones(1), torch.ones(1, dtype=torch.float16)]).largest
        65504.0
    """

    smallest: float  # above 0
    largest: float


class Magnitudes(NamedTuple):
    """How large the losses of the present tasks are, and their gradients where these were measured.

    Example:
        >>> from balancers.step.ranges import Magnitudes
        >>> Magnitudes([1.0, 4.0], [1.0, 5.0]).lengths
        [1.0, 5.0]
    """

    losses: Sequence[float]
    lengths: Sequence[float] | None  # norms of the gradients, or their largest elements


def range_of(tensors: Iterable[Tensor]) -> Range:
    """The range that all of these tensors have in common.

    Example:
        >>> import torch
        >>> from balancers.step.ranges import range_of
        >>> range_of([torch.ones(1)]).largest == torch.finfo(torch.float32).max
        True
    """
    limits = [torch.finfo(dtype) for dtype in {tensor.dtype for tensor in tensors}]
    return Range(max(limit.tiny for limit in limits), min(limit.max for limit in limits))


class Factors(NamedTuple):
    """The largest weight of every task, and the factors of heads that follow the losses times these.

    Example:
        >>> from balancers.step.ranges import Factors
        >>> Factors([1.0, 2.0]).heads is None
        True
    """

    weights: Sequence[float]
    heads: Sequence[float] | None = None  # None for 1

    def of_heads(self, heads: Heads) -> Factors:
        """The same with what heads follow: "own" losses, or "weighted" ones."""
        if heads == "own":
            return self
        own = [1.0] * len(self.weights) if self.heads is None else self.heads
        return Factors(self.weights, [weight * factor for weight, factor in zip(self.weights, own, strict=True)])


def in_range(factors: Factors, magnitudes: Magnitudes, limits: Range, elements: int) -> bool:
    """Whether an update can be put together as it is: no weight or product may leave the range.

    Example:
        A weight of 1e40 is too large for float32, and so is a gradient of 1e30 with a weight of 1e20.

        >>> import torch
        >>> from balancers.step.ranges import Factors, Magnitudes, in_range, range_of
        >>> limits = range_of([torch.ones(1)])
        >>> for weight, length in ((1.0, 1.0), (1e40, 1e-30), (1e20, 1e30)):
        ...     in_range(Factors([1.0, weight]), Magnitudes([1.0, 1.0], [1.0, length]), limits, elements=1)
        True
        False
        False

    Args:
        factors: of the losses.
        magnitudes: of losses and gradients.
        limits: the range of the dtypes of losses and parameters.
        elements: how many numbers the shared parameters hold.
    """
    losses, lengths = magnitudes
    if not any(factors.weights) and any(0 < loss < limits.smallest for loss in losses):
        return False
    low, high = limits.smallest**HEADROOM, limits.largest**HEADROOM
    if not _fit(factors.weights, losses, limits, Range(low, high)):
        return False
    if lengths is not None:
        products = Range(limits.smallest * math.sqrt(elements), limits.largest / (2 * len(lengths)))
        if not _fit(factors.weights, lengths, limits, products):
            return False
    heads = [1.0] * len(losses) if factors.heads is None else factors.heads
    return _fit(heads, losses, limits, Range(0.0, high))


def _fit(factors: Sequence[float], sizes: Sequence[float], limits: Range, products: Range) -> bool:
    """Whether all factors have their place in the range, and the largest of the products among ``products``."""
    terms = [abs(factor * size) for factor, size in zip(factors, sizes, strict=True)]
    largest = max(terms)
    if largest > products.largest or max(map(abs, factors)) > limits.largest / 2:
        return False
    if largest < products.smallest and any(f and s for f, s in zip(factors, sizes, strict=True)):
        return False
    return not any(
        0 < abs(factor) < limits.smallest and term > largest * NEGLIGIBLE
        for factor, term in zip(factors, terms, strict=True)
    )


def _fit_all(factors: Factors, losses: Sequence[float]) -> bool:
    """Whether weights and losses are so ordinary that they fit any dtype: then no parameter needs to be looked at."""
    low, high = NARROWEST.tiny**HEADROOM, NARROWEST.max**HEADROOM
    heads = factors.weights if factors.heads is None else factors.heads
    sizes = [abs(number) for number in (*factors.weights, *heads)]
    terms = [abs(weight * loss) for weight, loss in zip(factors.weights, losses, strict=True)]
    return NARROWEST.tiny < min(sizes) and max(sizes) * max(1.0, *losses) < high and max(terms) > low


def seeds_needed(
    factors: Factors, magnitudes: Magnitudes, losses: Sequence[Tensor], leaves: Leaves
) -> list[float] | None:
    """The `seeds_of` a step whose products may leave the range of its tensors; None for an ordinary step.

    Example:
        >>> import torch
        >>> from balancers.step.graph import Leaves
        >>> from balancers.step.ranges import Factors, Magnitudes, seeds_needed
        >>> point = torch.ones(2, requires_grad=True)
        >>> losses = [point.sum(), 1e-30 * point.sum()]
        >>> for weight in (1.0, 1e40):
        ...     magnitudes = Magnitudes([2.0, 2e-30], [2**0.5, 1e-30])
        ...     seeds = seeds_needed(Factors([1.0, weight]), magnitudes, losses, Leaves([point], []))
        ...     print(seeds is None)
        True
        False
    """
    if magnitudes.lengths is None and _fit_all(factors, magnitudes.losses):
        return None
    limits = range_of([*losses, *leaves.shared, *leaves.specific])
    elements = sum(tensor.numel() for tensor in leaves.shared)
    return None if in_range(factors, magnitudes, limits, elements) else seeds_of(magnitudes.losses, limits)


def seeds_of(losses: Sequence[float], limits: Range) -> list[float]:
    """Powers of two near the inverse of each loss: multiplied by them, losses and gradients are far from both ends.

    Example:
        >>> import torch
        >>> from balancers.step.ranges import range_of, seeds_of
        >>> seeds_of([4.0, 0.0, 0.3], range_of([torch.ones(1)]))
        [0.125, 1.0, 2.0]
    """
    most = int(math.log2(limits.largest)) // 2
    return [2.0 ** -min(max(math.frexp(loss)[1], -most), most) for loss in losses]


def in_dtype(weights: Tensor, dtype: torch.dtype) -> Tensor:
    """The weights in this dtype, or as they are where it has no number within rounding of one of them.

    Example:
        >>> import torch
        >>> from balancers.step.ranges import in_dtype
        >>> [in_dtype(torch.tensor([1.0, w], dtype=torch.float64), torch.float32).dtype for w in (0.0, 1e-60)]
        [torch.float32, torch.float64]
    """
    narrow = weights.to(dtype)
    exact = (narrow - weights).abs() <= torch.finfo(dtype).eps * weights.abs()
    return narrow if bool(exact.all()) else weights
