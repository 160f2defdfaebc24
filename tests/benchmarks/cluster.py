"""Runs the tiny protocol on a Ray cluster of two nodes in a process of its own; one node is killed in the middle."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import ray
import torch
from ray.cluster_utils import Cluster
from rich.console import Console

from benchmarks import runner
from benchmarks.expand import Filters
from benchmarks.runner import Options
from tests.benchmarks import faulty
from tests.benchmarks.tiny_suite import PROTOCOL


def main() -> None:
    folder = Path(sys.argv[1])
    source = folder.with_suffix(".toml")
    source.write_text(PROTOCOL, encoding="utf-8")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]

    def kill() -> None:
        while len(list((folder / "records").glob("*.json"))) < 2:
            time.sleep(0.02)
        cluster.remove_node(nodes[0], allow_graceful=False)

    threading.Thread(target=kill, daemon=True).start()
    options = Options(
        torch.device("cpu"), threads=1, imports=(faulty.__name__,), executor="ray", address=cluster.address, replicas=1
    )
    runner.run(source, Filters(), folder, options, Console(width=200))
    deadline = time.monotonic() + 60  # until the head has noticed
    while (alive := sum(node["Alive"] for node in ray.nodes())) > 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    ray.shutdown()
    cluster.shutdown()
    sys.stdout.write(f"nodes alive at the end: {alive}\n")


if __name__ == "__main__":
    main()
