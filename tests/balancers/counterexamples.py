"""For every claim that a method does not make, a problem on which it fails: why the method does not make it.

The problems stand in counterexamples.toml as a few words each. ``python -m tests.balancers.counterexamples`` keeps
those that still refute their claim, searches for the others, and names every claim that it could not refute.
"""

from __future__ import annotations

import json
import math
import sys
import tomllib
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from balancers import Claim, Evidence, Weighting, create, names
from balancers.conformance.claims import CLAIM_TESTS, has_degree
from balancers.conformance.problems import STEPS, PromiseViolation, all_updates, evidence_of
from tests.balancers.jacobians import KINDS

FILE = Path(__file__).with_suffix(".toml")
DIMENSION = 8
DEGREE = "DEGREE"  # stands among the claims for "losses times c make the update times a power of c"
FACTOR = 2.0**20  # by which a degree is guessed

Change = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]  # of gradients, losses and the step's number

VARIATIONS: dict[str, Change] = {
    "as they are": lambda rows, losses, step: (rows, losses),
    "losses apart": lambda rows, losses, step: (rows, losses * _decades(losses)),
    "losses rise": lambda rows, losses, step: (rows, losses * 10**step),
    "first gradient zero": lambda rows, losses, step: (torch.cat([0 * rows[:1], rows[1:]]), losses),
    "first like the last": lambda rows, losses, step: (torch.cat([rows[-1:], rows[1:]]), losses),
    "tiny": lambda rows, losses, step: (1e-9 * rows, 1e-9 * losses),
    "huge": lambda rows, losses, step: (1e9 * rows, 1e9 * losses),
    "orthogonal and alike": lambda rows, losses, step: (
        torch.eye(*rows.shape, dtype=rows.dtype),
        torch.ones_like(losses),
    ),
}


class Key(NamedTuple):
    """A problem: gradients of one kind, how many tasks and which random numbers, and what is done to them."""

    kind: str
    tasks: int
    seed: int
    variation: str

    def run(self) -> list[Evidence]:
        """A few steps of the problem."""
        generator = torch.Generator().manual_seed(self.seed)
        run = []
        for step in range(STEPS):
            rows = KINDS[self.kind](self.tasks, DIMENSION, STEPS * self.seed + step)
            losses = torch.rand(self.tasks, generator=generator, dtype=torch.float64) + 0.1
            run.append(evidence_of(*VARIATIONS[self.variation](rows, losses, step)))
        return run


def _decades(losses: Tensor) -> Tensor:
    return 10 ** torch.linspace(-3, 3, len(losses), dtype=losses.dtype)


def keys() -> Iterator[Key]:
    """The problems to search, simple ones first."""
    for tasks, seed, variation, kind in product((2, 3, 5, 12), range(4), VARIATIONS, KINDS):
        yield Key(kind, tasks, seed, variation)


def open_claims(weighting: Weighting) -> list[str]:
    """What the method does not claim, in words that the file uses."""
    claimed = set(weighting.claims)
    if Claim.SIMPLEX in claimed:
        claimed.add(Claim.NON_NEGATIVE)
    open_ = [claim.name for claim in Claim if claim not in claimed]
    return open_ if weighting.degree is not None else [*open_, DEGREE]


def refutes(key: Key, weighting: Weighting, claim: str) -> bool:
    """Whether the method breaks the claim on this problem."""
    try:
        if claim == DEGREE:
            has_some_degree(weighting, key.run())
        else:
            CLAIM_TESTS[Claim[claim]](weighting, key.run())
    except PromiseViolation:
        return True
    return False


def has_some_degree(weighting: Weighting, run: list[Evidence]) -> None:
    """Complain unless there is one degree for all steps and scales; the first step with an update says which."""
    scaled = [evidence_of(evidence.gradients * FACTOR, evidence.losses * FACTOR) for evidence in run]
    norms = [[update.norm().item() for update in all_updates(weighting, steps)] for steps in (run, scaled)]
    for plain, large in zip(*norms, strict=True):
        if plain > 0 and large > 0:
            return has_degree(weighting, run, math.log(large / plain) / math.log(FACTOR))
    return None


def read() -> dict[str, dict[str, Key]]:
    """Method -> claim -> problem, as the file has them."""
    if not FILE.exists():
        return {}
    problems_by_method = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {
        method: {claim: Key(**key) for claim, key in claims.items()} for method, claims in problems_by_method.items()
    }


def write(problems_by_method: dict[str, dict[str, Key]]) -> None:
    """Replace the file."""
    lines = [
        "# Method, claim that it does not make, problem that shows why: `python -m tests.balancers.counterexamples`"
    ]
    for method, claims in sorted(problems_by_method.items()):
        lines += ["", f"[{method}]"]
        for claim, key in claims.items():
            fields = ", ".join(f"{field} = {json.dumps(value)}" for field, value in key._asdict().items())
            lines.append(f"{claim} = {{ {fields} }}")
    FILE.write_text("\n".join([*lines, ""]), encoding="utf-8")


def renew() -> list[tuple[str, str]]:
    """Bring the file up to date; returns the methods and claims for which no problem was found."""
    on_file, renewed, missing = read(), {}, []
    for method in names():
        weighting = create(method)
        refuted = {}
        for claim in open_claims(weighting):
            candidates = [key] if (key := on_file.get(method, {}).get(claim)) else []
            for candidate in (*candidates, *keys()):
                if refutes(candidate, weighting, claim):
                    refuted[claim] = candidate
                    break
            else:
                missing.append((method, claim))
        if refuted:
            renewed[method] = refuted
    write(renewed)
    return missing


if __name__ == "__main__":
    torch.set_num_threads(1)
    unrefuted = renew()
    sys.stdout.writelines(f"{method}: nothing speaks against {claim}; claim it\n" for method, claim in unrefuted)
    sys.exit(1 if unrefuted else 0)
