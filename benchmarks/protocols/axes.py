"""Axes of a protocol: every method again with other heads, at another place, or with its update rescaled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from balancers import Balancer, Need, create
from benchmarks.protocols.schema import MethodEntry, Protocol
from benchmarks.records.asked import VALUE

GRADIENTS = Need.GRAMIAN | Need.CROSS_GRAMIAN | Need.GRADIENTS


def crossed(methods: Mapping[str, MethodEntry], protocol: Protocol) -> dict[str, MethodEntry]:
    """The methods, and each of them with every value of the axes that makes a difference to it, one at a time."""
    entries = dict(methods)
    for label, entry in methods.items():
        if label == protocol.noise_floor:  # it says how much noise there is, which is the same on every axis
            continue
        entries |= {f"{label}{VALUE}{words})": variant for words, variant in _variants(label, entry, protocol)}
    return entries


def _variants(label: str, entry: MethodEntry, protocol: Protocol) -> Iterator[tuple[str, MethodEntry]]:
    name, axes = entry.balancer or label, protocol.axes
    if not (axes.rescaled or axes.heads or axes.places):
        return
    method = create(name, **entry.hyperparameters)
    for length in axes.rescaled:
        yield f"rescaled to {length}", entry.model_copy(update={"balancer": f"rescaled:{length}:{name}"})
    for heads in axes.heads:
        if heads != (entry.heads or method.heads):
            yield f"{heads} heads", entry.model_copy(update={"balancer": name, "heads": heads})
    for place in axes.places:
        if place != (entry.place or method.place) and method.needs & GRADIENTS and _measurable(name, entry, place):
            yield f"at {place}", entry.model_copy(update={"balancer": name, "place": place})


def _measurable(name: str, entry: MethodEntry, place: str) -> bool:
    """Whether a method can look at gradients there, which a balancer judges when it takes a step."""
    encoder = nn.Linear(2, 2)
    balancer = Balancer(name, 2, heads=entry.heads, **entry.hyperparameters)

    def features() -> Tensor:
        return encoder(torch.ones(2, 2))

    def losses(features: Tensor) -> list[Tensor]:
        return [features.square().mean(), (features - 1).square().mean()]

    shared, represented = list(encoder.parameters()), features()
    others = [losses(features()) for _ in range(2)] if Need.CROSS_GRAMIAN in balancer.weighting.needs else []
    at, at_features = (shared[:1] if place == "last" else None), (represented if place == "features" else None)
    try:
        balancer.backward(losses(represented), shared, at=at, features=at_features, others=others)
    except ValueError:
        return False
    return True
