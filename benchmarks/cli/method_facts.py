"""Facts that methods declare, in words: for the list of methods and the tables in README.md and docs/methods.md."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, cast

from balancers import Claim, Need, Weighting, create, reference
from balancers.contract.evidence import WITHOUT_GRADIENTS

# A table has room for signs only.
SIGNS = {
    Claim.NON_NEGATIVE: "w ≥ 0",
    Claim.SIMPLEX: "Σw = 1",
    Claim.SUM_TO_TASKS: "Σw = K",
    Claim.PERMUTATION_EQUIVARIANT: "any order",
    Claim.NON_CONFLICTING: "no conflict",
}
LEGEND = (
    ("K", "number of tasks"),
    (
        "needs",
        "the losses, the Gramian (inner products of the task gradients), the gradients themselves, the Gramian across "
        "batches (cross gramian), the losses after the optimizer's step (losses after), or scores on validation data",
    ),
    ("passes", "passes of a step through the encoder"),
    ("short", "the pass ends at the last shared layer"),
    ("through heads", "the pass does not enter the encoder"),
    (
        "at …",
        "where the paper measures gradients, and the benchmark too; in your own loop, `at=` or `features=` chooses the "
        "place, and the default is all shared parameters, in K passes",
    ),
    ("w ≥ 0, Σw = 1, Σw = K", "no weight is negative; the weights sum to 1 and none is negative; they sum to K"),
    ("any order", "the order of the tasks does not matter"),
    ("no conflict", "to first order, no loss increases"),
    ("degree d", "multiplying all losses by c multiplies the update by c to the power of d"),
    ("random", "draws random numbers"),
    ("ℓ ≥ 0", "needs losses with a lower bound, see `lower_bounds`"),
    ("own heads", "heads follow their own loss; the heads of all other methods follow the weighted loss"),
)

_NAME = r"[A-ZÀ-Þ][\w'’-]*"
_AUTHORS = re.compile(rf"(?P<first>{_NAME})(?P<others>(?:, {_NAME})*)(?: and (?P<last>{_NAME})| et al\.)")


def with_defaults(method: type[Weighting]) -> Weighting | None:
    """The method with its defaults; none if a hyperparameter has no default."""
    try:
        return create(method.name)
    except ValueError:
        return None


def purpose(method: type[Weighting]) -> str:
    """What a method does in a few words; the first line of its docstring where its class does not say it."""
    return method.purpose or summary(method)


def summary(described: type) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(described) or "").partition("\n")[0].rstrip(".")


def needs(method: Weighting) -> str:
    """The quantities that the method needs, and their place if it is not all shared parameters."""
    words = ", ".join((need.name or "").lower().replace("_", " ") for need in method.needs)
    where = {"shared": "", "last": " at the last shared layer", "features": " at the features"}[method.place]
    return words + (where if method.needs & ~WITHOUT_GRADIENTS else "")


def kinds(method: Weighting) -> str:
    """The kinds of evidence that a method needs, without the losses where it needs anything else."""
    wanted = method.needs & ~Need.LOSSES or method.needs
    return ", ".join((need.name or "").lower().replace("_", " ") for need in wanted)


def passes(method: Weighting) -> str:
    """The cost of a step in passes through the encoder."""
    after = " and a forward" if Need.LOSSES_AFTER in method.needs else ""
    if not method.needs & ~WITHOUT_GRADIENTS:
        return f"1{after}"
    if Need.CROSS_GRAMIAN in method.needs:
        return f"3K{after}"
    return {"shared": "K", "last": "1 and K short", "features": "1 and K through heads"}[method.place] + after


def properties(method: Weighting) -> Iterator[str]:
    """Claims and other facts as signs."""
    yield from (sign for claim, sign in SIGNS.items() if claim in _told(method))
    if method.degree is not None:
        yield f"degree {Fraction(method.degree).limit_denominator(100)}"
    if method.stochastic:
        yield "random"
    if method.positive_losses:
        yield "ℓ ≥ 0"
    if method.heads == "own":
        yield "own heads"


def promises(method: Weighting) -> str:
    """Claims and degree in full."""
    claims = [claim.value for claim in Claim if claim in _told(method)]
    if method.degree is not None:
        power = {0.0: "1", 1.0: "c"}.get(float(method.degree), f"c**{method.degree:g}")
        claims.append(f"losses times c make the update times {power}")
    return "; ".join(claims) or "none"


def _told(method: Weighting) -> frozenset[Claim]:
    """The claims without the one that another implies."""
    return method.claims - ({Claim.NON_NEGATIVE} if Claim.SIMPLEX in method.claims else set())


def hyperparameters(method: type[Weighting]) -> str:
    """Names and defaults."""
    fields = dataclasses.fields(cast(Any, method))
    return ", ".join(f.name if f.default is dataclasses.MISSING else f"{f.name}={f.default}" for f in fields) or "none"


def paper(method: type[Weighting]) -> str:
    """Authors, venue and year: as the class says, or as far as the reference names them."""
    if method.paper:
        return method.paper
    text = reference(method)
    several = _AUTHORS.search(text)
    alone = re.match(rf"{_NAME}(?=, )", text)
    if several is None or (alone and several.start() > 0):
        authors = alone[0] if alone else ""
    elif several["last"] and not several["others"]:
        authors = f"{several['first']} and {several['last']}"
    else:
        authors = f"{several['first']} et al."
    parts = [part.rstrip(".") for part in re.split(r"[,;] ", text)]
    venue = next((part for part in parts if re.search(r"(^| )(19|20)\d\d$|^arXiv ", part)), "")
    return ", ".join(filter(None, (authors, venue)))
