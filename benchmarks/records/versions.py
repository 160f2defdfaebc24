"""The version of a method or a suite as records have it."""

from __future__ import annotations

from typing import ClassVar, Protocol


class Versioned(Protocol):
    """A method or a suite.

    Attributes:
        version: raised by hand when numbers change.
        digest: of the file of a plug-in; empty for what comes with the library.
    """

    version: ClassVar[int]
    digest: ClassVar[str]


def version_of(thing: Versioned) -> int | str:
    """The version of a method or a suite; that of a plug-in ends with the digest of its file."""
    return f"{thing.version}+{thing.digest}" if thing.digest else thing.version
