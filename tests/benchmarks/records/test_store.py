"""Records on disk."""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path

import pytest

from benchmarks.records import selection, store
from benchmarks.records.asked import PROTOCOL_COPY, Asked
from benchmarks.records.record import Record
from benchmarks.records.store import ARCHIVE, Store, load, pack, write_asked
from tests.benchmarks.records.test_selection import record


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = record(1e-3, 0, 0.25)
    path = Store(tmp_path).write(written)
    assert path.name == f"tiny--pcgrad--all--s0--{written.id}.json"
    assert Store(tmp_path).read(written.cell) == written
    assert load(tmp_path) == [written]


def test_a_cell_that_has_not_run_has_no_record(tmp_path: Path) -> None:
    Store(tmp_path).write(record(1e-3, 0, 0.25))
    assert Store(tmp_path).read(record(1e-3, 1, 0.25).cell) is None


def test_names_of_tasks_cannot_leave_the_folder(tmp_path: Path) -> None:
    path = Store(tmp_path).path(record(1e-3, 0, 0.25, tasks=("../left digit",)).cell)
    assert path.parent == tmp_path / "records"
    assert "..-left-digit" in path.name


def test_a_wrapped_methods_record_has_a_file_name_without_colons(tmp_path: Path) -> None:
    one = record(1e-3, 0, 0.25)
    wrapped = one.cell.model_copy(update={"row": "every:4:torchjd:UPGrad"})
    written = one.model_copy(update={"cell": wrapped, "id": wrapped.id})
    path = Store(tmp_path).write(written)
    assert path.name == f"tiny--every-4-torchjd-UPGrad--all--s0--{wrapped.id}.json"
    assert load(tmp_path) == [written]


def test_records_from_before_solvers_were_watched_are_still_read(tmp_path: Path) -> None:
    path = Store(tmp_path).write(record(1e-3, 0, 0.25))
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["solver"]
    path.write_text(json.dumps(content), encoding="utf-8")
    assert load(tmp_path) == [record(1e-3, 0, 0.25)]


def test_the_committed_results_are_read() -> None:
    archives = list((Path(__file__).parents[3] / "results").glob(f"*/{ARCHIVE}"))
    assert archives
    for archive in archives:
        records = load(archive.parent)
        assert records
        assert all(record.id == record.cell.id for record in records), "a field that came later changed an older id"


def test_records_are_compact(tmp_path: Path) -> None:
    text = Store(tmp_path).write(record(1e-3, 0, 0.25)).read_text(encoding="utf-8")
    assert "\n" not in text
    assert '": ' not in text


@pytest.mark.parametrize("text", ["", '{"format":1,"id":', "[]", '{"format":1}', "\x00\xff"])
def test_a_corrupt_record_is_set_aside_and_named(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    good, bad = record(1e-3, 0, 0.25), record(1e-3, 1, 0.25)
    keeper = Store(tmp_path)
    keeper.write(good)
    path = keeper.write(bad)
    path.write_text(text, encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert load(tmp_path) == [good]
    assert path.name in caplog.text
    assert not path.exists()
    assert (tmp_path / "corrupt" / path.name).read_text(encoding="utf-8") == text


def test_a_record_whose_id_is_not_that_of_its_cell_is_set_aside(tmp_path: Path) -> None:
    written = record(1e-3, 0, 0.25)
    path = Store(tmp_path).write(written)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["cell"]["batch_size"] += 1
    path.write_text(json.dumps(content), encoding="utf-8")
    assert load(tmp_path) == []
    assert (tmp_path / "corrupt" / path.name).exists()


def test_a_failure_while_writing_leaves_the_old_record_and_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, written = Store(tmp_path), record(1e-3, 0, 0.25)
    keeper.write(written)

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        keeper.write(written.model_copy(update={"reason": "new"}))
    monkeypatch.undo()
    assert keeper.read(written.cell) == written
    assert len(list((tmp_path / "records").iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_refused_up_front(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(ValueError, match=r"results folder .* cannot be written"):
        Store(tmp_path / "file" / "results")


def test_a_missing_results_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no results folder"):
        load(tmp_path / "nowhere")


def test_a_file_appears_whole_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "text"
    store.write_atomically(path, "one")
    store.write_atomically(path, "two")
    assert path.read_text(encoding="utf-8") == "two"
    assert list(tmp_path.iterdir()) == [path]


def test_the_archive_stands_in_for_records_that_are_not_there_but_is_never_taken_for_a_run(tmp_path: Path) -> None:
    written = [record(1e-3, seed, 0.25) for seed in (0, 1)]
    keeper = Store(tmp_path)
    paths = [keeper.write(one) for one in written]
    first = pack(tmp_path).read_bytes()
    assert pack(tmp_path).read_bytes() == first
    for path in paths:
        path.unlink()
    assert sorted(load(tmp_path), key=lambda one: one.cell.seed) == written
    assert all(keeper.read(one.cell) is None for one in written)
    keeper.write(written[0])
    assert load(tmp_path) == written[:1]


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / ARCHIVE).write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"records\.jsonl\.gz is damaged"):
        load(tmp_path)


def folder_of(path: Path, *records: Record, version: int = 1) -> Path:
    path.mkdir()
    (path / PROTOCOL_COPY).write_text(f'name = "p"\nversion = {version}\n', encoding="utf-8")
    write_asked(path, Asked(protocol="p", version=version))
    for each in records:
        Store(path).write(each)
    return path


def test_the_archive_keeps_curves_of_settings_that_count_alone(tmp_path: Path) -> None:
    curves = record(1e-3, 0, 0.1).curves
    longer = curves.model_copy(
        update={"step": [0, 1], "validation": {"a": {"accuracy": [0.0, 0.5]}, "b": {"loss": [1.0, 0.5]}}}
    )
    records = [
        record(1e-3, 0, error, trial=trial).model_copy(update={"curves": longer})
        for trial, error in enumerate((0.3, 0.1))
    ]
    for each in records:
        Store(tmp_path).write(each)
    pack(tmp_path)
    shutil.rmtree(tmp_path / "records")
    found = {each.cell.trial: each for each in load(tmp_path)}
    assert found[1] == records[1]
    assert found[0].curves == curves
    assert selection.score(found[0]) == selection.score(records[0]), "it can be chosen from as before"


def test_results_of_two_machines_are_brought_together(tmp_path: Path) -> None:
    done, failed = record(1e-3, 0, 0.1), record(1e-3, 0, 0.1, "failed")
    first = folder_of(tmp_path / "first", failed, record(1e-3, 1, 0.2))
    second = folder_of(tmp_path / "second", done, record(1e-3, 2, 0.3))
    assert store.merge([first, second], tmp_path / "both") == 4
    found = load(tmp_path / "both")
    assert sorted(each.cell.seed for each in found) == [0, 1, 2]
    assert {each.status for each in found} == {"done"}
    assert store.merge([first], tmp_path / "both") == 0, "nothing better came"


def test_results_of_different_versions_are_not_brought_together(tmp_path: Path) -> None:
    first = folder_of(tmp_path / "first", record(1e-3, 0, 0.1))
    second = folder_of(tmp_path / "second", record(1e-3, 1, 0.1), version=2)
    with pytest.raises(ValueError, match="version 2"):
        store.merge([first, second], tmp_path / "both")
    assert not (tmp_path / "both").exists()
    with pytest.raises(ValueError, match="protocol"):
        store.merge([tmp_path], tmp_path / "both")
