"""What a balancer remembers between steps: the state of its method, and its random numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from balancers.contract.weighting import Draws, Sizes, Weighting
from balancers.step.state_axes import element_axes, width_axes

LATER = ("preference=None", "burn_in=0")  # fields of methods that earlier checkpoints lack
STATE_PREFIX = "state_"  # of their names, so that no field of a state can hide an attribute of the module


class Memory(nn.Module):
    """The state of a method in a module, where no optimizer and no weight decay can touch it.

    What is as small as the tasks stays in main memory wherever the module goes. What is as long as a gradient, or as
    wide as a representation, are buffers, which live where these live. With draws for replicas, both have their axes.

    ``state_dict`` holds everything that a fresh object needs to go on bit for bit, random numbers included. The axes of
    a state that have the length of a flat gradient, or of a representation, are empty until the first one was seen.

    Example:
        >>> from balancers import Draws, create
        >>> from balancers.step.memory import Memory
        >>> memory = Memory(create("imtl-l"), ("a", "b"), Draws.seeded(0))
        >>> list(memory.state_dict())
        ['state_log_scales', 'state_first', 'state_second', 'state_steps', '_extra_state']
        >>> list(memory.parameters())
        []
    """

    def __init__(self, weighting: Weighting, tasks: tuple[str, ...], draws: Draws) -> None:
        super().__init__()
        self.weighting = weighting
        self.tasks = tasks
        self.draws = draws
        self._numbers: dict[str, Tensor] = {}  # the fields of the state that are as small as the tasks
        self._allocate(Sizes(len(tasks), batch=draws.batch))

    @property
    def state(self) -> tuple[Tensor, ...]:
        """The method's state, a NamedTuple of tensors."""
        numbers, buffers = self._numbers, self._buffers
        return self._state_type(
            *(numbers[key] if key in numbers else buffers[key] for key in map(_key, self._state_type._fields))
        )

    @property
    def keeps_gradients(self) -> bool:
        """Whether the state has axes as long as a flat gradient."""
        return any(element_axes(self._state_type).values())

    @property
    def adapts(self) -> bool:
        """Whether the method puts something between the encoder and the heads."""
        return any(width_axes(self._state_type).values())

    def remember(self, state: tuple[Tensor, ...]) -> None:
        """Store the next state."""
        for field, value in zip(self._state_type._fields, state, strict=True):
            key = _key(field)
            (self._numbers if key in self._numbers else self._buffers)[key] = value

    @contextmanager
    def unless_refused(self) -> Iterator[None]:
        """Put state and random numbers back to where they were if what happens inside raises an error."""
        sizes, state_type, buffers, numbers = self.sizes, self._state_type, dict(self._buffers), dict(self._numbers)
        stochastic = self.weighting.stochastic
        drawn = [generator.get_state() for generator in self.draws.generators] if stochastic else []
        try:
            yield
        except Exception:
            self.sizes, self._state_type, self._numbers = sizes, state_type, numbers
            self._buffers.update(buffers)
            for generator, before in zip(self.draws.generators if stochastic else [], drawn, strict=True):
                generator.set_state(before)
            raise

    def fit(self, gradients: Tensor) -> None:
        """Make room for gradients (K, D) of this length, dtype and device, if the state has axes that long.

        Raises:
            ValueError: earlier gradients had another length.
        """
        elements = gradients.shape[-1]
        if not self.keeps_gradients or self.sizes.elements == elements:
            return
        if self.sizes.elements:
            raise ValueError(
                f"{self.weighting.name} remembers gradients of {self.sizes.elements} elements, these have {elements}: "
                "measure at the same parameters in every step (not at features, whose number varies with the batch)"
            )
        self._allocate(replace(self.sizes, elements=elements, dtype=gradients.dtype, device=gradients.device))

    def widen(self, features: Tensor) -> None:
        """Make room for a shared representation (..., M) of this width and device, if the state has axes that long.

        Raises:
            ValueError: an earlier representation had another width.
        """
        width = features.shape[-1]
        if not self.adapts or self.sizes.width == width:
            return
        if self.sizes.width:
            raise ValueError(f"the representation was {self.sizes.width} wide in earlier steps, and is {width} now")
        self._allocate(replace(self.sizes, width=width, device=features.device))

    def _allocate(self, sizes: Sizes) -> None:
        state = self.weighting.init(sizes)
        self.sizes = sizes
        self._state_type = type(state)
        large = _large_fields(self._state_type)
        for field, value in zip(self._state_type._fields, state, strict=True):
            key = _key(field)
            stored = self._buffers.get(key) if field in large else self._numbers.get(key)
            if stored is not None and stored.shape == value.shape:  # what has its size already stays as it is
                continue
            if field in large:
                self.register_buffer(key, value)
            else:
                self._numbers[key] = value

    def __getattr__(self, name: str) -> Any:
        numbers = self.__dict__.get("_numbers", {})
        return numbers[name] if name in numbers else super().__getattr__(name)

    def __getstate__(self) -> dict[str, Any]:
        """All but the type of the state: those that wrappers put together have no name that pickle could find."""
        return {name: value for name, value in self.__dict__.items() if name != "_state_type"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._state_type = type(self.weighting.init(self.sizes))
        if "_numbers" not in state:  # earlier pickles have buffers only
            large = _large_fields(self._state_type)
            small = [key for key in map(_key, self._state_type._fields) if key[len(STATE_PREFIX) :] not in large]
            buffers = {key: self._buffers.pop(key) for key in small}
            self._numbers = {key: buffer.cpu() for key, buffer in buffers.items() if buffer is not None}

    def get_extra_state(self) -> Tensor:
        """What a checkpoint holds beside the buffers, as bytes: the generator, then method and tasks as JSON."""
        about = torch.tensor(list(json.dumps(self._about() | self._progress()).encode()), dtype=torch.uint8)
        return torch.cat([*(generator.get_state() for generator in self.draws.generators), about])

    def set_extra_state(self, state: Tensor) -> None:
        """Go on with the random numbers of a checkpoint."""
        generators = self.draws.generators
        parts = state[: self._generator_bytes()].cpu().chunk(len(generators))
        for generator, part in zip(generators, parts, strict=True):
            generator.set_state(part)

    def _generator_bytes(self) -> int:
        return sum(generator.get_state().numel() for generator in self.draws.generators)

    def _saved(self, state: Tensor) -> dict[str, Any]:
        """The JSON of a checkpoint."""
        return json.loads(bytes(state[self._generator_bytes() :].tolist()))

    def _progress(self) -> dict[str, Any]:
        """Numbers of the JSON that change from step to step."""
        return {}

    def _about(self) -> dict[str, Any]:
        return {"method": repr(self.weighting), "tasks": list(self.tasks)}

    def _load_from_state_dict(  # pyright: ignore[reportIncompatibleMethodOverride] - five more, as they come
        self, state_dict: dict[str, Any], prefix: str, *args: Any
    ) -> None:
        saved = state_dict.get(prefix + "_extra_state")
        if saved is not None:
            theirs = {key: value for key, value in self._saved(saved).items() if key not in self._progress()}
            if _comparable(theirs) != _comparable(self._about()):
                raise ValueError(
                    f"the checkpoint is of another balancer: expected {self._about()}, got {theirs}; "
                    "make the balancer with the same arguments first"
                )
        saved_sizes = self._sizes_in(state_dict, prefix)
        if saved_sizes != self.sizes:
            self._allocate(saved_sizes)
        self._load_numbers(state_dict, prefix, *args)

    def _load_numbers(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """What `torch.nn.Module` does for buffers, for these and for the numbers beside them."""
        _, strict, missing_keys, _, error_msgs = args
        ours = {prefix + key: number for key, number in self._numbers.items()}
        theirs = {key: value for key, value in state_dict.items() if key not in ours}
        super()._load_from_state_dict(theirs, prefix, *args)
        for key, number in ours.items():
            saved = state_dict.get(key)
            if saved is None:
                missing_keys.extend([key] if strict else [])
            elif saved.shape != number.shape:
                error_msgs.append(f"{key} has the shape {tuple(saved.shape)}, expected {tuple(number.shape)}")
            else:
                self._numbers[key[len(prefix) :]] = saved.detach().to("cpu", number.dtype, copy=True)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        for key, number in self._numbers.items():
            destination[prefix + key] = number
        super()._save_to_state_dict(destination, prefix, keep_vars)

    def _sizes_in(self, state_dict: dict[str, Any], prefix: str) -> Sizes:
        """The sizes that the buffers of a checkpoint have."""
        sizes = self.sizes
        for name, axes_of in (("elements", element_axes), ("width", width_axes)):
            for field, axes in axes_of(self._state_type).items():
                value = state_dict.get(prefix + _key(field))
                if axes and value is not None:
                    dtype = value.dtype if name == "elements" else sizes.dtype
                    device = getattr(self, _key(field)).device
                    sizes = replace(sizes, **{name: value.shape[axes[0]]}, dtype=dtype, device=device)
        return sizes

    def _apply(self, fn: Any, recurse: bool = True) -> Memory:  # noqa: ARG002 - it has no children
        """Follow a model to its device with what is as long as a gradient, but keep the dtypes if it is cast."""
        for name, buffer in self._buffers.items():
            self._buffers[name] = None if buffer is None else buffer.to(fn(buffer).device)
        return self


def _key(field: str) -> str:
    return STATE_PREFIX + field


def _large_fields(state_type: type[tuple]) -> set[str]:
    """The fields that have axes as long as a gradient, or as wide as a representation."""
    axes = (element_axes(state_type), width_axes(state_type))
    return {field for of_fields in axes for field, positions in of_fields.items() if positions}


def _comparable(about: dict[str, Any]) -> dict[str, Any]:
    """What a checkpoint says of its balancer, without hyperparameters that came later and change nothing."""
    method = about["method"]
    for field in LATER:
        method = method.replace(f", {field}", "").replace(f"{field}, ", "").replace(f"({field})", "()")
    return about | {"method": method}
