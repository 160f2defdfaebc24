"""Random numbers for methods: reproducible, per replica, and never from the global generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Generator, Tensor


class Draws:
    """Random numbers for a method, from generators of its own: one per replica, always on the CPU.

    A replica therefore draws what it would draw alone, and a GPU draws what a CPU draws.

    Example:
        >>> import torch
        >>> from balancers import Draws
        >>> draws = Draws.seeded(0, batch=[2])  # two replicas
        >>> numbers = draws.uniform(torch.zeros(2, 3))
        >>> torch.equal(numbers[1], Draws.seeded(1).uniform(torch.zeros(3)))
        True
    """

    def __init__(self, generators: Sequence[Generator], batch: Sequence[int] = ()) -> None:
        assert len(generators) == torch.Size(batch).numel(), "one generator per replica"
        self.generators = list(generators)
        self.batch = tuple(batch)

    @classmethod
    def seeded(cls, seed: int, batch: Sequence[int] = ()) -> Draws:
        """Generators with the seeds ``seed``, ``seed + 1``, ... for the replicas in order."""
        return cls([Generator().manual_seed(seed + i) for i in range(torch.Size(batch).numel())], batch)

    def uniform(self, like: Float[Tensor, "*B *S"], dtype: torch.dtype = torch.float64) -> Float[Tensor, "*B *S"]:
        """Numbers in [0, 1) in the shape and on the device of ``like``; in another dtype, they may round to 1."""
        return self._draw(torch.rand, like, dtype)

    def normal(self, like: Float[Tensor, "*B *S"], dtype: torch.dtype = torch.float64) -> Float[Tensor, "*B *S"]:
        """Standard normal numbers in the shape and on the device of ``like``."""
        return self._draw(torch.randn, like, dtype)

    def _draw(self, draw: Callable[..., Tensor], like: Tensor, dtype: torch.dtype) -> Tensor:
        shape = like.shape[len(self.batch) :]
        drawn = [draw(shape, generator=generator, dtype=torch.float64) for generator in self.generators]
        numbers = torch.stack(drawn).reshape(like.shape) if self.batch else drawn[0]
        return numbers.to(like.device, dtype, non_blocking=True)
