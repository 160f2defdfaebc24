"""QM9: structure-data files, the table, molecules that are left out, the split, units, training and answering."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_absolute_error

from tasks import registry
from tasks.base import DataUnavailableError
from tasks.data.qm9_files import PROPERTIES
from tasks.data.qm9_sdf import pack, parse, records
from tasks.networks.qm9_message_passing import PropertyHead
from tasks.suites.qm9 import Qm9, moments, split
from tests.tasks.fitting import losses_before_and_after
from tests.tasks.qm9_files import METHANAL, lines_of, sample, write_qm9

TASKS = list(PROPERTIES)


@pytest.fixture(autouse=True)
def _no_other_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BALANCERS_DATA", raising=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_qm9(folder / "qm9", 64, [5, 64])
    return folder


@pytest.fixture
def copy(data: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(data / "qm9", tmp_path / "qm9"))


def test_a_record_is_atoms_places_and_bonds() -> None:
    molecule = parse(lines_of(METHANAL))
    assert molecule.name == "gdb_3"
    assert molecule.elements.tolist() == [6, 8, 1, 1]
    assert molecule.positions[1].tolist() == pytest.approx([0.002, -12.5, 0.002])
    assert molecule.bonds.tolist() == [[0, 1, 2], [0, 2, 1], [0, 3, 1]]


def test_records_end_where_they_say_and_the_last_may_forget_to() -> None:
    text = METHANAL * 2 + METHANAL.removesuffix("$$$$\n")
    assert [parse(lines).name for lines in records(text.splitlines())] == ["gdb_3"] * 3


def test_molecules_are_padded_and_bonds_go_both_ways() -> None:
    small = METHANAL.replace("  4  3  0", "  2  1  0", 1)
    cut = [line for number, line in enumerate(small.splitlines()) if number not in (6, 7, 9, 10)]
    packed = pack([parse(cut), parse(lines_of(METHANAL))])
    assert packed.elements.tolist() == [[6, 8, 0, 0], [6, 8, 1, 1]]
    assert packed.positions.shape == (2, 4, 3)
    assert not packed.positions[0, 2:].any()
    assert packed.bonds[0].sum() == 4
    assert packed.bonds[1].tolist() == [[0, 2, 1, 1], [2, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (" O ", " S ", "has the element 'S'; there may be H, C, N, O, F"),
        ("  1  4  1", "  1  5  1", "a bond is to no atom"),
        ("  1  4  1", "  1  4  9", "order other than 1 to 4"),
        ("  4  3  0", "  4  9  0", "it is cut off"),
        ("-12.5000", "-12.5*00", "V2000"),
        ("  4  3  0", "", "V2000"),
    ],
)
def test_records_of_another_form_are_refused(before: str, after: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"molecule 'gdb_3' .*{message}"):
        parse(lines_of(METHANAL.replace(before, after, 1)))


def test_molecules_are_read_with_properties_in_their_units_and_without_those_to_leave_out(data: Path) -> None:
    splits = Qm9().load(data)
    assert [len(part) for part in splits] == [50, 6, 6]
    written = {tuple(np.round(sample(n).positions[0], 4)): n for n in range(1, 65)}
    read_molecules = []
    for part in splits:
        for row in range(len(part)):
            number = written[tuple(float(f"{x:.4f}") for x in part.inputs["positions"][row, 0].tolist())]
            values = sample(number).values
            assert float(part.targets["mu"][row]) == pytest.approx(values["mu"])
            assert float(part.targets["homo"][row]) == pytest.approx(values["homo"] * 27211.386, rel=1e-6)
            assert float(part.targets["g"][row]) == pytest.approx(values["g298_atom"] * 43.3641, rel=1e-5)
            read_molecules.append(number)
    assert sorted(read_molecules) == sorted(set(range(1, 65)) - {5, 64})


def test_without_the_list_none_is_left_out(copy: Path) -> None:
    (copy / "uncharacterized.txt").unlink()
    assert sum(map(len, Qm9().load(copy))) == 64


def test_the_raw_folder_of_another_package_will_do(copy: Path) -> None:
    (copy / "raw").mkdir()
    for file in list(copy.glob("*.*")):
        file.rename(copy / "raw" / file.name)
    assert sum(map(len, Qm9().load(copy.parent))) == sum(map(len, Qm9().load(copy))) == 62


def test_the_split_is_that_of_papers_in_size_and_complete() -> None:
    parts = split(130_831)
    assert [len(part) for part in parts] == [110_831, 10_000, 10_000]
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(130_831))
    some = split(130_831, 1000)
    assert [len(part) for part in some] == [847, 76, 76]
    assert all(set(few.tolist()) <= set(part.tolist()) for few, part in zip(some, parts, strict=True))


def test_the_moments_are_those_of_the_training_molecules(data: Path) -> None:
    suite = Qm9(width=4)
    train = suite.load(data).train.targets["zpve"].double()
    head = suite.build(0, ["zpve"]).heads["zpve"]
    assert isinstance(head, PropertyHead)
    assert float(head.mean) == pytest.approx(float(train.mean()), rel=1e-6)
    assert float(head.deviation) == pytest.approx(float(train.std(correction=0)), rel=1e-6)
    assert moments(torch.full((3,), 2.0)) == (2.0, 1.0)


def test_the_loss_is_in_deviations_and_the_metric_in_the_unit(data: Path) -> None:
    suite = Qm9()
    targets = suite.load(data).train.targets["u0"]
    task = next(task for task in suite.tasks if task.name == "u0")
    mean = targets.mean().expand_as(targets)
    assert float(task.loss(mean, targets)) == pytest.approx(1, rel=1e-4)
    outputs = targets + torch.randn(len(targets), generator=torch.Generator().manual_seed(0)) * 1000
    parts = zip(outputs.split(7), targets.split(7), strict=True)
    error = task.primary.of([task.primary.collect(*part) for part in parts])
    assert error == pytest.approx(mean_absolute_error(targets, outputs), rel=1e-5)


def test_every_task_is_learnt(data: Path) -> None:
    suite = Qm9(width=16)
    losses = losses_before_and_after(suite, suite.load(data).train, 60, 2e-2)
    assert list(losses) == TASKS
    assert all(after < 0.75 * before for before, after in losses.values()), losses


def test_absent_data_are_told_how_to_get(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailableError, match=r"gdb9.sdf and gdb9.sdf.csv .*uncharacterized.txt .*into .*qm9"):
        Qm9().load(tmp_path)
    with pytest.raises(DataUnavailableError, match="--data or BALANCERS_DATA"):
        Qm9().load()


def _edit(name: str, before: str, after: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text((folder / name).read_text().replace(before, after, 1))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_edit("gdb9.sdf", "$$$$\n", ""), "are not of the same molecules"),
        (_edit("gdb9.sdf", "gdb_2\n", "gdb_77\n"), "are not of the same molecules"),
        (_edit("gdb9.sdf", " C ", " X "), r"gdb9.sdf cannot be read \(molecule 'gdb_\d+' has the element 'X'"),
        (_edit("gdb9.sdf.csv", "mu", "mue"), "has the columns .* expected"),
        (_edit("gdb9.sdf.csv", ",1.0,1.0,1.0,", ",1.0,1.0,no,"), "has something else than numbers"),
        (_edit("gdb9.sdf.csv", ",1.0,1.0,1.0,", ","), "line of gdb_1 is cut off"),
        (lambda folder: (folder / "gdb9.sdf.csv").write_bytes(b""), "has the columns ; expected"),
        (lambda folder: (folder / "uncharacterized.txt").write_text("5"), "lists no molecule"),
        (lambda folder: (folder / "uncharacterized.txt").write_bytes(b"\xff"), "cannot be read"),
    ],
)
def test_damaged_data_are_named(copy: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(copy)
    with pytest.raises(DataUnavailableError, match=message):
        Qm9().load(copy)


def test_too_few_molecules_are_refused(tmp_path: Path) -> None:
    write_qm9(tmp_path, 9, [9])
    with pytest.raises(DataUnavailableError, match="too few"):
        Qm9().load(tmp_path)


def test_a_file_is_answered_with_units_whatever_data_there_are(data: Path, tmp_path: Path) -> None:
    (tmp_path / "one.sdf").write_text(METHANAL)
    suite = Qm9(width=4)
    inputs = suite.read(str(tmp_path / "one.sdf"))
    assert inputs["elements"].tolist() == [[6, 8, 1, 1]]
    trained = Qm9(width=4)
    trained.load(data)
    model = suite.build(0, TASKS)
    model.load_state_dict(trained.build(0, TASKS).state_dict())  # with means and deviations
    with torch.no_grad():
        outputs = model.eval()(inputs)[1]
        sentences = suite.answers("", outputs)
    assert list(sentences) == TASKS
    assert sentences["u0"] == f"{float(outputs['u0']):.5g} meV"
    assert sentences["cv"].endswith("cal/(mol K)")


@pytest.mark.parametrize(("text", "message"), [(None, "cannot be read"), ("", "is empty"), ("C=O\n", "V2000")])
def test_what_is_no_molecule_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "some.sdf").write_text(text)
    with pytest.raises(ValueError, match=message):
        Qm9().read(str(tmp_path / "some.sdf"))


@pytest.mark.parametrize("options", [{"molecules": 5}, {"width": 0}])
def test_options_without_sense_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        registry.create("qm9", **options)
