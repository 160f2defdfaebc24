"""The balancer: one module for all methods, which takes the place of ``losses.sum().backward()``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from balancers import guards
from balancers.base import Draws, Evidence, Heads, Need, Weighting
from balancers.filling import Job, fill
from balancers.gradients import TaskGradients, gramian_of
from balancers.graph import checked, find_leaves
from balancers.inputs import Step, collect, per_task, task_names
from balancers.presence import spread, update_present
from balancers.registry import create

STATE_PREFIX = "state_"  # of the buffers, so that no field of a state can hide an attribute of the module


class Balancer(nn.Module):
    """A method at work in a training loop, in the place of ``losses.sum().backward()``.

    For example::

        balancer = Balancer("pcgrad", tasks=["segmentation", "depth"])
        ...
        optimizer.zero_grad()
        weights = balancer.backward({"segmentation": loss_s, "depth": loss_d}, shared=encoder.parameters())
        optimizer.step()

    It has no parameters of its own: a method's state is kept in buffers, which no optimizer and no weight decay can
    touch. ``state_dict`` holds everything that a fresh balancer needs to go on bit for bit, random numbers included.

    Args:
        method: a name (see `balancers.names`) or a `Weighting`.
        tasks: the names of the tasks, or how many there are.
        heads: "own" lets task-specific parameters follow their own loss, "weighted" the weighted loss; the paper's
            choice by default.
        seed: of the method's own random numbers.
        observe: what to measure beyond the method's needs, to be read from `evidence`; costs what it says.
        lower_bounds: known infima of the losses, by position or task name (0 for those not named); the method sees
            losses minus these.
        **hyperparameters: of the method, if it is given by name. One that has a value per task may be a mapping by
            task name.

    Raises:
        ValueError: an unknown method or hyperparameter, a bad value, or numbers of tasks that do not match.
    """

    def __init__(
        self,
        method: str | Weighting,
        tasks: int | Sequence[str],
        *,
        heads: Heads | None = None,
        seed: int = 0,
        observe: Need = Need.LOSSES,
        lower_bounds: Sequence[float] | Mapping[str, float] | None = None,
        **hyperparameters: Any,
    ) -> None:
        super().__init__()
        self.tasks = task_names(tasks)
        self.weighting = self._weighting(method, hyperparameters)
        self.heads: Heads = heads or self.weighting.heads
        if self.heads not in get_args(Heads):
            raise ValueError(f"expected heads to be one of {get_args(Heads)}, got {heads!r}")
        self.needs = self.weighting.needs | observe
        if lower_bounds is None or isinstance(lower_bounds, Mapping):
            lower_bounds = dict.fromkeys(self.tasks, 0.0) | dict(lower_bounds or {})
        bounds = per_task("lower_bounds", lower_bounds, self.tasks)
        self._lower_bounds = torch.tensor(bounds, dtype=torch.float64)
        self.draws = Draws([Generator().manual_seed(seed)])
        self.weighting_seconds = 0.0
        self._evidence: Evidence | None = None
        self._weights: Tensor | None = None
        state = self.weighting.init(torch.zeros(len(self.tasks), dtype=torch.float64))
        self._state_type = type(state)
        for field, value in zip(self._state_type._fields, state, strict=True):
            self.register_buffer(STATE_PREFIX + field, value)

    def _weighting(self, method: str | Weighting, hyperparameters: dict[str, Any]) -> Weighting:
        if isinstance(method, Weighting):
            if hyperparameters:
                raise ValueError(
                    f"hyperparameters {sorted(hyperparameters)} belong into the {method.name} object itself"
                )
            return method
        named = {k: per_task(k, v, self.tasks) if isinstance(v, Mapping) else v for k, v in hyperparameters.items()}
        return create(method, **named)

    @property
    def state(self) -> tuple[Tensor, ...]:
        """The method's state, a NamedTuple of the buffers."""
        return self._state_type(*(getattr(self, STATE_PREFIX + field) for field in self._state_type._fields))

    @property
    def evidence(self) -> Evidence:
        """What the last step showed about the tasks that were present: losses, and what was measured of gradients."""
        if self._evidence is None:
            raise ValueError("there is no evidence before the first call of backward")
        return self._evidence

    @property
    def weights(self) -> Tensor:
        """The weights of the last step, as `backward` returned them."""
        if self._weights is None:
            raise ValueError("there are no weights before the first call of backward")
        return self._weights

    def backward(
        self,
        losses: Tensor | Sequence[Tensor | None] | Mapping[str, Tensor],
        shared: Iterable[Tensor] | None = None,
        *,
        at: Iterable[Tensor] | None = None,
        features: Tensor | Sequence[Tensor] | None = None,
        present: Tensor | Sequence[bool] | None = None,
    ) -> Float[Tensor, "K"] | Float[Tensor, "K D"]:
        """Add the balanced gradient to ``.grad`` of every parameter that the losses reach, as ``Tensor.backward`` does.

        Gradients are measured at all shared parameters (one backward pass per task, which is also all that is needed
        for the update), or where ``at`` or ``features`` say. The graph is freed. Nothing is written to ``.grad``
        before the method has answered. Hooks on the accumulation of gradients do not run for parameters whose update
        is put together from measured gradients.

        Args:
            losses: scalars of the K tasks: a tensor ``(K,)``, a sequence, or a mapping by task name. A task that a
                mapping lacks, or whose entry in a sequence is ``None``, is absent from this batch.
            shared: the shared parameters; without it, those below ``features``, or those that two losses reach.
            at: a subset of them to measure gradients at, such as the last shared layer: K short backward passes and
                a whole one.
            features: the shared representation, or several tensors that are all that leaves the encoder: gradients
                are measured there, at one encoder backward pass whatever K is.
            present: which tasks are present, if not said by ``losses``; the loss of an absent task is not looked at.

        Returns:
            The weights that the step used, 0 for absent tasks: ``(K,)``, or ``(K, D)`` from an elementwise method.

        Raises:
            NonFiniteError: a loss, or a gradient that was measured, is NaN or infinite.
            ValueError: losses or parameters are not what they must be.
        """
        if isinstance(losses, Tensor) and shared is None and features is None:
            raise ValueError("losses in one tensor do not show what is shared: pass shared=encoder.parameters()")
        step = collect(losses, self.tasks, present)
        self.to(step.present.device)
        features = (features,) if isinstance(features, Tensor) else features
        if at is not None and features is not None:
            raise ValueError("at and features both say where gradients are measured: pass one of them")
        bounded = self._bounded(step)

        def weigh(found: TaskGradients | None) -> Tensor:
            return self._weigh(self._evident(bounded, found), step)

        leaves = find_leaves(step.losses, shared, features)
        part = None if at is None else checked(at, "at", within=leaves.shared)
        job = Job(step.losses, leaves, weigh, self.heads == "weighted")
        with torch.autocast(step.present.device.type, enabled=False):  # weights and update are not for half precision
            weights = fill(job, self.needs, part, features)
        self._weights = spread(weights, step.present, len(self.tasks)).to(step.losses[0].dtype)
        return self._weights

    def _bounded(self, step: Step) -> Float[Tensor, "P"]:
        """The losses above their lower bounds, once they are known to be fit for the method."""
        losses = torch.stack([loss.detach() for loss in step.losses]).double()
        bounded = losses - self._lower_bounds.to(losses.device)[step.present]
        present = [self.tasks[i] for i in step.present.tolist()]
        guards.require_finite_losses(losses, present)
        if self.weighting.positive_losses:
            guards.require_bounded_losses(losses, bounded, present, self.weighting.name)
        return bounded

    def _evident(self, losses: Tensor, found: TaskGradients | None) -> Evidence:
        if found is None:
            return Evidence(losses)
        return Evidence(
            losses,
            gramian_of(found.matrix) if Need.GRAMIAN in self.needs else None,
            found.matrix if Need.GRADIENTS in self.needs else None,
        )

    @torch.no_grad()
    def _weigh(self, seen: Evidence, step: Step) -> Tensor:
        if seen.measured_gramian is not None:
            guards.require_finite_gradients(seen.norms, [self.tasks[i] for i in step.present.tolist()])
        started = time.perf_counter()
        if len(step.losses) == len(self.tasks):
            weights, following = self.weighting.update(seen, self.state, self.draws)
        else:
            weights, following = update_present(self.weighting, seen, self.state, self.draws, step.present)
        guards.require_finite_weights(weights, self.weighting.name)
        for field, value in zip(self._state_type._fields, following, strict=True):
            setattr(self, STATE_PREFIX + field, value)
        self.weighting_seconds = time.perf_counter() - started
        self._evidence = seen
        return weights

    def get_extra_state(self) -> Tensor:
        """What a checkpoint holds beside the buffers, as bytes: the generator, then method and tasks as JSON."""
        about = torch.tensor(list(json.dumps(self._about()).encode()), dtype=torch.uint8)
        return torch.cat([self.draws.generators[0].get_state(), about])

    def set_extra_state(self, state: Tensor) -> None:
        """Go on with the random numbers of a checkpoint."""
        self.draws.generators[0].set_state(state[: self._generator_bytes()].cpu())

    def _generator_bytes(self) -> int:
        return self.draws.generators[0].get_state().numel()

    def _about(self) -> dict[str, Any]:
        return {"method": repr(self.weighting), "tasks": list(self.tasks)}

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        saved = state_dict.get(prefix + "_extra_state")
        if saved is not None:
            theirs = json.loads(bytes(saved[self._generator_bytes() :].tolist()))
            if theirs != self._about():
                raise ValueError(f"the checkpoint is of another balancer: expected {self._about()}, got {theirs}")
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _apply(self, fn: Any, recurse: bool = True) -> Balancer:  # noqa: ARG002 - it has no children
        """Follow a model to its device, but keep float64 when it is cast to a smaller type."""
        for name, buffer in self._buffers.items():
            self._buffers[name] = None if buffer is None else buffer.to(fn(buffer).device)
        return self

    def extra_repr(self) -> str:
        """The method with its hyperparameters, the tasks and the treatment of heads."""
        return f"{self.weighting!r}, tasks={list(self.tasks)}, heads={self.heads!r}"
