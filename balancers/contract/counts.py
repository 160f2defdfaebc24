"""Hyperparameters that count something."""

from __future__ import annotations


def require_count(method: str, name: str, value: object, least: int) -> None:
    """Raise ``ValueError`` unless a hyperparameter is a whole number of at least ``least``."""
    if not isinstance(value, int) or value < least:
        raise ValueError(f"{method}: expected {name} to be a whole number of at least {least}, got {value!r}")
