"""Methods without a model: what one answers to given gradients (`probe`), and whether it does all it must (`check`).

From Python, ``check("mine")`` lists what holds and what does not; from a test suite::

    @pytest.mark.parametrize("name", CHECKS)
    def test_conformance(name):
        CHECKS[name](create("mine"))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from balancers.conformance import checks, hard, robustness
from balancers.conformance.claims import declared_claims, declared_degree
from balancers.conformance.problems import PromiseViolation
from balancers.contract.weighting import Weighting
from balancers.registry import create


class Result(NamedTuple):
    """One line of a report: what was checked, whether it holds, and if not, what happened.

    Example:
        >>> import torch
        >>> from balancers.conformance import Result
        >>> Result("shapes", False, "expected weights in float64, got torch.float32").passed
        False
    """

    name: str
    passed: bool
    detail: str


def check(method: str | Weighting) -> list[Result]:
    """Run all checks on a method, by name (with its default hyperparameters) or as an object.

    Example:
        >>> from balancers.conformance import check
        >>> results = check("gls")
        >>> [result.name for result in results if not result.passed]
        []
        >>> results[0]
        Result(name='facts', passed=True, detail='')

    Raises:
        ValueError: there is no method of that name.
    """
    weighting = create(method) if isinstance(method, str) else method
    return [_run(name, function, weighting) for name, function in CHECKS.items()]


def _run(name: str, function: Callable[[Weighting], None], weighting: Weighting) -> Result:
    try:
        function(weighting)
    except Exception as error:  # a method that raises fails its check, whatever it raises
        kind = "" if isinstance(error, PromiseViolation) else f"{type(error).__name__}: "
        return Result(name, False, f"{kind}{error}")
    return Result(name, True, "")


CHECKS: dict[str, Callable[[Weighting], None]] = {
    function.__name__.replace("_", " "): function
    for function in (
        checks.facts,
        checks.shapes,
        checks.states,
        checks.purity,
        checks.needs,
        checks.batch_axes,
        checks.single_task,
        checks.determinism,
        checks.certificates,
        checks.resume,
        robustness.degenerate_gradients,
        robustness.degenerate_losses,
        robustness.extreme_scales,
        robustness.unlike_batches,
        robustness.absent_tasks,
        declared_claims,
        declared_degree,
        hard.hard_claims,
        hard.honest_certificates,
        hard.bounded_weights,
        hard.bounded_heads,
    )
}
