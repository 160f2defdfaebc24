"""Importing a user's Python file as a plug-in."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path


def import_file(path: Path) -> None:
    """Run a Python file, which registers methods or suites.

    Example:
        >>> from pathlib import Path
        >>> from balancers.naming.plugins import import_file
        >>> import_file(Path("no-such-file.py"))
        Traceback (most recent call last):
            ...
        ValueError: plug-in ...no-such-file.py is not a file; give the path of a Python file

    Raises:
        ValueError: there is no such file, or it raises.
    """
    path = path.resolve()
    if not path.is_file():
        raise ValueError(f"plug-in {path} is not a file; give the path of a Python file")
    place = hashlib.sha256(str(path).encode()).hexdigest()[:8]  # two files may have one name
    name = f"balancers_plugin_{path.stem}_{place}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"plug-in {path} cannot be imported; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ValueError(f"plug-in {path} failed: {type(error).__name__}: {error}") from error


def digest_of(path: Path) -> str:
    """A short hash of a file's contents, which tells its versions apart.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from balancers.naming.plugins import digest_of
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "mine.py")
        ...     _ = path.write_text("x = 1")
        ...     len(digest_of(path))
        8
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]
