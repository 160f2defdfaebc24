"""The methods that TorchJD has too, and a training step with them, written as in TorchJD's documentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchjd import aggregation, scalarization
from torchjd.autojac import jac_to_grad, mtl_backward

from benchmarks.studies.step_cost.models import Problem
from benchmarks.studies.timing import Step

# Our name -> TorchJD's method for K tasks, with our hyperparameters where it takes any. MoDo and SDMGrad are missing:
# TorchJD has their weights, but leaves the passes over further batches to its user.
PEERS: dict[str, Callable[[int], nn.Module]] = {
    "aligned-mtl": lambda _: aggregation.AlignedMTL(),
    "cagrad": lambda _: aggregation.CAGrad(c=0.4),
    "config": lambda _: aggregation.ConFIG(),
    "dualproj": lambda _: aggregation.DualProj(),
    "dwa": lambda _: scalarization.DWA(),
    "excess-mtl": lambda _: aggregation.ExcessMTL(),
    "fairgrad": lambda _: aggregation.FairGrad(alpha=2.0),
    "famo": scalarization.FAMO,
    "fixed": lambda _: scalarization.Sum(),
    "gls": lambda _: scalarization.GeometricMean(),
    "graddrop": lambda _: aggregation.GradDrop(),
    "gradvac": lambda _: aggregation.GradVac(beta=0.01),
    "imtl-g": lambda _: aggregation.IMTLG(),
    "imtl-l": scalarization.IMTLL,
    "krum": lambda _: aggregation.Krum(n_byzantine=0),
    "mgda": lambda _: aggregation.MGDA(),
    "nash-mtl": aggregation.NashMTL,
    "pcgrad": lambda _: aggregation.PCGrad(),
    "rlw": lambda _: scalarization.Random(),
    "stch": lambda _: scalarization.STCH(mu=1.0),
    "trimmed-mean": lambda tasks: aggregation.TrimmedMean(trim_number=int(0.1 * tasks)),
    "uncertainty": scalarization.UW,
    "upgrad": lambda _: aggregation.UPGrad(),
}


class Variant(NamedTuple):
    """How TorchJD can go about it: rows at once by vmap or one by one; the Gramian of all or parameter by parameter."""

    chunk: int | None = None
    parts: bool = False


VARIANTS = {
    "default": Variant(),
    "sequential": Variant(chunk=1),
    "sequential, by parts": Variant(chunk=1, parts=True),
}


class Ones(aggregation.Weighting):
    """Equal weights from a Gramian: what a step costs around the weights."""

    def forward(self, gramian: Tensor, /) -> Tensor:
        """One for every task."""
        return torch.ones(len(gramian), dtype=gramian.dtype)


def equal_weights() -> aggregation.Aggregator:
    """An aggregator that computes the Gramian and does not look at it."""
    return aggregation.GramianWeightedAggregator(Ones())


def peer_step(problem: Problem, method: nn.Module, place: str, variant: Variant) -> Step | None:
    """TorchJD's step with ``method``; none where it has no such step."""
    if isinstance(method, scalarization.Scalarizer):
        return _loss_step(problem, method) if place == "shared" else None
    if not isinstance(method, aggregation.Aggregator) or place == "last":
        return None
    if variant.parts and not isinstance(method, aggregation.GramianWeightedAggregator):
        variant = Variant(variant.chunk)
    return features_step(problem, method) if place == "features" else shared_step(problem, method, variant)


def _loss_step(problem: Problem, method: scalarization.Scalarizer) -> Step:
    own = list(method.parameters()) if not isinstance(method, scalarization.FAMO) else []
    optimizer = torch.optim.Adam(own) if own else None  # ours contain this step

    def step() -> None:
        losses = torch.stack(problem.losses(problem.features()))
        method(losses).backward()
        if optimizer is not None:
            optimizer.step()
            optimizer.zero_grad()
        if isinstance(method, scalarization.FAMO):
            with torch.no_grad():
                after = torch.stack(problem.losses(problem.features()))
            method.update(after)

    return step


def shared_step(problem: Problem, method: aggregation.Aggregator, variant: Variant) -> Step:
    """Gradients of all shared parameters."""
    shared, specific = list(problem.encoder.parameters()), [list(head.parameters()) for head in problem.heads]

    def step() -> None:
        features = problem.features()
        mtl_backward(
            problem.losses(features),
            features=features,
            tasks_params=specific,
            shared_params=shared,
            parallel_chunk_size=variant.chunk,
        )
        if variant.parts:
            jac_to_grad(shared, method, optimize_gramian_computation=True)  # pyright: ignore
        else:
            jac_to_grad(shared, method)

    return step


def features_step(problem: Problem, method: aggregation.Aggregator) -> Step:
    """Gradients of the shared representation, then one pass through the encoder."""
    specific = [list(head.parameters()) for head in problem.heads]

    def step() -> None:
        features = problem.features()
        leaf = features.detach().requires_grad_()
        mtl_backward(problem.losses(leaf), features=leaf, tasks_params=specific, shared_params=[leaf])
        jac_to_grad([leaf], method)
        features.backward(leaf.grad)

    return step
