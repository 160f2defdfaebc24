"""What every method must do, one function per promise."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from balancers.balancer import Balancer
from balancers.base import Draws, Need, Weighting
from balancers.conformance.problems import (
    DIMENSION,
    TASK_COUNTS,
    all_weights,
    evidence,
    play,
    problems,
    require,
    require_close,
    require_finite,
    sizes_of,
)
from balancers.evidence import as_answer
from balancers.presence import task_axes, update_present

SCALES = (1e-12, 1.0, 1e12)


def shapes(weighting: Weighting) -> None:
    """One weight per task, or one per task and element; finite."""
    for tasks in TASK_COUNTS:
        for weights in all_weights(weighting, problems(tasks)):
            allowed = [(tasks,), (tasks, DIMENSION)]
            require(tuple(weights.shape) in allowed, f"expected a shape out of {allowed}, got {tuple(weights.shape)}")
        require_finite(weighting, problems(tasks), f"{tasks} tasks")


def states(weighting: Weighting) -> None:
    """A state is a NamedTuple of tensors whose annotations say which axes count tasks, and its shapes never change."""
    tasks = 5
    run = problems(tasks)
    first = weighting.init(sizes_of(run[0]))
    for field, axes in task_axes(type(first)).items():
        value = getattr(first, field)
        require(isinstance(value, Tensor), f"{field} is a {type(value).__name__}, not a tensor")
        require(all(value.shape[axis] == tasks for axis in axes), f"{field}: its annotation does not fit its shape")
    for _, state in play(weighting, run, Draws.seeded(0)):
        for field, before, after in zip(type(first)._fields, first, state, strict=True):  # pyright: ignore
            same = before.shape == after.shape and before.dtype == after.dtype
            require(same, f"{field}: {before.dtype} {tuple(before.shape)} became {after.dtype} {tuple(after.shape)}")


def purity(weighting: Weighting) -> None:
    """`update` changes none of its arguments."""
    run = problems(3)
    state = weighting.init(sizes_of(run[0]))
    draws = Draws.seeded(0)
    for step, seen in enumerate(run):
        parts = [seen.losses, seen.gramian, seen.gradients, seen.cross_gramian, *state]
        before = [part.clone() for part in parts]
        _, following = weighting.update(seen, state, draws)
        require(all(map(torch.equal, before, parts)), f"update changed an argument in step {step}")
        state = following


def batch_axes(weighting: Weighting) -> None:
    """Replicas along leading axes behave as each of them alone, to rounding."""
    batch = (2, 3)
    run = problems(4, batch=batch)
    together = all_weights(weighting, run)
    for i in range(batch[0]):
        for j in range(batch[1]):
            alone = [evidence(s.gradients[i, j], s.losses[i, j]) for s in run]
            expected = all_weights(weighting, alone, seed=i * batch[1] + j)
            for got, want in zip(together, expected, strict=True):
                require_close(got[i, j], want, f"replica {(i, j)}")


def single_task(weighting: Weighting) -> None:
    """One task alone has a positive weight."""
    for weights in all_weights(weighting, problems(1)):
        require((weights > 0).any(), f"the weight is {weights.tolist()}")


def degenerate_gradients(weighting: Weighting) -> None:
    """Zero, equal and opposite gradients give finite weights."""
    base = problems(4)
    changes: dict[str, Callable[[Tensor], Tensor]] = {
        "one zero gradient": lambda j: torch.cat([0 * j[:1], j[1:]]),
        "all gradients zero": lambda j: 0 * j,
        "two equal gradients": lambda j: torch.cat([j[1:2], j[1:]]),
        "two opposite gradients": lambda j: torch.cat([-j[1:2], j[1:]]),
        "all gradients equal": lambda j: j[:1].expand_as(j).clone(),
    }
    for what, change in changes.items():
        require_finite(weighting, [evidence(change(seen.gradients), seen.losses) for seen in base], what)


def degenerate_losses(weighting: Weighting) -> None:
    """Losses that are zero, or that stay exactly where they were, give finite weights."""
    base = problems(3)
    require_finite(weighting, [evidence(s.gradients, s.losses * torch.tensor([0.0, 1, 1])) for s in base], "zero")
    require_finite(weighting, [evidence(s.gradients, torch.ones_like(s.losses)) for s in base], "constant")


def extreme_scales(weighting: Weighting) -> None:
    """Finite weights at any scale, and when the tasks' scales differ by twelve orders of magnitude."""
    for scale in SCALES:
        require_finite(weighting, problems(3, scale), f"scale {scale:g}")
    spread = torch.tensor([1e-6, 1.0, 1e6], dtype=torch.float64)
    run = [evidence(s.gradients * spread[:, None], s.losses * spread) for s in problems(3)]
    require_finite(weighting, run, "scales from 1e-6 to 1e6")


