"""R models of one structure: their parameters stacked, their forward passes vectorised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import functional_call

from benchmarks.training.batches import widened
from benchmarks.training.engines.replicas.noise import MASK, Asked, Noise, mask_dropout
from tasks.base import MultiTaskModel, Split, Task

ENCODER = "encoder"
Named = dict[str, Tensor]  # tensors of a module by name, each with a leading axis of replicas


class Ensemble:
    """R multi-task models at once.

    All parameters lie in one tensor ``flat`` (R, P), those of the encoder first, so that the step of an optimizer takes
    a few operations. What the passes use are views of it.

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
            part: {key: next(pieces).unflatten(1, p.shape or (1,)).view(-1, *p.shape) for key, p in found.items()}
            for part, found in named.items()
        }
        for found in self.parameters.values():
            for key in found:
                found[key] = found[key].detach().requires_grad_()
        self.shared_size = sum(p.numel() for p in named[ENCODER].values())
        last = {id(p) for p in self.template.last_shared_parameters()}
        self._last = [key for key, p in named[ENCODER].items() if id(p) in last]
        self._log: list[Asked] = []
        self._dropouts = {
            dropout: (part, f"{name}.{MASK}")
            for part, module in self.modules.items()
            for dropout, name in mask_dropout(module, self._log).items()
        }
        self._asked: dict[int, list[Asked]] = {}  # by batch size
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
        """Those of the encoders' last layer."""
        return [self.parameters[ENCODER][key] for key in self._last]

    def specific(self, task: Task) -> list[Tensor]:
        """The parameters of a task's heads, each (R, ...)."""
        return list(self.parameters[_head(task)].values())

    def draw(self, noise: Noise, batch: Split) -> None:
        """New dropout masks for training passes on ``batch`` (R, B, ...)."""
        if not self._dropouts:
            return
        size = next(iter(batch.inputs.values())).shape[1]
        if size not in self._asked:
            self._asked[size] = self._ask(batch)
        asked = self._asked[size]
        for each, masks in zip(asked, noise.masks(asked), strict=True):
            part, key = self._dropouts[each.dropout]
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
    def _ask(self, batch: Split) -> list[Asked]:
        """Which dropouts a pass on a batch asks for masks, in order.

        Raises:
            ValueError: one is asked twice.
        """
        self._log.clear()
        self.template({name: value[0] for name, value in batch.inputs.items()})
        if len({each.dropout for each in self._log}) < len(self._log):
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
        found = [torch.vmap(task.loss, axes)(widened(outputs[task.name]), targets[task.name]) for task in self.tasks]
        return torch.stack(found, -1)

    def _call(self, part: str, given: Tensor | dict[str, Tensor], axis: int | None) -> Tensor:
        module = self.modules[part]

        def one(values: Named, given: Tensor | dict[str, Tensor]) -> Tensor:
            arguments = ((), given) if isinstance(given, dict) else ((given,), {})
            return functional_call(module, values, *arguments)

        masks = self._masks[part] if module.training else {}
        return torch.vmap(one, in_dims=(0, axis), randomness="error")({**self.parameters[part], **masks}, given)

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
    found = [p.detach().reshape(-1) for module in modules for p in module.parameters()]
    return torch.cat(found).cpu()
