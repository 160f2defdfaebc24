"""What a run is: every field of a cell says what it is about, and comparisons follow from that."""

from __future__ import annotations

import json

from benchmarks.records.record import ROLES, Cell, Role
from tests.benchmarks import synthetic

CELL = synthetic.cell("reviews", "pcgrad", ("sentiment", "domain"), 3, hyperparameters={"b": 1, "a": 2})


def test_every_field_has_one_role() -> None:
    roles = {
        name: [fact for fact in field.metadata if isinstance(fact, Role)] for name, field in Cell.model_fields.items()
    }
    assert {name: len(found) for name, found in roles.items()} == dict.fromkeys(roles, 1)


def test_the_facts_of_all_roles_are_the_whole_cell_and_those_of_none_nothing() -> None:
    assert json.loads(CELL.facts(ROLES)) == CELL.model_dump(mode="json")
    assert CELL.facts(()) == "{}"


def test_facts_are_those_of_the_roles_alone_whatever_the_order_of_hyperparameters() -> None:
    other = CELL.model_copy(update={"seed": 4, "row": "again", "hyperparameters": {"a": 2, "b": 1}})
    assert CELL.facts(ROLES - {Role.REPETITION, Role.LABEL}) == other.facts(ROLES - {Role.REPETITION, Role.LABEL})
    assert CELL.facts({Role.REPETITION}) == '{"seed":3}'
    assert CELL.facts({Role.POINT}) == '{"hyperparameters":{"a":2,"b":1},"trial":0}'