def absent_tasks(weighting: Weighting) -> None:
    """An absent task keeps its memory, the others get finite weights, and afterwards all go on."""
    present = torch.tensor([0, 2])
    run = problems(3)
    state = weighting.init(sizes_of(run[0]))
    draws = Draws.seeded(0)
    for step, seen in enumerate(run):
        part = evidence(seen.gradients[present], seen.losses[present])
        answer, following = update_present(weighting, part, state, draws, present)
        weights = answer.weights
        require(weights.isfinite().all() and len(weights) == len(present), f"step {step}: weights {weights.tolist()}")
        for (field, axes), before, after in zip(task_axes(type(state)).items(), state, following, strict=True):
            kept = all(torch.equal(before.select(axis, 1), after.select(axis, 1)) for axis in axes)
            require(kept, f"{field}: the entries of the absent task changed")
        state = following
    weights = as_answer(weighting.update(run[0], state, draws)[0]).weights
    require(weights.isfinite().all(), f"after the task came back: weights {weights.tolist()}")


def determinism(weighting: Weighting) -> None:
    """One seed, one result; the global generator is left alone; only a method that says it is stochastic draws."""
    run = problems(5)
    before = torch.random.get_rng_state()
    first, again, other = (all_weights(weighting, run, seed) for seed in (1, 1, 2))
    require(torch.equal(before, torch.random.get_rng_state()), "it draws from torch's global generator")
    require(all(map(torch.equal, first, again)), "two runs with one seed differ")
    if not weighting.stochastic:
        require(all(map(torch.equal, first, other)), "it depends on the seed: declare `stochastic = True`")


def resume(weighting: Weighting) -> None:
    """A fresh balancer that loads a checkpoint goes on bit for bit."""
    reference = _small_run(weighting, interrupted=False)
    require(all(map(torch.equal, reference, _small_run(weighting, interrupted=True))), "weights differ after loading")


def _small_run(weighting: Weighting, *, interrupted: bool) -> list[Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = nn.Sequential(nn.Linear(4, 8), nn.Tanh())
        heads = nn.ModuleList(nn.Linear(8, 1) for _ in range(3))
        inputs, targets = torch.randn(3, 16, 4), torch.randn(3, 3, 16, 1)  # three batches
    model = nn.ModuleList([encoder, heads])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    balancer = Balancer(weighting, 3, seed=5)

    def losses(batch: int) -> list[Tensor]:
        features = encoder(inputs[batch])
        return [(head(features) - aim).square().mean() for head, aim in zip(heads, targets[batch], strict=True)]

    seen = []
    for step in range(6):
        if interrupted and step == 3:
            saved = balancer.state_dict()
            balancer = Balancer(weighting, 3, seed=6)
            balancer.load_state_dict(saved)
        optimizer.zero_grad()
        others = [losses(1), losses(2)] if Need.CROSS_GRAMIAN in weighting.needs else []
        seen.append(balancer.backward(losses(0), shared=encoder.parameters(), others=others))
        optimizer.step()
        balancer.after_step(losses(0))
        seen.append(next(encoder.parameters()).detach().clone())
    return seen
