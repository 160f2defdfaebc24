"""Software, hardware and commit that numbers come from; no host name and no paths."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from benchmarks.training.machine.devices import cores, name_of

COMMIT = "BALANCERS_COMMIT"  # environment variable
REPOSITORY = Path(__file__).parents[3]
# The code that makes numbers; a change elsewhere makes no commit "-dirty". `benchmarks/records` has the rule that
# selects checkpoints and settings. `benchmarks/running` is left out: it says where and when a cell trains, which every
# record holds (device, threads, replicas, processes), and nothing in it touches a model.
CODE = ("balancers", "tasks", "benchmarks/protocols", "benchmarks/training", "benchmarks/records", "benchmarks/studies")
NO_CODE = (":(exclude)*.md",)  # descriptions that lie beside code
PACKAGES = ("numpy", "scipy", "pydantic", "safetensors", "tokenizers", "transformers")


def describe(device: torch.device) -> dict[str, str]:
    """The facts about the environment that every record holds."""
    facts = {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": device.type,
        "processor": _processor(),
        "cores": str(cores()),
        "threads": str(torch.get_num_threads()),
    }
    if name := name_of(device):  # the driver of a cluster may have no accelerator
        facts["gpu"] = name
    if revision := commit():
        facts["commit"] = revision
    return facts


def packages() -> dict[str, str]:
    """The versions of the installed packages that can change numbers."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


@cache
def _processor() -> str:
    try:
        match = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        match = None
    return match[1].strip() if match else platform.processor()


@cache
def commit() -> str:
    """The commit of the clone that this code is in; see `commit_of`.

    A copy of a clone, as on the nodes of a cluster, is told its commit in the environment variable `COMMIT`.
    """
    return os.environ.get(COMMIT) or commit_of(REPOSITORY)


def commit_of(repository: Path) -> str:
    """The commit of a clone, with "-dirty" where code that makes numbers was changed; empty if there is none."""
    if not (repository / ".git").exists():
        return ""
    try:
        head = _git(repository, "rev-parse", "HEAD").strip()
        changes = _git(repository, "status", "--porcelain", "--", *CODE, *NO_CODE).strip()
    except (OSError, subprocess.CalledProcessError):  # git is not installed, or nothing is committed yet
        return ""
    return f"{head}-dirty" if changes else head


def _git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
