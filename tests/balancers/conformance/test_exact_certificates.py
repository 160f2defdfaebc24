"""Where gradients are hard to balance, what a method certifies is the exact answer."""

from functools import cache

import pytest

from balancers.conformance.hard_gradients import kinds_for
from tests.balancers.conformance.test_hard import rows_of
from tests.references.near_stationary import JUDGED, PRECISIONS, Verdict, judge

SIZES = [(2, "float32"), (3, "float32"), (3, "float64"), (5, "float32")]
EVERY = [(name, tasks, precision) for name in JUDGED for tasks, precision in SIZES]


@cache
def verdicts(name: str, tasks: int, precision: str) -> dict[str, Verdict]:
    dtype = PRECISIONS[precision]
    return {kind: judge(JUDGED[name], rows_of(kind, tasks, dtype)) for kind in kinds_for(tasks)}


@pytest.mark.parametrize(("name", "tasks", "precision"), EVERY)
def test_a_certificate_is_honest_by_exact_arithmetic(name: str, tasks: int, precision: str) -> None:
    each_kind = verdicts(name, tasks, precision).items()
    wrong = {kind: each.error for kind, each in each_kind if each.wrong and not each.fragile}
    assert not wrong, f"called solved, with these errors: {wrong}"


@pytest.mark.parametrize(("name", "tasks", "precision"), EVERY)
def test_no_certificate_hangs_on_what_inner_products_cannot_show(name: str, tasks: int, precision: str) -> None:
    each_kind = verdicts(name, tasks, precision).items()
    fragile = {kind: each.error for kind, each in each_kind if each.wrong and each.fragile}
    assert not fragile, f"called solved, with these errors: {fragile}"


@pytest.mark.parametrize("name", JUDGED)
def test_random_gradients_are_solved(name: str) -> None:
    assert not verdicts(name, 3, "float32")["random"].needless
