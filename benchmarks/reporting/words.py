"""Names and counts as they stand in sentences."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 6  # names that a sentence can hold


def listed(names: Sequence[str]) -> str:
    """Names as in "a, b and c"; of many names, the first few and the number of the others."""
    if len(names) > MOST + 1:
        return f"{', '.join(names[:MOST])} and {len(names) - MOST} others"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "none"


def plural(count: int, one: str) -> str:
    """A count as in "1 method" and "2 methods"."""
    return f"{count} {one}{'' if count == 1 else 's'}"
