"""Runs the tiny protocol on a Ray cluster of two nodes, of which one is killed in the middle, as is a first driver."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import ray
import torch
from ray.cluster_utils import Cluster
from rich.console import Console

from benchmarks.protocols.expand import Filters, expand
from benchmarks.running import runner
from benchmarks.running.executors.base import Event, Finished, Job, Setting
from benchmarks.running.executors.cluster import Ray
from benchmarks.running.runner import Options
from tests.benchmarks import faulty
from tests.benchmarks.tiny_suite import PROTOCOL, protocol

PATIENCE = 200  # seconds that anything here may take on a busy machine


def main() -> None:
    folder = Path(sys.argv[1])
    source = folder.with_suffix(".toml")
    source.write_text(PROTOCOL, encoding="utf-8")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    address: str = cluster.address  # pyright: ignore[reportAssignmentType]

    def wait_for(count: int) -> None:
        until = time.monotonic() + PATIENCE
        while len(list((folder / "records").glob("*.json"))) < count and time.monotonic() < until:
            time.sleep(0.02)

    command = [sys.executable, "-m", "tests.benchmarks.driver", str(folder), address]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wait_for(2)
    driver.kill()
    driver.wait()
    left = len(list((folder / "records").glob("*.json")))

    def kill() -> None:
        wait_for(left + 2)
        cluster.remove_node(nodes[0], allow_graceful=False)

    threading.Thread(target=kill, daemon=True).start()
    options = Options(
        torch.device("cpu"), threads=1, imports=(faulty.__name__,), executor="ray", address=address, replicas=1
    )
    runner.run(source, Filters(), folder, options, Console(width=200))
    deadline = time.monotonic() + PATIENCE  # until the head has noticed
    while (alive := sum(node["Alive"] for node in ray.nodes())) > 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    reasons = _of_a_wrong_program(address)
    ray.shutdown()
    cluster.shutdown()
    sys.stdout.write(f"left by the driver: {left}\nnodes alive at the end: {alive}\nwrong program: {reasons}\n")


def _of_a_wrong_program(address: str) -> list[str]:
    """What becomes of cells that no worker can train."""
    heard: list[Event] = []
    cells = expand(protocol())[:2]
    Ray(Setting(imports=("there.is.no.such.module",)), address).run([Job(tuple(cells))], heard.append)
    return [event.record.reason for event in heard if isinstance(event, Finished)]


if __name__ == "__main__":
    main()
