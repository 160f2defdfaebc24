"""English EWT, for `ewt`, `morphology` and `sentiment+genre`: its files, layers of annotation and splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from tasks.contract import DataUnavailableError
from tasks.data.documents import Corpus, without_repeats
from tasks.data.sources import data_folder

Source = Literal["auto", "official", "dev+test"]
Row = tuple[str, ...]  # the columns of one word

SOURCES = ("auto", "official", "dev+test")
GENRES = ("weblog", "newsgroup", "email", "reviews", "answers")
PARTS = ("train", "dev", "test")
SHARES = (0.7, 0.1, 0.2)  # of the sentences of dev and test, where there is no train
FOLDER = "ewt"


class AnnotationLayer(NamedTuple):
    """One kind of annotation: a file for each part, one word a line, with a sentence id before every sentence."""

    file: str  # with the part's name in place of {}
    repository: str  # on GitHub
    columns: int  # of a word, at least
    inside: str = ""  # the folder of the repository that holds the files


TREEBANK = AnnotationLayer("en_ewt-ud-{}.conllu", "UniversalDependencies/UD_English-EWT", 10)
ENTITIES = AnnotationLayer("en_ewt-ud-{}.iob2", "UniversalNER/UNER_English-EWT", 3)
ROLES = AnnotationLayer("en_ewt-up-{}.conllu", "UniversalPropositions/UP-1.0", 12, "UP_English-EWT")


@dataclass(frozen=True)
class TreebankSentence:
    """A sentence: its id, as ``genre-document-number``, its text, and by layer the columns of every word."""

    identity: str
    text: str
    rows: Mapping[AnnotationLayer, tuple[Row, ...]]

    @property
    def words(self) -> tuple[str, ...]:
        """The words, the same in every layer."""
        return tuple(row[1] for row in next(iter(self.rows.values())))

    @property
    def document(self) -> str:
        """The name of the document that the sentence is from."""
        return self.identity.rpartition("-")[0]

    @property
    def genre(self) -> int:
        """The position of its genre in `GENRES`."""
        return GENRES.index(self.identity.partition("-")[0])


WEB = Corpus[TreebankSentence]("ewt", GENRES, lambda sentence: sentence.genre, SHARES)


def check_source(source: str) -> None:
    """Raise ``ValueError`` if ``source`` is not one of `SOURCES`."""
    if source not in SOURCES:
        raise ValueError(f"source must be one of {', '.join(map(repr, SOURCES))}, not {source!r}")


def read_splits(layers: Sequence[AnnotationLayer], data: Path | None, source: Source) -> list[list[TreebankSentence]]:
    """The sentences of training, validation and test.

    ``"official"``: train, dev and test. ``"dev+test"``: the documents of dev and test, 70 / 10 / 20 per cent of each
    genre's sentences. ``"auto"``: official, if all files of train are there. A sentence is left out if its words differ
    between layers, and if the same words are in a later split: training sees no test sentence.

    Raises:
        DataUnavailableError: files are missing or damaged; the message says which file goes where.
    """
    files = find(layers, data_folder(data), source)
    parts = {
        part: _joined({layer: parse(file, layer) for layer, file in layer_files.items()})
        for part, layer_files in files.items()
    }
    official = "train" in parts
    splits = [*parts.values()] if official else WEB.split([*parts["dev"], *parts["test"]])
    return without_repeats(splits, lambda sentence: tuple(word.lower() for word in sentence.words))


def find(
    layers: Sequence[AnnotationLayer], folder: Path | None, source: Source
) -> dict[str, dict[AnnotationLayer, Path]]:
    """The files of dev and test, and of train if ``source`` is "official", or "auto" and all of them are there."""
    files = {part: {layer: _locate(layer, part, folder) for layer in layers} for part in PARTS}
    complete = None not in files["train"].values()
    if source == "dev+test" or (source == "auto" and not complete):
        del files["train"]
    missing = {
        part: [layer for layer, file in layer_files.items() if file is None] for part, layer_files in files.items()
    }
    if any(missing.values()):
        names = [layer.file.format(part) for part in files for layer in missing[part]]
        places = sorted({layer.repository for lacking in missing.values() for layer in lacking})
        raise DataUnavailableError(
            f"English EWT lacks {', '.join(names)}; clone {' and '.join(places)} from GitHub, and put the files, "
            f"or the clones, into {folder or 'a folder that --data or BALANCERS_DATA names'}, or into {FOLDER} in it"
        )
    return {part: {layer: file for layer, file in layer_files.items() if file} for part, layer_files in files.items()}


def parse(file: Path, layer: AnnotationLayer) -> dict[str, tuple[str, tuple[Row, ...]]]:
    """Text and words by sentence id. Lines of multiword tokens and of empty nodes are no words.

    Raises:
        DataUnavailableError: the file is damaged.
    """
    sentences = {}
    try:
        for block in file.read_text(encoding="utf-8").split("\n\n"):
            lines = block.strip("\n").split("\n")
            facts = dict(line[1:].strip().split(" = ", 1) for line in lines if line.startswith("#") and " = " in line)
            rows = tuple(tuple(line.split("\t")) for line in lines if line[:1].isdigit())
            rows = tuple(row for row in rows if row[0].isdigit())
            if rows:
                if min(map(len, rows)) < layer.columns:
                    raise ValueError(f"a word of {facts['sent_id']} has less than {layer.columns} columns")
                if facts["sent_id"].partition("-")[0] not in GENRES:
                    raise ValueError(f"{facts['sent_id']!r} begins with no genre")
                sentences[facts["sent_id"]] = facts.get("text", " ".join(row[1] for row in rows)), rows
    except (OSError, ValueError, KeyError) as error:
        raise DataUnavailableError(
            f"{file} cannot be read ({error}); replace it with the file in https://github.com/{layer.repository}"
        ) from None
    if not sentences:
        raise DataUnavailableError(
            f"{file} holds no sentences; replace it with the file in https://github.com/{layer.repository}"
        )
    return sentences


def _joined(layers: Mapping[AnnotationLayer, Mapping[str, tuple[str, tuple[Row, ...]]]]) -> list[TreebankSentence]:
    """The sentences that all layers have with the same words."""
    first = next(iter(layers.values()))
    sentences = []
    for identity, (text, _) in first.items():
        rows = {layer: parsed[identity][1] for layer, parsed in layers.items() if identity in parsed}
        if len(rows) == len(layers) and len({tuple(row[1] for row in words) for words in rows.values()}) == 1:
            sentences.append(TreebankSentence(identity, text, rows))
    return sentences


def _locate(layer: AnnotationLayer, part: str, folder: Path | None) -> Path | None:
    if folder is None:
        return None
    name, clone = layer.file.format(part), layer.repository.partition("/")[2]
    places = [top / within for top in (folder, folder / FOLDER) for within in ("", clone, f"{clone}/{layer.inside}")]
    return next((place / name for place in places if (place / name).is_file()), None)
