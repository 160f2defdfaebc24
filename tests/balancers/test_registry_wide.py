"""What holds for every method of the registry: it is documented, it has witnesses, and it claims all that is true."""

import importlib
import math
import pkgutil

import pytest

from balancers import Claim, Weighting, create, names, reference
from balancers.conformance.claims import CLAIM_TESTS
from balancers.registry import get
from tests.balancers import methods
from tests.balancers.counterexamples import DEGREE, open_claims, read, refutes
from tests.balancers.witness import witnesses

KINDS_OF_WITNESS = 2  # that every method needs
RENEW = "run: python -m tests.balancers.counterexamples"

for module in pkgutil.iter_modules(methods.__path__):  # decorators note what each of them witnesses
    importlib.import_module(f"{methods.__name__}.{module.name}")

METHODS = [create(name) for name in names()]
OPEN = [(weighting, claim) for weighting in METHODS for claim in open_claims(weighting)]


def called(value: Weighting | str) -> str:
    return value if isinstance(value, str) else value.name


@pytest.mark.parametrize("method", names())
def test_every_method_names_its_paper(method: str) -> None:
    assert reference(get(method)).endswith(".")


@pytest.mark.parametrize("method", names())
def test_every_method_has_two_kinds_of_witness(method: str) -> None:
    assert len(witnesses[method]) >= KINDS_OF_WITNESS, f"{method} has {sorted(witnesses[method])}"


def test_witnesses_are_of_methods_that_exist() -> None:
    assert set(witnesses) <= set(names())


@pytest.mark.parametrize("weighting", METHODS, ids=called)
def test_every_method_has_a_finite_degree_or_none(weighting: Weighting) -> None:
    assert weighting.degree is None or math.isfinite(weighting.degree)


@pytest.mark.parametrize(("weighting", "claim"), OPEN, ids=called)
def test_what_a_method_does_not_claim_is_refuted_by_a_problem_on_file(weighting: Weighting, claim: str) -> None:
    key = read().get(weighting.name, {}).get(claim)
    assert key is not None, f"nothing on file speaks against {claim}; {RENEW}"
    assert refutes(key, weighting, claim), f"{key} does not speak against {claim}; {RENEW}"


def test_nothing_on_file_speaks_against_what_is_claimed() -> None:
    on_file = {(method, claim) for method, claims in read().items() for claim in claims}
    assert on_file <= {(weighting.name, claim) for weighting, claim in OPEN}, RENEW


def test_every_claim_has_a_test_and_can_be_refuted() -> None:
    assert set(CLAIM_TESTS) == set(Claim)
    refuted = {claim for claims in read().values() for claim in claims}
    assert refuted == {claim.name for claim in Claim} | {DEGREE}


@pytest.mark.parametrize("method", names())
def test_the_short_reference_names_authors_and_year_of_the_whole_one(method: str) -> None:
    cls = get(method)
    assert cls.purpose
    *_, where = cls.paper.rsplit(", ", 1)
    first = cls.paper.split(maxsplit=1)[0].rstrip(",")
    assert first in reference(cls)
    assert where.rstrip(".") in reference(cls)
