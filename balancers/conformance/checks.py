"""What every method must do, one function per promise: what it is, what it may touch, how it remembers and draws."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import torch
from torch import Tensor, nn

from balancers.balancer import Balancer
from balancers.conformance.problems import (
    DIMENSION,
    MANY,
    TASK_COUNTS,
    TOLERANCE,
    all_answers,
    all_weights,
    between_steps,
    evidence_of,
    play,
    problems,
    require,
    require_close,
    require_finite,
    shown,
    sizes_of,
)
from balancers.contract.evidence import as_answer
from balancers.contract.weighting import Draws, Heads, Need, Place, Weighting
from balancers.step.state_axes import task_axes

MEASURED = {
    "measured_gramian": Need.GRAMIAN,
    "measured_gradients": Need.GRADIENTS,
    "measured_cross_gramian": Need.CROSS_GRAMIAN,
}


def facts(weighting: Weighting) -> None:
    """The facts that a method declares have allowed values."""
    for fact, allowed in (("heads", get_args(Heads)), ("place", get_args(Place))):
        value = getattr(weighting, fact)
        require(value in allowed, f"expected {fact} out of {allowed}, got {value!r}")
    elementwise = any(weights.dim() > 1 for weights in all_weights(weighting, problems(2)))
    require(not elementwise or weighting.heads == "own", 'weights per element have none for a head: say heads = "own"')


def shapes(weighting: Weighting) -> None:
    """One weight per task in float64, or one per task and element; finite; gradients and heads likewise."""
    for tasks in (*TASK_COUNTS, MANY):
        run = problems(tasks)
        per_task, per_element = (tasks,), (tasks, DIMENSION)
        for answer in all_answers(weighting, run):
            shape = tuple(answer.weights.shape)
            require(shape in {per_task, per_element}, f"expected shape {per_task} or {per_element}, got {shape}")
            exact = shape == per_element or answer.weights.dtype == torch.float64
            require(exact, f"expected weights in float64, got {answer.weights.dtype}")
            for what, value, expected in (
                ("gradients", answer.gradients, per_element),
                ("heads", answer.heads, per_task),
            ):
                fits = value is None or tuple(value.shape) == expected
                require(fits, f"expected {what} of shape {expected}")
        require_finite(weighting, run, f"{tasks} tasks")


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
    """`update`, `after` and `after_validation` change none of their arguments."""
    run = problems(3)
    state = weighting.init(sizes_of(run[0]))
    draws = Draws.seeded(0)
    for step, evidence in enumerate(run):
        parts = [evidence.losses, evidence.gramian, evidence.gradients, evidence.cross_gramian, *state]
        before = [part.clone() for part in parts]
        _, following = weighting.update(evidence, state, draws)
        require(all(map(torch.equal, before, parts)), f"update changed an argument in step {step}")
        parts = [evidence.losses, *following]
        before = [part.clone() for part in parts]
        state = weighting.after(evidence.losses, following)
        weighting.after_validation(evidence.losses, following)
        require(all(map(torch.equal, before, parts)), f"after changed an argument in step {step}")


def needs(weighting: Weighting) -> None:
    """The method reads only what it declares in ``needs``."""
    run = problems(3)
    expected = all_weights(weighting, run)
    state = weighting.init(sizes_of(run[0]))
    draws = Draws.seeded(0)
    for step, (evidence, want) in enumerate(zip(run, expected, strict=True)):
        now = weighting.needs_now(state)
        require(now in weighting.needs, f"step {step} needs {now}, and only {weighting.needs} is declared")
        hidden = {field: None for field, need in MEASURED.items() if need not in now}
        answer, state = weighting.update(replace(evidence, **hidden), state, draws)
        require(torch.equal(as_answer(answer).weights, want), f"step {step}: it looks at what it does not ask for")
        state = between_steps(weighting, evidence.losses, state)


def batch_axes(weighting: Weighting) -> None:
    """Replicas along leading axes behave as each of them alone, to rounding, whatever the others are like."""
    batch = (2, 3)
    scale = torch.tensor([[1, 0, 1e6], [1e-6, 1, 1]], dtype=torch.float64)  # one has no gradients at all
    run = [evidence_of(scale[..., None, None] * s.gradients, s.losses) for s in problems(4, batch=batch)]
    together = all_weights(weighting, run)
    for i in range(batch[0]):
        for j in range(batch[1]):
            alone = [evidence_of(s.gradients[i, j], s.losses[i, j]) for s in run]
            expected = all_weights(weighting, alone, seed=i * batch[1] + j)
            for got, want in zip(together, expected, strict=True):
                require_close(got[i, j], want, f"replica {(i, j)}")


def single_task(weighting: Weighting) -> None:
    """One task alone has a positive weight."""
    for weights in all_weights(weighting, problems(1)):
        require((weights > 0).any(), f"the weight is {weights.tolist()}")


def determinism(weighting: Weighting) -> None:
    """One seed, one result; the global generator is left alone; only a method that says it is stochastic draws."""
    run = problems(5)
    before = torch.random.get_rng_state()
    first, again, other = (all_weights(weighting, run, seed) for seed in (1, 1, 2))
    require(torch.equal(before, torch.random.get_rng_state()), "it draws from torch's global generator")
    require(all(map(torch.equal, first, again)), "two runs with one seed differ")
    if not weighting.stochastic:
        require(all(map(torch.equal, first, other)), "it depends on the seed: declare `stochastic = True`")


def certificates(weighting: Weighting) -> None:
    """A method that solves equations says how well: exactly, except in fallbacks."""
    for tasks in TASK_COUNTS:
        run = problems(tasks)
        for steps, (_, state) in enumerate(play(weighting, run, Draws.seeded(0)), start=1):
            certificate = weighting.certificate(state)
            if certificate is None:
                return
            require(
                (certificate.residual <= TOLERANCE).all(),
                f"{tasks} tasks: the residual is {shown(certificate.residual)}",
            )
            counted = (certificate.fallbacks >= 0) & (certificate.fallbacks <= steps)
            require(counted.all(), f"{tasks} tasks: {shown(certificate.fallbacks)} ways out in {steps} steps")


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

    evidence = []
    for step in range(6):
        if interrupted and step == 3:
            saved = balancer.state_dict()
            balancer = Balancer(weighting, 3, seed=6)
            balancer.load_state_dict(saved)
        optimizer.zero_grad()
        others = [losses(1), losses(2)] if Need.CROSS_GRAMIAN in weighting.needs else []
        evidence.append(balancer.backward(losses(0), shared=encoder.parameters(), others=others))
        optimizer.step()
        balancer.after_step(losses(0))
        balancer.after_validation([-10.0 * step, 0.0, 3.0])
        evidence.append(next(encoder.parameters()).detach().clone())
    return evidence
