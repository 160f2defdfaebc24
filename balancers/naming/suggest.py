"""The hint in an error about an unknown name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of an error message: the nearest of ``names`` to ``name``, and all of them.

    Example:
        >>> from balancers.naming.suggest import nearest
        >>> nearest("pcgrd", ["pcgrad", "mgda"])
        "; did you mean 'pcgrad'? There is: mgda, pcgrad."
    """
    names = sorted(names)
    lower = {each.lower(): each for each in names}
    guesses = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    guess = f"; did you mean {lower[guesses[0]]!r}?" if guesses else "."
    return f"{guess} There is: {', '.join(names)}." if names else "; it has none."
