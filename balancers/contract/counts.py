"""Hyperparameters that count something."""

from __future__ import annotations


def require_count(method: str, name: str, value: object, least: int) -> None:
    """Raise ``ValueError`` unless a hyperparameter is a whole number of at least ``least``.

    Example:
        >>> from balancers.contract.counts import require_count
        >>> require_count("dwa", "period", 25, 1)
        >>> require_count("dwa", "period", 0, 1)
        Traceback (most recent call last):
            ...
        ValueError: dwa: expected period to be a whole number of at least 1, got 0
    """
    if not isinstance(value, int) or value < least:
        raise ValueError(f"{method}: expected {name} to be a whole number of at least {least}, got {value!r}")
