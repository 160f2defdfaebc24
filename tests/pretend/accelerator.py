"""A pretend accelerator, the device "pretend": its tensors lie in main memory, but refuse to meet tensors of the CPU.

It finds without a GPU what a GPU would find: tensors made on the wrong device, numbers that the host waits for, and
double precision, which Apple's GPUs do not have. To import this module changes torch for the whole process.

It is made with PyTorch's Python backend for PrivateUse1. Factories that resize their result in C++ (`torch.arange`,
`torch.tensor` and others) cannot be served in that way: here they make a tensor on the CPU, and copy it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "pretend"
DEVICE_TYPES = (NAME, "privateuseone")
DOUBLE = (torch.float64, torch.complex128)
COPIES = {"copy_", "_to_copy", "_copy_from", "to"}  # operators that move numbers between devices
MIXING = COPIES | {"index", "index_put", "index_put_", "_index_put_impl_"}  # these take tensors of two devices
READING = {"_local_scalar_dense", "equal", "is_nonzero", "item", "nonzero", "masked_select", "_unique2", "unique_dim"}
COPIED_FACTORIES = ("arange", "eye", "full", "linspace", "randperm", "tensor")

waits: Counter[str] = Counter()  # times that the host waited for numbers of the device, by operator
operators: Counter[str] = Counter()  # that ran on the device, by name; nearly each is a kernel launch on a GPU
_has_float64 = True


class DeviceTensor(Tensor):
    """A tensor of the pretend device; ``raw`` is the tensor in main memory."""

    raw: Tensor

    @staticmethod
    def __new__(cls: type, raw: Tensor) -> DeviceTensor:
        if not _has_float64 and raw.dtype in DOUBLE:
            raise TypeError(f"the device {NAME} has no {raw.dtype}")
        return Tensor._make_wrapper_subclass(  # pyright: ignore[reportAttributeAccessIssue]
            cls,
            raw.size(),
            strides=raw.stride(),
            storage_offset=raw.storage_offset(),
            dtype=raw.dtype,
            layout=raw.layout,
            device=torch.device(NAME, 0),
        )

    def __init__(self, raw: Tensor) -> None:
        self.raw = raw

    def __repr__(self, *, tensor_contents: object = None) -> str:
        return f"DeviceTensor({self.raw})"

    def tolist(self) -> Any:
        waits["tolist"] += 1
        return self.raw.tolist()

    def new_tensor(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, data: Any, dtype: Any = None, device: Any = None, **options: Any
    ) -> Tensor:
        where = self.device if device is None else device
        return torch.tensor(data, dtype=dtype or self.dtype, device=where, **options)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _call(func, args, kwargs or {})


class _Module(_DummyBackendModule):
    """`torch.pretend`: random numbers of the device are those of the CPU's generator."""

    def get_rng_state(self, device: object = None) -> Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: Tensor, device: object = None) -> None:
        torch.set_rng_state(state)

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


def _is_ours(device: object) -> bool:
    return device is not None and torch.device(device).type in DEVICE_TYPES  # pyright: ignore[reportArgumentType]


def _call(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Run an operator in main memory, if all of its tensors with axes are on the device; note who waits."""
    name = func.overloadpacket.__name__
    tensors = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
    ours = [tensor for tensor in tensors if isinstance(tensor, DeviceTensor)]
    theirs = [tensor for tensor in tensors if not isinstance(tensor, DeviceTensor)]
    if ours and name not in MIXING and any(tensor.dim() for tensor in theirs):
        raise RuntimeError(f"expected all tensors on one device, but {name} has some on {NAME} and some on the CPU")
    device = kwargs.get("device")
    on_device = bool(ours) if device is None else _is_ours(device)
    operators[name] += 1
    if _waits(name, args, to_host=bool(ours) and device is not None and not on_device):
        waits[name] += 1
    kwargs = kwargs if device is None else {**kwargs, "device": torch.device("cpu")}
    args, kwargs = tree_map(lambda leaf: leaf.raw if isinstance(leaf, DeviceTensor) else leaf, (args, kwargs))
    with torch.no_grad():
        result = func(*args, **kwargs)
    same = {id(tensor.raw): tensor for tensor in ours} | {id(tensor): tensor for tensor in theirs}

    def wrapped(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or id(leaf) in same:
            return same.get(id(leaf), leaf)
        return DeviceTensor(leaf) if on_device else leaf

    return tree_map(wrapped, result)


def _waits(name: str, args: Sequence[Any], *, to_host: bool) -> bool:
    """Whether the host waits for an operator: it reads numbers, copies them to the host, or indexes by a mask."""
    if name in COPIES:
        into = args[1] if name == "_copy_from" else args[0]
        copied_over = name in ("copy_", "_copy_from") and not isinstance(into, DeviceTensor)
        return to_host or copied_over
    masks = [leaf for leaf in tree_flatten(args[1:2])[0] if isinstance(leaf, DeviceTensor) and leaf.dtype == torch.bool]
    return name in READING or (name.startswith(("index", "_index")) and bool(masks))


def _copied(factory: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def make(*args: Any, device: Any = None, **kwargs: Any) -> Tensor:
        if not _is_ours(device):
            return factory(*args, device=device, **kwargs)
        return factory(*args, **kwargs).to(NAME)

    return make


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Count from 0 in a block; the waits of the block are in the counter at its end."""
    waits.clear()
    operators.clear()
    counted: Counter[str] = Counter()
    yield counted
    counted.update(waits)


def refuse_float64() -> None:
    """From now on the device has no double precision."""
    global _has_float64  # noqa: PLW0603 - it is a fact about the device of this process
    _has_float64 = False


_setup_privateuseone_for_python_backend(NAME, _Module())
_library = torch.library.Library("_", "IMPL")
_library.fallback(lambda func, *args, **kwargs: _call(func, args, kwargs), "PrivateUse1")
torch.__future__.set_swap_module_params_on_conversion(True)
for _name in COPIED_FACTORIES:
    setattr(torch, _name, _copied(getattr(torch, _name)))
_OriginalGenerator = torch.Generator


class Generator(_OriginalGenerator):
    """Random numbers of the device are drawn in main memory."""

    def __new__(cls, device: Any = "cpu") -> torch.Generator:
        where = "cpu" if _is_ours(device) else device
        return _OriginalGenerator.__new__(cls, where)  # pyright: ignore[reportCallIssue]


torch.Generator = Generator  # pyright: ignore[reportAttributeAccessIssue]


def _synchronize(device: Any = None, /) -> None:
    waits["synchronize"] += 1


torch.accelerator.synchronize = _synchronize
torch.accelerator.empty_cache = lambda: None
