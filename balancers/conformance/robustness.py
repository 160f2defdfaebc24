"""What every method must survive: gradients and losses at the edge of what there is, and tasks that come and go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import torch
from torch import Tensor

from balancers.conformance.problems import evidence_of, problems, require, require_finite, shown, sizes_of
from balancers.contract.evidence import Evidence, as_answer
from balancers.contract.weighting import Draws, Need, Weighting
from balancers.step.absent_tasks import after_present, after_validation_of, update_present
from balancers.step.products import cross_gramian_of
from balancers.step.state_axes import task_axes

SCALES = (1e-12, 1.0, 1e12)
DECADES = 6  # on either side of 1, over which scales of tasks are spread
FEW, MORE = 4, 40  # tasks; the latter are more than the gradients have dimensions
PRESENT = ((1, 2, 4), (3,), (0, 1, 2, 3, 4), (0, 2))  # of five tasks, step by step; the first one arrives late

DEGENERATE: dict[str, Callable[[Tensor], Tensor]] = {
    "one gradient zero": lambda j: torch.cat([0 * j[:1], j[1:]]),
    "all gradients zero": lambda j: 0 * j,
    "all gradients zero but one": lambda j: torch.cat([j[:1], 0 * j[1:]]),
    "two gradients equal": lambda j: torch.cat([j[1:2], j[1:]]),
    "two gradients opposite": lambda j: torch.cat([-j[1:2], j[1:]]),
    "two gradients nearly opposite": lambda j: torch.cat([(1e-9 * j[:1] - 1) * j[1:2], j[1:]]),
    "all gradients equal": lambda j: j[:1].expand_as(j).clone(),
    "all gradients parallel": lambda j: j[:1] * torch.linspace(-1, 1, len(j), dtype=j.dtype)[:, None],
    "gradients that cancel": lambda j: j - j.mean(0),
    "two dimensions only": lambda j: torch.cat([j[:, :2], 0 * j[:, 2:]], -1),
}


def degenerate_gradients(weighting: Weighting) -> None:
    """Zero, equal, opposite and dependent gradients give finite weights."""
    for tasks in (FEW, MORE):
        base = problems(tasks)
        for what, change in DEGENERATE.items():
            run = [evidence_of(change(evidence.gradients), evidence.losses) for evidence in base]
            require_finite(weighting, run, f"{tasks} tasks, {what}")


def degenerate_losses(weighting: Weighting) -> None:
    """Losses that are zero, stay exactly where they were, rise, or are negative if that is allowed: finite weights."""
    base = problems(3)
    factors = {"one loss zero": [0.0, 1, 1], "all losses zero": [0.0, 0, 0]}
    if not weighting.positive_losses:
        factors["negative losses"] = [-1.0, -2, 0.5]
    for what, factor in factors.items():
        run = [evidence_of(s.gradients, s.losses * torch.tensor(factor, dtype=torch.float64)) for s in base]
        require_finite(weighting, run, what)
    require_finite(weighting, [evidence_of(s.gradients, torch.ones_like(s.losses)) for s in base], "constant losses")
    rising = [evidence_of(s.gradients, s.losses * 1e4**step) for step, s in enumerate(base)]
    require_finite(weighting, rising, "rising losses")
    require_finite(
        weighting, [*base[:1], evidence_of(base[1].gradients, 0 * base[1].losses)], "losses that fall to zero"
    )


def extreme_scales(weighting: Weighting) -> None:
    """Finite weights at any scale of gradients and losses, in single precision too, and when scales differ by task."""
    for dtype in (torch.float64, torch.float32):
        for tasks, scale in product((FEW, MORE), SCALES):
            require_finite(weighting, problems(tasks, scale, dtype=dtype), f"{tasks} tasks, {dtype}, scale {scale:g}")
        for tasks in (FEW, MORE):
            spread = 10 ** torch.linspace(-DECADES, DECADES, tasks, dtype=torch.float64)
            for what, of_gradients, of_losses in (
                ("gradients and losses", spread, spread),
                ("gradients", spread, torch.ones_like(spread)),
                ("gradients against losses", spread, spread.flip(0)),
            ):
                run = [_scaled(evidence, of_gradients, of_losses, dtype) for evidence in problems(tasks)]
                require_finite(weighting, run, f"{tasks} tasks, {dtype}, {what} over {2 * DECADES} decades")


def _scaled(evidence: Evidence, of_gradients: Tensor, of_losses: Tensor, dtype: torch.dtype) -> Evidence:
    return evidence_of((evidence.gradients * of_gradients[:, None]).to(dtype), evidence.losses * of_losses)


def unlike_batches(weighting: Weighting) -> None:
    """Finite weights where the Gramian across batches is neither symmetric nor positive, as it is in practice."""
    if Need.CROSS_GRAMIAN not in weighting.needs:
        return
    for tasks in (FEW, MORE):
        pairs = zip(problems(tasks), problems(tasks, seed=1), strict=True)
        run = [
            replace(one, measured_cross_gramian=cross_gramian_of(one.gradients, other.gradients))
            for one, other in pairs
        ]
        require_finite(weighting, run, f"{tasks} tasks, unlike batches")


def absent_tasks(weighting: Weighting) -> None:
    """An absent task keeps its memory, the others get finite weights, and afterwards all go on."""
    tasks = 1 + max(max(positions) for positions in PRESENT)
    run = problems(tasks)
    state = weighting.init(sizes_of(run[0]))
    draws = Draws.seeded(0)
    for step, (evidence, positions) in enumerate(zip(run, PRESENT, strict=True)):
        present = torch.tensor(positions)
        absent = torch.tensor([i for i in range(tasks) if i not in positions], dtype=torch.long)
        part = evidence_of(evidence.gradients[present], evidence.losses[present])
        answer, following = update_present(weighting, part, state, draws, present)
        if Need.LOSSES_AFTER in weighting.needs:
            following = after_present(weighting, 0.9 * part.losses, following, present)
        if Need.SCORES in weighting.needs:
            following = after_validation_of(weighting, -10.0 * part.losses, following, present)
        weights = answer.weights
        sound = weights.isfinite().all() and len(weights) == len(positions)
        require(sound, f"step {step}, present {positions}: weights are {shown(weights)}")
        for (field, axes), before, after in zip(task_axes(type(state)).items(), state, following, strict=True):
            kept = all(torch.equal(before.index_select(a, absent), after.index_select(a, absent)) for a in axes)
            require(kept, f"{field}: the entries of absent tasks changed in step {step}")
        state = following
    weights = as_answer(weighting.update(run[0], state, draws)[0]).weights
    require(weights.isfinite().all(), f"after all tasks came back: weights are {shown(weights)}")
