"""A short training with equal weights, to see that every task of a suite can be learnt."""

from __future__ import annotations

import torch

from tasks.base import Split, Suite


def losses_before_and_after(suite: Suite, split: Split, steps: int, learning_rate: float) -> dict[str, list[float]]:
    """Every task's loss on ``split`` at the start, and after so many steps on the whole of it."""
    model = suite.build(0, [task.name for task in suite.tasks]).train()
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    recorded: dict[str, list[float]] = {task.name: [] for task in suite.tasks}
    for step in range(steps + 1):
        _, outputs = model(split.inputs)
        losses = {task.name: task.loss(outputs[task.name], split.targets[task.name]) for task in suite.tasks}
        if step in (0, steps):
            for task, loss in losses.items():
                recorded[task].append(loss.item())
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
    return recorded
