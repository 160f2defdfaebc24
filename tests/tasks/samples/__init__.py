"""Small data of every suite in the exact form that it reads, one file per suite, found by a scan of this folder.

A file is called as its suite, with an underscore for what is no letter or digit, and may have ``OPTIONS``, with which
the suite is small, and ``write(folder)``, which puts its data into a data folder. If a suite answers to inputs of one's
own, there is ``given(folder)``, such an input, which may be a file that it adds to the folder, and ``ANSWERS``, by task
a regular expression for what any model may answer.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any


def options_of(name: str) -> dict[str, Any]:
    """The options with which the suite called ``name`` is small."""
    return dict(getattr(_sample(name), "OPTIONS", {}))


def write(name: str, folder: Path) -> None:
    """The data of the suite called ``name``; nothing if it computes them."""
    if hasattr(_sample(name), "write"):
        _sample(name).write(folder)


def takes_inputs(name: str) -> bool:
    """Whether the suite called ``name`` answers to inputs of one's own."""
    return hasattr(_sample(name), "given")


def given(name: str, folder: Path) -> str:
    """What somebody may ask the suite called ``name``, whose data are in the folder."""
    return _sample(name).given(folder)


def answers_of(name: str) -> dict[str, str]:
    """The form of the answer of every task to that."""
    return dict(_sample(name).ANSWERS)


def _sample(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{re.sub(r'[^a-z0-9]', '_', name)}")
