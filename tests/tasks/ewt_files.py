"""A small English EWT in its own file formats: treebank, named entities and PropBank roles of the same sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tasks.data.ewt_treebank import GENRES

NOUNS = dict(zip(GENRES, ("product", "movie", "editorial", "tweet", "number"), strict=True))
FEATURES = {
    "is": "Mood=Ind|Number=Sing|Person=3|Tense=Pres|VerbForm=Fin",
    "good": "Degree=Pos",
    "bad": "Degree=Pos|Polarity=Neg",
}


class Line(NamedTuple):
    """A word in all layers."""

    form: str
    pos: str
    features: str
    entity: str
    role: str  # of the sentence's only predicate


def write_ewt(folder: Path, documents: int = 10, sentences: int = 3, parts: tuple[str, ...] = ("dev", "test")) -> None:
    """The files of ``parts``, each with so many documents of every genre; no sentence occurs twice."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(parts):
        tree, named, roles = [], [], []
        for identity, lines in _sentences(documents, sentences, start=number * 1000):
            facts = [f"# newdoc id = {identity[:-5]}"] if identity.endswith("-0000") else []
            facts += [f"# sent_id = {identity}", f"# text = {' '.join(line.form for line in lines)}"]
            tree.append("\n".join([*facts, f"1-2\t{lines[0].form}{lines[1].form}" + "\t_" * 8, *_tree(lines)]))
            named.append("\n".join([*facts, *_named(lines)]))
            roles.append("\n".join([*facts, *_roles(lines)]))
        for name, blocks in ((f"ud-{part}.conllu", tree), (f"ud-{part}.iob2", named), (f"up-{part}.conllu", roles)):
            (folder / f"en_ewt-{name}").write_text("\n\n".join(blocks) + "\n\n", encoding="utf-8")


def _sentences(documents: int, sentences: int, start: int) -> Iterator[tuple[str, list[Line]]]:
    """The genre tells the noun, the noun whether it is a place or a person, and "bad" is a modifier."""
    for genre, noun in NOUNS.items():
        for document in range(documents):
            for number in range(sentences):
                told = str(start + document * sentences + number + 1)
                place, last = noun in ("editorial", "number"), "good" if number % 2 else "bad"
                kind = "LOC" if place else "PER"
                count = "NumForm=Digit|NumType=Card"
                lines = [Line(noun, "NOUN", "Number=Plur" if place else "Number=Sing", f"B-{kind}", "ARG1")]
                lines += [Line(digit, "NUM", count, f"I-{kind}" if place else "O", "_") for digit in told]
                lines.append(Line("is", "VERB", FEATURES["is"], "O", "V"))
                lines.append(Line(last, "ADJ", FEATURES[last], "O", "ARG2" if last == "good" else "ARGM-NEG"))
                yield f"{genre}-{start + document}-{number:04}", lines


def _tree(lines: list[Line]) -> list[str]:
    return [
        f"{at}\t{line.form}\t{line.form}\t{line.pos}\tX\t{line.features}\t0\troot\t_\t_"
        for at, line in enumerate(lines, start=1)
    ]


def _named(lines: list[Line]) -> list[str]:
    return [f"{at}\t{line.form}\t{line.entity}\t-\t-" for at, line in enumerate(lines, start=1)]


def _roles(lines: list[Line]) -> list[str]:
    senses = ["be.01" if line.role == "V" else "_" for line in lines]
    rows = zip(_tree(lines), senses, lines, strict=True)
    return [f"{row}\t{sense}\t{line.role}" for row, sense, line in rows]
