"""Refusing a block of code the network and other programs, with a list of its attempts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

# The interpreter's audit events, each with its words for a message and the position of the argument that names the
# target. Programs are among them because pip can download as well.
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

_open: list[list[str]] = []  # the attempts of each open block, the innermost last


class RefusedError(OSError):
    """A block tried to use the network or another program while both are refused."""


@contextmanager
def refused() -> Iterator[list[str]]:
    """Refuse connections, look-ups of hosts and other programs in a block; yields the list of attempts.

    Attempts whose error the block catches are in the list as well. Connections that a C library opens by itself are not
    noticed.

    Raises:
        RefusedError: the block made an attempt.
    """
    _watch()
    _open.append([])
    try:
        yield _open[-1]
    finally:
        _open.pop()


@cache
def _watch() -> None:
    """Add the audit hook; Python offers no way to remove one."""
    sys.addaudithook(_heard)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if _open and event in REFUSED:
        action, place = REFUSED[event]
        _open[-1].append(f"{action} {arguments[place]!r}")
        raise RefusedError(
            f"{_open[-1][-1]} was asked for, but neither the network nor another program may be used here"
        )
