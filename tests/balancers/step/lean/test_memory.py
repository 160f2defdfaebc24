"""How many bytes a lean Gramian holds at its peak, counted tensor by tensor."""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from balancers.step.gradients import task_gradients
from balancers.step.graph import Leaves
from balancers.step.lean.gramian import lean_gramian

TASKS, WIDTH, DEPTH = 16, 96, 24


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of tensors that are made inside, for as long as they live."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = self._now = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        older = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        results = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(results):
            storage = tensor.untyped_storage() if isinstance(tensor, Tensor) else None
            if storage is not None and storage._cdata not in older | self._sizes.keys():
                self._sizes[storage._cdata] = storage.nbytes()
                self._now += storage.nbytes()
                weakref.finalize(storage, self._freed, storage._cdata)
        self.peak = max(self.peak, self._now)
        return results

    def _freed(self, key: int) -> None:
        self._now -= self._sizes.pop(key)


def peak_of(action: Callable[[], object]) -> int:
    action()  # what is made once
    with LiveBytes() as live:
        action()
    return live.peak


def losses_of(encoder: nn.Module, inputs: Tensor) -> list[Tensor]:
    features = encoder(inputs)
    return [(features @ torch.randn(features.shape[-1], 2)).square().mean() for _ in range(TASKS)]


def test_a_deep_network_takes_a_small_part_of_all_rows() -> None:
    layers = [layer for _ in range(DEPTH) for layer in (nn.Linear(WIDTH, WIDTH), nn.Tanh())]
    encoder = nn.Sequential(*layers)
    shared = list(encoder.parameters())
    losses = losses_of(encoder, torch.randn(8, WIDTH))
    all_rows = TASKS * sum(parameter.numel() for parameter in shared) * 4
    ordinary = peak_of(lambda: task_gradients(losses, Leaves([*shared], []), retain_graph=True).gramian)
    lean = peak_of(lambda: lean_gramian(losses, shared))
    assert ordinary > all_rows
    assert lean < all_rows / 4  # one weight's rows in double precision are a twelfth


def test_convolutions_hold_the_rows_of_one_layer() -> None:
    encoder = nn.Sequential(*(nn.Conv1d(WIDTH, WIDTH, 1) for _ in range(DEPTH)), nn.Flatten())
    shared = list(encoder.parameters())
    losses = losses_of(encoder, torch.randn(2, WIDTH, 3))
    all_rows = TASKS * sum(parameter.numel() for parameter in shared) * 4
    assert peak_of(lambda: lean_gramian(losses, shared)) < all_rows / 4


def test_a_table_of_words_takes_as_many_rows_as_were_looked_up() -> None:
    encoder = nn.Sequential(nn.Embedding(5000, 8), nn.Flatten())
    losses = losses_of(encoder, torch.randint(0, 5000, (10, 5)))
    all_rows = TASKS * 5000 * 8 * 4
    assert peak_of(lambda: lean_gramian(losses, list(encoder.parameters()))) < all_rows / 10
