"""Forms of answers in words, as regular expressions."""

from __future__ import annotations

import re
from collections.abc import Iterable

NUMBER = r"-?\d[\d.e+-]*"


def one_of(names: Iterable[str]) -> str:
    """Exactly one of the names."""
    return f"({'|'.join(map(re.escape, names))})"


def likeliest(names: Iterable[str]) -> str:
    """One of the names, with its probability."""
    return rf"{one_of(names)} \(\d+%\)"


def listed(item: str, between: str = ", ") -> str:
    """One or more of what ``item`` describes."""
    return f"{item}({between}{item})*"
