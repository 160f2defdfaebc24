"""Data-parallel training: every process has its part of the batch, and calls `across` once.

Parts have the same size. The balancer averages losses and gradients over the processes itself: do not wrap the model in
`DistributedDataParallel`. Here two processes on the CPU end with the same weights and gradients. This file starts them
itself; in a program of your own, `torchrun` does.
"""

import tempfile
from pathlib import Path

import torch
from torch import distributed, multiprocessing, nn

from balancers import Balancer


def train(rank: int, world: int, folder: str) -> None:
    """One step in one process; what came out goes to a file."""
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world)
    torch.manual_seed(0)  # the same network in all processes
    encoder, heads = nn.Linear(8, 16), nn.ModuleList([nn.Linear(16, 1), nn.Linear(16, 1)])
    batch = torch.randn(64, 8).chunk(world)[rank]
    balancer = Balancer("mgda", tasks=2).across(distributed.group.WORLD)
    losses = [(head(encoder(batch)) - 1).square().mean() for head in heads]
    weights = balancer.backward(losses, shared=encoder.parameters())
    torch.save([weights, encoder.weight.grad], f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(train, (2, folder), nprocs=2)
        first, second = (torch.load(Path(folder) / f"{rank}.pt") for rank in range(2))
    print("both processes agree:", all(map(torch.equal, first, second)), "weights:", first[0])
