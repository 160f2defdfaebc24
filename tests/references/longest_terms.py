"""How long the terms of an update get at stationary points: the numbers of docs/numbers.md.

``python -m tests.references.longest_terms`` prints them.
"""

import sys

import torch

from balancers import Draws, Sizes, create
from balancers.conformance.problems import evidence_of
from balancers.contract.evidence import as_answer

METHODS = (
    "mgda",
    "epo",
    "nash-mtl",
    "fairgrad",
    "pivrg",
    "cagrad",
    "conicgrad",
    "upgrad",
    "dualproj",
    "imtl-g",
    "imtl",
    "config",
    "aligned-mtl",
    "pcd",
)
FREE_OF_LENGTHS = ("nash-mtl",)  # its terms have the same length whatever that of the gradients is
DECADES = (0, 2, 4)  # over which lengths of gradients are spread, on either side of 1
PROBLEMS = 60  # of three to five tasks, for each of these
DIMENSION = 6


def stationary_gradients(decades: float, seed: int) -> torch.Tensor:
    """Gradients (K, D) in float32, a combination of which with positive weights is zero up to rounding."""
    generator, tasks = torch.Generator().manual_seed(seed), 3 + seed % 3
    rows = torch.randn(tasks, DIMENSION, generator=generator, dtype=torch.float64)
    shares = torch.rand(tasks, generator=generator, dtype=torch.float64) + 0.1
    rows[-1] = -(shares[:-1, None] * rows[:-1]).sum(0) / shares[-1]
    exponents = decades * (2 * torch.rand(tasks, 1, generator=generator, dtype=torch.float64) - 1)
    return (rows * 10**exponents).float()


def longest_term(name: str) -> float:
    """The largest weight times length of a gradient that a method answers with in its first step.

    It is in units of the longest gradient, except for `FREE_OF_LENGTHS`.
    """
    longest = 0.0
    for decades in DECADES:
        for seed in range(PROBLEMS):
            rows = stationary_gradients(decades, seed)
            evidence = evidence_of(rows, torch.ones(len(rows), dtype=torch.float64))
            method = create(name)
            state = method.init(Sizes(len(rows), elements=DIMENSION))
            answer, _ = method.update(evidence, state, Draws.seeded(0))
            terms = as_answer(answer).weights.abs() * evidence.norms
            unit = 1.0 if name in FREE_OF_LENGTHS else evidence.norms.max()
            longest = max(longest, float(terms.max() / unit))
    return longest


def main() -> None:
    """Print a line per method."""
    torch.set_num_threads(1)
    for name in METHODS:
        sys.stdout.write(f"{name:12} {longest_term(name):.2g}\n")


if __name__ == "__main__":
    main()
