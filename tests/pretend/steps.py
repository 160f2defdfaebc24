"""Two steps of every method at every place, on the CPU and on the pretend accelerator.

``python -m tests.pretend.steps [without-float64]`` prints, as JSON by "METHOD PLACE", how far the parameters are apart
at the end and how often the host waited in each step; where a method cannot be measured at a place, why.
"""

from __future__ import annotations

import json
import sys
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from balancers import Balancer, Need, names
from tests.pretend import accelerator

STEPS, TASKS = 2, 3
PLACES = ("shared", "last", "features")


class Trained(NamedTuple):
    """The parameters after some steps, and how often the host waited in each step."""

    parameters: list[Tensor]
    waits: list[int]


class Model:
    """A small encoder with three heads, a batch, and two more batches for methods that look at several."""

    def __init__(self, device: str) -> None:
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 6))
        self.heads = nn.ModuleList(nn.Linear(6, 1) for _ in range(TASKS))
        self.batches = torch.randn(3, 5, 4).to(device)
        self.encoder.to(device)
        self.heads.to(device)

    def parameters(self) -> list[nn.Parameter]:
        return [*self.encoder.parameters(), *self.heads.parameters()]

    def losses(self, balancer: Balancer, batch: int = 0) -> tuple[Tensor, list[Tensor]]:
        """The shared representation and the losses of a batch."""
        features = torch.tanh(self.encoder(self.batches[batch]))
        views = balancer.adapt(features)
        pairs = zip(self.heads, balancer.tasks, strict=True)
        return features, [((head(views[task]) - i) ** 2).mean() for i, (head, task) in enumerate(pairs)]

    def places(self, place: str, features: Tensor) -> dict[str, Any]:
        """The arguments of `Balancer.backward` that say where gradients are measured."""
        shared = {"shared": list(self.encoder.parameters())}
        if place == "features":
            return {"features": features}
        return shared | ({"at": list(self.encoder[2].parameters())} if place == "last" else {})


def train(method: str, place: str, device: str) -> Trained:
    """Take some steps with SGD.

    Raises:
        ValueError: the method cannot be measured there.
    """
    model, balancer = Model(device), Balancer(method, tasks=TASKS)
    optimizer, waits = torch.optim.SGD(model.parameters(), 0.05), []
    for _ in range(STEPS):
        optimizer.zero_grad()
        features, losses = model.losses(balancer)
        where = model.places(place, features)
        if Need.CROSS_GRAMIAN in balancer.weighting.needs:
            where["others"] = [model.losses(balancer, batch)[1] for batch in (1, 2)]
        with accelerator.counting() as in_step:
            balancer.backward(losses, **where)
        optimizer.step()
        with torch.no_grad():
            after = model.losses(balancer)[1]
            with accelerator.counting() as afterwards:
                balancer.after_step(after)
        waits.append(in_step.total() + afterwards.total())
    return Trained([parameter.detach().cpu() for parameter in model.parameters()], waits)


def compare(method: str, place: str) -> dict[str, Any]:
    """Whether the accelerator ends where the CPU does."""
    try:
        reference = train(method, place, "cpu")
    except ValueError as error:
        return {"refused": str(error)}
    try:
        trained = train(method, place, accelerator.NAME)
    except (RuntimeError, TypeError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    pairs = zip(reference.parameters, trained.parameters, strict=True)
    return {"gap": max(float((ours - theirs).abs().max()) for ours, theirs in pairs), "waits": trained.waits}


def main() -> None:
    """Compare all of them."""
    if "without-float64" in sys.argv[1:]:
        accelerator.refuse_float64()
    compared = {f"{method} {place}": compare(method, place) for method in names() for place in PLACES}
    sys.stdout.write(json.dumps(compared))


if __name__ == "__main__":
    main()
