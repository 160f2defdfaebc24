"""The labels of words in `ewt`: named entities, parts of speech, and semantic roles for a predicate."""

from __future__ import annotations

from typing import NamedTuple

from tasks.contract import DataUnavailableError
from tasks.data.ewt_treebank import ENTITIES, ROLES, TreebankSentence
from tasks.data.labels import ABSENT, OUTSIDE, bio_labels

ENTITY_KINDS = ("PER", "ORG", "LOC")
ENTITY_LABELS = bio_labels(ENTITY_KINDS)

POS_LABELS = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ"),
    *("SYM", "VERB", "X"),
)
POS_COLUMN = 3

# English PropBank's numbered arguments and modifiers; R- refers to one (as a relative pronoun does), C- continues one.
_MODIFIERS = (
    *("ADJ", "ADV", "CAU", "COM", "CXN", "DIR", "DIS", "EXT", "GOL", "LOC", "LVB", "MNR", "MOD", "NEG", "PRD", "PRP"),
    *("PRR", "REC", "TMP"),
)
_ARGUMENTS = [*(f"ARG{number}" for number in "012345A"), *(f"ARGM-{modifier}" for modifier in _MODIFIERS)]
OTHER = "other"  # a role that is not listed
ROLE_LABELS = ("O", *(f"{way}{argument}" for way in ("", "R-", "C-") for argument in _ARGUMENTS), OTHER)
SENSE_COLUMN, FIRST_ROLE_COLUMN = 10, 11
NOTHING = ("", "_")  # what stands in a column without annotation

_entity = {label: number for number, label in enumerate(ENTITY_LABELS)}
_pos = {label: number for number, label in enumerate(POS_LABELS)}
_role = {label: number for number, label in enumerate(ROLE_LABELS)}


class Frame(NamedTuple):
    """A predicate, and the role of every word of its sentence."""

    predicate: int  # its place among the words
    roles: list[int]  # by word, in `ROLE_LABELS`; `ABSENT` at the predicate, whose parts are not asked about


def entities(sentence: TreebankSentence) -> list[int]:
    """By word, in `ENTITY_LABELS`. Kinds other than the three are read as outside."""
    return [_entity.get(row[2], OUTSIDE) for row in sentence.rows[ENTITIES]]


def parts_of_speech(sentence: TreebankSentence) -> list[int]:
    """By word, in `POS_LABELS`."""
    return [_pos.get(row[POS_COLUMN], _pos["X"]) for row in sentence.rows[ROLES]]


def frames(sentence: TreebankSentence) -> list[Frame]:
    """All predicates of a sentence, in their order; none where nothing is annotated.

    Raises:
        DataUnavailableError: a predicate has no column of roles.
    """
    rows = sentence.rows[ROLES]
    predicates = [position for position, row in enumerate(rows) if row[SENSE_COLUMN] not in NOTHING]
    if min(map(len, rows)) < FIRST_ROLE_COLUMN + len(predicates):
        raise DataUnavailableError(
            f"{sentence.identity} has too few columns of roles; replace {ROLES.file.format('*')} with the files in "
            f"https://github.com/{ROLES.repository}"
        )
    columns = ([row[FIRST_ROLE_COLUMN + number] for row in rows] for number in range(len(predicates)))
    return [
        Frame(predicate, [ABSENT if at == predicate else _role_of(name) for at, name in enumerate(column)])
        for predicate, column in zip(predicates, columns, strict=True)
    ]


def _role_of(name: str) -> int:
    if name in NOTHING:
        return OUTSIDE
    return ABSENT if name in ("V", "C-V") else _role.get(name, _role[OTHER])
