"""R models of one structure: their parameters stacked, their forward passes vectorised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import functional_call

from benchmarks.training.batches import widened
from benchmarks.training.engines.replicas.dropout import MASK, MaskRequest, Noise, mask_dropout
from tasks.base import MultiTaskModel, Split, Task

ENCODER = "encoder"
Named = dict[str, Tensor]  # tensors of a module by name, each with a leading axis of replicas


class Ensemble:
    """R multi-task models at once.

    All parameters lie in one tensor ``flat`` (R, P), the encoder's first, so that the step of an optimizer takes a few
    operations. The passes use views of it.

    Raises:
        ValueError: the models have buffers or frozen parameters, which replicas do not support.
    """

    def __init__(self, models: Sequence[MultiTaskModel], tasks: Sequence[Task], device: torch.device) -> None:
        _require_plain(models[0])
        self.tasks = list(tasks)
        self.template = models[0].to(device).train()
        self.modules = {ENCODER: self.template.encoder} | {
            _head(task): self.template.heads[task.name] for task in tasks
        }
        named = {part: dict(module.named_parameters()) for part, module in self.modules.items()}
        every = [p for parameters in named.values() for p in parameters.values()]
        self.flat = torch.stack([_flattened(model, tasks) for model in models]).to(device)
        pieces = iter(self.flat.split([p.numel() for p in every], dim=1))
        self.parameters: dict[str, Named] = {
            part: {key: next(pieces).unflatten(1, p.shape or (1,)).view(-1, *p.shape) for key, p in parameters.items()}
            for part, parameters in named.items()
        }
        for stacked in self.parameters.values():
            for key in stacked:
                stacked[key] = stacked[key].detach().requires_grad_()
        self.shared_size = sum(p.numel() for p in named[ENCODER].values())
        last = {id(p) for p in self.template.last_shared_parameters()}
        self._last = [key for key, p in named[ENCODER].items() if id(p) in last]
        self._log: list[MaskRequest] = []
        self._dropouts = {
            dropout: (part, f"{name}.{MASK}")
            for part, module in self.modules.items()
            for dropout, name in mask_dropout(module, self._log).items()
        }
        self._requests: dict[int, list[MaskRequest]] = {}  # by batch size
        self._masks: dict[str, Named] = {part: {} for part in self.modules}

    @property
    def replicas(self) -> int:
        """How many models there are."""
        return len(self.flat)

    @property
    def shared(self) -> list[Tensor]:
        """The encoders' parameters, each (R, ...)."""
        return list(self.parameters[ENCODER].values())

    @property
    def last_shared(self) -> list[Tensor]:
        """The parameters of the encoders' last layer, each (R, ...)."""
        return [self.parameters[ENCODER][key] for key in self._last]

    def specific(self, task: Task) -> list[Tensor]:
        """The parameters of a task's heads, each (R, ...)."""
        return list(self.parameters[_head(task)].values())

    def draw(self, noise: Noise, batch: Split) -> None:
        """New dropout masks for training passes on ``batch`` (R, B, ...)."""
        if not self._dropouts:
            return
        size = next(iter(batch.inputs.values())).shape[1]
        if size not in self._requests:
            self._requests[size] = self._requests_of(batch)
        requests = self._requests[size]
        for request, masks in zip(requests, noise.masks(requests), strict=True):
            part, key = self._dropouts[request.dropout]
            self._masks[part][key] = masks

    @contextmanager
    def masks_kept(self) -> Iterator[None]:
        """Put the dropout masks back at the end of a block that draws others."""
        kept = {part: dict(masks) for part, masks in self._masks.items()}
        try:
            yield
        finally:
            self._masks = kept

    @torch.no_grad()
    def _requests_of(self, batch: Split) -> list[MaskRequest]:
        """The masks that a pass on a batch asks for, in order.

        Raises:
            ValueError: a dropout asks twice.
        """
        self._log.clear()
        self.template({name: value[0] for name, value in batch.inputs.items()})
        if len({request.dropout for request in self._log}) < len(self._log):
            raise ValueError("models that use a dropout module twice in a pass cannot train as replicas")
        return list(self._log)

    def features(self, inputs: Mapping[str, Tensor], *, common: bool = False) -> Float[Tensor, "R B *M"]:
        """The shared representations of inputs (R, B, ...), or of inputs (B, ...) that are common to all."""
        return self._call(ENCODER, dict(inputs), None if common else 0)

    def outputs(self, features: Float[Tensor, "R B *M"]) -> dict[str, Tensor]:
        """The output of every task's heads."""
        return {task.name: self._call(_head(task), features, 0) for task in self.tasks}

    def losses(
        self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor], *, common: bool = False
    ) -> Float[Tensor, "R K"]:
        """The losses for targets (R, B, ...), or for targets (B, ...) that are common to all."""
        axes = (0, None if common else 0)
        losses = [torch.vmap(task.loss, axes)(widened(outputs[task.name]), targets[task.name]) for task in self.tasks]
        return torch.stack(losses, -1)

    def _call(self, part: str, inputs: Tensor | dict[str, Tensor], axis: int | None) -> Tensor:
        module = self.modules[part]

        def one(values: Named, inputs: Tensor | dict[str, Tensor]) -> Tensor:
            arguments = ((), inputs) if isinstance(inputs, dict) else ((inputs,), {})
            return functional_call(module, values, *arguments)

        masks = self._masks[part] if module.training else {}
        return torch.vmap(one, in_dims=(0, axis), randomness="error")({**self.parameters[part], **masks}, inputs)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Run a block with the models in evaluation mode."""
        self.template.eval()
        try:
            yield
        finally:
            self.template.train()

    @torch.no_grad()
    def model(self, replica: int) -> MultiTaskModel:
        """The template with the parameters of one replica."""
        for part, module in self.modules.items():
            for key, parameter in module.named_parameters():
                parameter.copy_(self.parameters[part][key][replica])
        return self.template


def _head(task: Task) -> str:
    return f"heads.{task.name}"


def _require_plain(model: MultiTaskModel) -> None:
    if next(model.buffers(), None) is not None:
        raise ValueError("models with buffers, such as the statistics of batch norm, cannot train as replicas")
    if not all(p.requires_grad for p in model.parameters()):
        raise ValueError("models with frozen parameters cannot train as replicas")


def _flattened(model: MultiTaskModel, tasks: Sequence[Task]) -> Float[Tensor, "P"]:
    modules = [model.encoder, *(model.heads[task.name] for task in tasks)]
    parameters = [p.detach().reshape(-1) for module in modules for p in module.parameters()]
    return torch.cat(parameters).cpu()
