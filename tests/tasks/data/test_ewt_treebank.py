"""English EWT's files: reading them, which parts there are, sentences whose layers agree, splits by document."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.base import DataUnavailableError
from tasks.data.documents import without_repeats
from tasks.data.ewt_treebank import (
    ENTITIES,
    GENRES,
    ROLES,
    TREEBANK,
    WEB,
    Source,
    TreebankSentence,
    find,
    parse,
    read_splits,
)
from tests.tasks.ewt_files import write_ewt

BOTH = (ROLES, ENTITIES)
BLOCK = """# newdoc id = email-a_01
# sent_id = email-a_01-0001
# text = Don't go.
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\tVB\tMood=Imp\t3\taux\t_\t_
2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\t_
3\tgo\tgo\tVERB\tVB\t_\t0\troot\t_\tSpaceAfter=No
3.1\tgo\tgo\tVERB\tVB\t_\t_\t_\t3:conj\tCopyOf=3
4\t.\t.\tPUNCT\t.\t_\t3\tpunct\t_\t_
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("BALANCERS_DATA", raising=False)
    write_ewt(tmp_path / "ewt")
    return tmp_path


def sentence(genre: str, document: int, number: int, words: str = "") -> TreebankSentence:
    text = words or f"{genre} {document} {number}"
    rows = tuple(("1", word) for word in text.split())
    return TreebankSentence(f"{genre}-{document}-{number:04}", text, {TREEBANK: rows})


def test_words_are_the_lines_with_plain_numbers_and_the_id_tells_document_and_genre(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(BLOCK)
    (tmp_path / "b").write_text(BLOCK.replace("\n", "\r\n") + "\r\n\r\n" + BLOCK.replace("-0001", "-0002"))
    ((identity, (text, rows)),) = parse(tmp_path / "a", TREEBANK).items()
    parsed = TreebankSentence(identity, text, {TREEBANK: rows})
    assert parsed.text == "Don't go."
    assert parsed.words == ("Do", "n't", "go", ".")
    assert (parsed.document, GENRES[parsed.genre]) == ("email-a_01", "email")
    assert list(parse(tmp_path / "b", TREEBANK)) == ["email-a_01-0001", "email-a_01-0002"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "holds no sentences"),
        (BLOCK.replace("# sent_id", "# id"), "sent_id"),
        (BLOCK.replace("\tSpaceAfter=No", ""), "email-a_01-0001 has less than 10 columns"),
        (BLOCK.replace("email-", "letter-"), "begins with no genre"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, content: str, reason: str) -> None:
    file = tmp_path / "en_ewt-ud-dev.conllu"
    file.write_text(content)
    with pytest.raises(DataUnavailableError, match=rf"en_ewt-ud-dev.conllu .*{reason}"):
        parse(file, TREEBANK)


def test_bytes_that_are_no_text_are_damage(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff\xfe")
    with pytest.raises(DataUnavailableError, match="cannot be read"):
        parse(tmp_path / "a", TREEBANK)


def test_documents_are_whole_and_every_genre_is_in_every_split(folder: Path) -> None:
    parts = read_splits(BOTH, folder, "auto")
    documents = [{sentence.document for sentence in part} for part in parts]
    assert [len(part) for part in parts] == [210, 30, 60]
    assert sum(map(len, documents)) == len(set.union(*documents)) == 100
    assert all({sentence.genre for sentence in part} == set(range(5)) for part in parts)
    assert parts == read_splits(BOTH, folder / "ewt", "dev+test")


def test_the_official_splits_are_taken_where_train_is_there_unless_told_otherwise(folder: Path) -> None:
    with pytest.raises(DataUnavailableError, match=r"lacks en_ewt-up-train.conllu, en_ewt-ud-train.iob2; clone"):
        read_splits(BOTH, folder, "official")
    write_ewt(folder / "ewt", parts=("dev", "test", "train"))
    expected: dict[Source, list[int]] = {"auto": [150] * 3, "official": [150] * 3, "dev+test": [210, 30, 60]}
    for source, sizes in expected.items():
        assert [len(part) for part in read_splits(BOTH, folder, source)] == sizes
    train, _, test = read_splits(BOTH, folder, "official")
    assert train[0].identity == "weblog-2000-0000"
    assert test[0].identity == "weblog-1000-0000"
    (folder / "ewt" / "en_ewt-up-train.conllu").unlink()
    assert [len(part) for part in read_splits(BOTH, folder, "auto")] == [210, 30, 60]


def test_clones_of_the_repositories_are_found(folder: Path) -> None:
    clone = folder / "UP-1.0" / "UP_English-EWT"
    clone.mkdir(parents=True)
    for part in ("dev", "test"):
        (folder / "ewt" / f"en_ewt-up-{part}.conllu").rename(clone / f"en_ewt-up-{part}.conllu")
    assert find(BOTH, folder, "auto")["dev"][ROLES] == clone / "en_ewt-up-dev.conllu"


def test_without_a_folder_it_is_said_where_to_get_the_files() -> None:
    with pytest.raises(DataUnavailableError, match=r"UniversalNER/UNER_English-EWT .*--data or BALANCERS_DATA"):
        find((ENTITIES,), None, "auto")


def test_sentences_whose_layers_disagree_are_left_out(folder: Path) -> None:
    file = folder / "ewt" / "en_ewt-ud-dev.iob2"
    file.write_text(file.read_text().replace("1\tproduct\t", "1\tproducts\t", 1))
    assert sum(map(len, read_splits(BOTH, folder, "auto"))) == 299
    assert sum(map(len, read_splits((TREEBANK,), folder, "auto"))) == 300


def test_what_stands_in_a_later_split_is_left_out_of_the_earlier_ones(tmp_path: Path) -> None:
    for number, part in enumerate(("train", "dev", "test")):
        loud = BLOCK.replace("go", "GO").replace("a_01-0001", "a_01-0002")
        blocks = [block.replace("a_01", str(number)) for block in (BLOCK, loud)]
        (tmp_path / f"en_ewt-ud-{part}.conllu").write_text("\n".join(blocks))
    parts = read_splits((TREEBANK,), tmp_path, "auto")
    assert [len(part) for part in parts] == [0, 0, 2]
    assert without_repeats([["a", "b", "C"], ["A", "b", "b"], ["c", "c"]], str.lower) == [
        [],
        ["A", "b", "b"],
        ["c", "c"],
    ]


def test_a_subset_keeps_the_genres_in_proportion() -> None:
    sentences = [sentence(genre, d, n) for g, genre in enumerate(GENRES) for d in range(10 * g + 10) for n in range(2)]
    train = WEB.split(sentences)[0]
    part = WEB.subset(train, 150, 300)
    assert [sum(s.genre == genre for s in part) for genre in range(5)] == [7, 14, 21, 28, 35]
    assert {s.identity for s in part} <= {s.identity for s in train}
    assert WEB.subset(train, None, 300) == WEB.subset(train, 300, 300) == train
