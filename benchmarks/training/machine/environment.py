"""Where numbers come from: software, hardware and commit; no host name and no paths."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from benchmarks.training.machine.devices import cores

COMMIT = "BALANCERS_COMMIT"  # environment variable
REPOSITORY = Path(__file__).parents[3]
CODE = ("balancers", "benchmarks", "tasks")  # what decides the numbers: a changed chart or text makes nothing "-dirty"
PACKAGES = ("numpy", "scipy", "pydantic", "safetensors", "tokenizers", "transformers")


def describe(device: torch.device) -> dict[str, str]:
    """The facts that every record holds."""
    facts = {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": device.type,
        "processor": _processor(),
        "cores": str(cores()),
        "threads": str(torch.get_num_threads()),
    }
    if device.type == "cuda" and torch.cuda.is_available():  # the driver of a cluster may have none
        facts["gpu"] = torch.cuda.get_device_name(device)
    if found := commit():
        facts["commit"] = found
    return facts


def packages() -> dict[str, str]:
    """The versions of the installed packages that can change numbers."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def _processor() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor()


@cache
def commit() -> str:
    """The commit of the clone, with "-dirty" where its code was changed; empty outside of a clone.

    Where the code is a copy of a clone, whoever made the copy says it.
    """
    if told := os.environ.get(COMMIT):
        return told
    if not (REPOSITORY / ".git").exists():
        return ""
    try:
        head = _git("rev-parse", "HEAD").strip()
        changed = _git("status", "--porcelain", "--", *CODE).strip()
    except (OSError, subprocess.CalledProcessError):  # no git here, or nothing committed yet
        return ""
    return f"{head}-dirty" if changed else head


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(REPOSITORY), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
