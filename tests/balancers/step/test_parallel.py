"""Data-parallel training: two processes with half of the batch each do what one does with all of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.multiprocessing.spawn import spawn

from balancers import Balancer, Need, create
from balancers.step.parallel import Group

STEPS, EXAMPLES, TASKS = 4, 12, 3
PLACES = {
    "fixed": "shared",  # losses alone
    "uncertainty": "shared",
    "famo": "shared",  # and the losses after the step
    "pcgrad": "shared",  # the Gramian
    "nash-mtl": "shared",
    "gradnorm": "last",
    "imtl-g": "features",
    "imtl": "features",  # heads that follow transformed losses
    "graddrop": "shared",  # element by element
    "moco": "shared",
    "modo": "shared",  # two more batches
}

EXTREME = [("fixed", "shared"), ("config", "shared"), ("config", "last"), ("config", "features")]


def data(step: int, batch: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(100 * step + batch)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    return draw(EXAMPLES, 5), draw(EXAMPLES, TASKS)


def train(method: str, part: slice, group: dist.ProcessGroup | None) -> list[Tensor]:
    """All parameters after some steps on a part of every batch."""
    torch.manual_seed(0)
    first, last = nn.Linear(5, 6), nn.Linear(6, 4)
    encoder = nn.Sequential(first, nn.Tanh(), last, nn.Tanh()).double()
    heads = nn.ModuleList(nn.Linear(4, 1) for _ in range(TASKS)).double()
    parameters = [*encoder.parameters(), *heads.parameters()]
    optimizer = torch.optim.SGD(parameters, 0.05)
    balancer = Balancer(method, TASKS, seed=3)
    if group is not None:
        balancer.across(group)

    def losses(step: int, batch: int = 0) -> tuple[Tensor, list[Tensor]]:
        x, y = (value[part] for value in data(step, batch))
        z = encoder(x)
        return z, [(head(z).squeeze(-1) - y[:, k]).square().mean() * 10**k for k, head in enumerate(heads)]

    for step in range(STEPS):
        optimizer.zero_grad()
        z, batch = losses(step)
        crossed = Need.CROSS_GRAMIAN in balancer.weighting.needs
        balancer.backward(
            batch,
            shared=encoder.parameters(),
            at=last.parameters() if PLACES[method] == "last" else None,
            features=z if PLACES[method] == "features" else None,
            others=[losses(step, batch)[1] for batch in (1, 2)] if crossed else [],
        )
        optimizer.step()
        with torch.no_grad():
            balancer.after_step(losses(step)[1])
    return [parameter.detach() for parameter in parameters]


def extreme(method: str, place: str, part: slice, group: dist.ProcessGroup | None) -> list[Tensor]:
    """The gradients of one step in single precision whose weights and losses lie near the ends of its range."""
    torch.manual_seed(0)
    encoder, last = nn.Linear(5, 6), nn.Linear(6, 4)
    heads = nn.ModuleList(nn.Linear(4, 1) for _ in range(TASKS))
    balancer = Balancer(create("fixed", weights=[1e40, 1.0, 1e-20]) if method == "fixed" else method, TASKS)
    if group is not None:
        balancer.across(group)
    x, y = (value[part].float() for value in data(0, 0))
    z = last(torch.tanh(encoder(x)))
    scales = (1e-35, 1e5, 1e25)
    losses = [(head(z)[:, 0] - y[:, k]).square().mean() * scales[k] for k, head in enumerate(heads)]
    shared = [*encoder.parameters(), *last.parameters()]
    at = last.parameters() if place == "last" else None
    balancer.backward(losses, shared=shared, at=at, features=z if place == "features" else None)
    gradients = [parameter.grad for parameter in [*shared, *heads.parameters()]]
    return [gradient for gradient in gradients if gradient is not None]


def worker(rank: int, meeting: str, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    torch.set_num_threads(1)
    half = EXAMPLES // 2
    group = dist.group.WORLD
    assert group is not None
    snapshots = {method: train(method, slice(rank * half, (rank + 1) * half), group) for method in PLACES}
    halves = slice(rank * half, (rank + 1) * half)
    snapshots |= {f"{method} {place}": extreme(method, place, halves, group) for method, place in EXTREME}
    torch.save(snapshots, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def in_two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[Tensor]]]:
    folder = tmp_path_factory.mktemp("parallel")
    spawn(worker, (str(folder / "meeting"), str(folder)), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("method", PLACES)
def test_two_halves_are_the_whole(method: str, in_two: list[dict[str, list[Tensor]]]) -> None:
    whole = train(method, slice(None), None)
    for snapshots in in_two:
        for got, want in zip(snapshots[method], whole, strict=True):
            torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-12)
    assert all(map(torch.equal, in_two[0][method], in_two[1][method]))


@pytest.mark.parametrize(("method", "place"), EXTREME)
def test_two_halves_are_the_whole_at_the_ends_of_the_range(
    method: str, place: str, in_two: list[dict[str, list[Tensor]]]
) -> None:
    whole = extreme(method, place, slice(None), None)
    assert len(whole) == 4 + 2 * TASKS
    for snapshots in in_two:
        for got, want in zip(snapshots[f"{method} {place}"], whole, strict=True):
            assert want.isfinite().all()
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4 * float(want.abs().max()))


def test_gradients_at_features_are_refused_in_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Group, "mean", lambda self, tensors: list(tensors))
    balancer = Balancer("graddrop", 2)
    balancer._group.size = 2
    encoder = nn.Linear(2, 2)
    z = encoder(torch.ones(3, 2))
    with pytest.raises(ValueError, match="graddrop looks at gradients at features, which no process has all of"):
        balancer.backward([z.square().mean(), z.abs().mean()], features=z)
