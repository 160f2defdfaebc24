"""How a method is known to be right: every test that compares it with something independent says so.

``@witness("pcgrad", "transcription")`` marks such a test; a test over the whole registry counts the kinds per method.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Literal, TypeVar

Kind = Literal[
    "closed form",  # the answer is known, for two tasks for example
    "optimality",  # the conditions that define the answer hold
    "transcription",  # the paper word for word, in tests/references
    "torchjd",  # another library agrees
    "identity",  # it equals another method where the literature says so
]
Test = TypeVar("Test", bound=Callable)

witnesses: dict[str, set[Kind]] = defaultdict(set)


def witness(method: str, kind: Kind) -> Callable[[Test], Test]:
    """Decorator of a test that is a second witness of ``method``."""

    def note(test: Test) -> Test:
        witnesses[method].add(kind)
        return test

    return note
