"""What methods say of themselves, in words: for the list of methods and for the table in README.md."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, cast

from balancers import Claim, Need, Weighting, create, reference

# In a table there is room for signs alone.
SIGNS = {
    Claim.NON_NEGATIVE: "w ≥ 0",
    Claim.SIMPLEX: "Σw = 1",
    Claim.SUM_TO_TASKS: "Σw = K",
    Claim.PERMUTATION_EQUIVARIANT: "any order",
    Claim.NON_CONFLICTING: "no conflict",
}
LEGEND = (
    "*at ...*: where the paper measures, and the benchmark with it; in your own loop pass `at=` or `features=`, or it "
    "is at all shared parameters in K passes. Passes are those through the encoder, K being the tasks; *short* ones "
    "end at the last shared layer, and those *through heads* do not enter the encoder. *w*: weights; *any order*: the "
    "order of the tasks does not matter; *no conflict*: to first order no loss increases; *degree* d: losses times c "
    "make the update times c to the d; *random*: draws random numbers; *ℓ ≥ 0*: needs losses with a lower bound; "
    "*own heads*: task-specific parameters follow their own loss, elsewhere the weighted one."
)

_NAME = r"[A-ZÀ-Þ][\w'’-]*"
_AUTHORS = re.compile(rf"(?P<first>{_NAME})(?P<others>(?:, {_NAME})*)(?: and (?P<last>{_NAME})| et al\.)")


def with_defaults(method: type[Weighting]) -> Weighting | None:
    """The method as it is by default; none if it has a hyperparameter without a default."""
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
    """What is measured, and where if not at all shared parameters."""
    words = ", ".join((need.name or "").lower().replace("_", " ") for need in method.needs)
    where = {"shared": "", "last": " at the last shared layer", "features": " at the features"}[method.place]
    return words + (where if method.needs & ~(Need.LOSSES | Need.LOSSES_AFTER) else "")


def passes(method: Weighting) -> str:
    """What a step costs in passes through the encoder."""
    after = " and a forward" if Need.LOSSES_AFTER in method.needs else ""
    if not method.needs & ~(Need.LOSSES | Need.LOSSES_AFTER):
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
    found = [claim.value for claim in Claim if claim in _told(method)]
    if method.degree is not None:
        power = {0.0: "1", 1.0: "c"}.get(float(method.degree), f"c**{method.degree:g}")
        found.append(f"losses times c make the update times {power}")
    return "; ".join(found) or "none"


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
    found = _AUTHORS.search(text)
    alone = re.match(rf"{_NAME}(?=, )", text)
    if found is None or (alone and found.start() > 0):
        authors = alone[0] if alone else ""
    elif found["last"] and not found["others"]:
        authors = f"{found['first']} and {found['last']}"
    else:
        authors = f"{found['first']} et al."
    parts = [part.rstrip(".") for part in re.split(r"[,;] ", text)]
    venue = next((part for part in parts if re.search(r"(^| )(19|20)\d\d$|^arXiv ", part)), "")
    return ", ".join(filter(None, (authors, venue)))
