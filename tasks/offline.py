"""A block of code that gets neither a network nor another program, and a list of what it asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

# What the interpreter tells before it does it, under whatever name it is called; in words, and which argument says of
# what. A download may be left to another program, as to pip.
REFUSED = {
    "socket.connect": ("a connection to", 1),
    "socket.sendto": ("a message to", 1),
    "socket.getaddrinfo": ("the address of", 0),
    "socket.gethostbyname": ("the address of", 0),
    "subprocess.Popen": ("the program", 1),
    "os.posix_spawn": ("the program", 1),
    "os.exec": ("the program", 1),
    "os.system": ("the command", 0),
}

_open: list[list[str]] = []  # what each block has asked for, the innermost last


class RefusedError(OSError):
    """What was asked for is not to be had here, as on a machine without a network."""


@contextmanager
def refused() -> Iterator[list[str]]:
    """Refuse connections, look-ups of hosts and other programs in a block; the list says what was asked for.

    What the block goes on without is in the list as well. Seen is what Python opens, not what a C library opens by
    itself.

    Raises:
        RefusedError: the block asked, and does not go on without.
    """
    _watch()
    _open.append([])
    try:
        yield _open[-1]
    finally:
        _open.pop()


@cache
def _watch() -> None:
    """Hear of what the interpreter is about to do, from now on: there is no way to stop listening."""
    sys.addaudithook(_heard)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if _open and event in REFUSED:
        what, place = REFUSED[event]
        _open[-1].append(f"{what} {arguments[place]!r}")
        raise RefusedError(f"{_open[-1][-1]} was asked for, where neither a network nor another program is to be had")
