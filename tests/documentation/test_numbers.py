"""The longest terms that docs/numbers.md states are those that its command measures."""

import re
from pathlib import Path

import pytest

from tests.references.longest_terms import METHODS, longest_term

ROWS = re.findall(
    r"^\| (`.*?`) \| .* \| (.*) \|$", (Path(__file__).parents[2] / "docs/numbers.md").read_text("utf-8"), re.M
)


def stated() -> dict[str, float]:
    """Method -> the number in its row; where a row has several, in the order of its methods."""
    terms = {}
    for names, text in ROWS:
        methods = [name for name in re.findall(r"`(.+?)`", names) if name in METHODS]
        numbers = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]
        terms |= {name: numbers[min(i, len(numbers) - 1)] for i, name in enumerate(methods)}
    return terms


def test_every_method_has_a_number() -> None:
    assert set(stated()) == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_the_number_is_what_is_measured(name: str) -> None:
    assert longest_term(name) == pytest.approx(stated()[name], rel=0.1)
