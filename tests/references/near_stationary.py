"""Random gradients near stationary points, where methods are asked for what hardly exists, and are judged exactly.

A method that calls its equations solved is certified wrong if the very gradients that it was given have no solution,
or if its update is not the solution's. Where that update hangs on less than the rounding of the gradients, or than
inner products in double precision can show, it is counted apart, as fragile.
``python -m tests.references.near_stationary --problems 1000 --method nash-mtl`` counts how often, per precision.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from balancers import Draws, Solving, create, measure
from tests.references import exact_averse, exact_bargaining, exact_cone, exact_hull, exact_spectral
from tests.references.exact_linear import Matrix, Real, combine, dot, exact, mean_of, real, root

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}
ALLOWED = 1e-6  # relative error of an update that is called a solution, beside
PER_RESIDUAL = 100  # times the residual that the certificate states
FLOOR = 2.0**-26  # relative change of gradients that a Gramian in double precision cannot show where they cancel;
FEW_ROUNDINGS = 4  # or so many units of rounding of the gradients, where that is more
DRAWS = 4  # of such changes
FAR = 1e-3  # distance from a stationary point from which on a method has no reason to say no, or this many
ROUNDINGS = 16  # units of rounding of the gradients, where that is more
FINEST = 1e-6  # eigenvalues of cosines below this may count as zero, or below the square of that many units

Exact = Callable[[Matrix, list[float]], list | None]


class Judged(NamedTuple):
    """A method with its exact answer, which may begin from the method's weights.

    Attributes:
        size: what errors of the update are relative to; an exact update of zero allows none that are relative to it.
        violation: of the equation that the method states, relative, where far apart updates may solve it to rounding.
    """

    method: Solving
    exact: Exact
    size: Literal["update", "longest gradient", "shortest gradient", "mean gradient"] = "update"
    violation: Callable[[list[Real], Matrix], float] | None = None


def unequal(update: list[Real], rows: Matrix) -> float:
    """By how much the projections of an update on the gradients differ, relative to their mean."""
    projections = [dot([real(number) for number in row], update) / root(dot(row, row)) for row in rows if any(row)]
    mean = sum(projections) / len(projections)
    return float(max(abs(projection - mean) for projection in projections) / abs(mean)) if mean else float("inf")


def _solving(name: str, **hyperparameters: float) -> Solving:
    method = create(name, **hyperparameters)
    if not isinstance(method, Solving):
        raise TypeError(f"{name} solves no equations")
    return method


JUDGED = {
    "nash-mtl": Judged(_solving("nash-mtl"), lambda rows, weights: exact_bargaining.bargain(rows, 1.0, weights)),
    "fairgrad": Judged(_solving("fairgrad"), lambda rows, weights: exact_bargaining.bargain(rows, 2.0, weights)),
    "cagrad": Judged(_solving("cagrad", c=0.4), lambda rows, weights: exact_averse.cagrad(rows, 0.4), "mean gradient"),
    "cagrad, c = 2": Judged(
        _solving("cagrad", c=2.0), lambda rows, weights: exact_averse.cagrad(rows, 2.0), "mean gradient"
    ),
    "conicgrad": Judged(_solving("conicgrad", c=0.5), lambda rows, weights: exact_averse.conicgrad(rows, 0.5)),
    "imtl-g": Judged(_solving("imtl-g"), lambda rows, weights: exact_spectral.imtl_g(rows), violation=unequal),
    "config": Judged(_solving("config"), lambda rows, weights: exact_spectral.config(rows), violation=unequal),
    "mgda": Judged(_solving("mgda"), lambda rows, weights: exact_hull.shortest(rows), "shortest gradient"),
    "upgrad": Judged(_solving("upgrad"), lambda rows, weights: exact_cone.upgrad(rows), "longest gradient"),
    "dualproj": Judged(_solving("dualproj"), lambda rows, weights: exact_cone.dualproj(rows), "longest gradient"),
    "aligned-mtl": Judged(_solving("aligned-mtl"), lambda rows, weights: exact_spectral.aligned(rows)),
}


class Verdict(NamedTuple):
    """What a method said of one problem, and what is true.

    Attributes:
        solved: whether the method calls its equations solved.
        exists: whether they have a solution.
        error: of the update, relative; infinite where there is no solution.
        allowed: the error that the certificate allows.
        distance: from a stationary point, for unit gradients.
        far: whether that is more than rounding of the gradients can explain.
        fragile: the update is off, and a change of the gradients by `FLOOR`, or by their own rounding, would move the
            exact one as far: no method can know it, but none need say that it does.
    """

    solved: bool
    exists: bool
    error: float
    allowed: float
    distance: float
    far: bool
    fragile: bool

    @property
    def wrong(self) -> bool:
        """Whether the method certifies what is no solution."""
        return self.solved and not self.error <= self.allowed

    @property
    def needless(self) -> bool:
        """Whether the method says no to a problem that has a solution and is far from a stationary point."""
        return not self.solved and self.exists and self.far


def gradients(count: int, dtype: torch.dtype, seed: int = 0) -> Iterator[Tensor]:
    """Gradients (K, D) of quadratics with random centres, curvatures and scales, at or near a stationary point."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)

    for _ in range(count):
        tasks = int(uniform(2, 6))
        dimension = (tasks - 1, tasks, int(uniform(1, 40)), int(uniform(1, 40)))[int(uniform(0, 4))]
        centres = torch.randn(tasks, dimension, generator=generator, dtype=torch.float64)
        shares = uniform(0.05, 1, tasks)
        if tasks > 2 and uniform(0, 1) < 0.3:
            shares[-1] = 0  # the point lies on an edge: stationary for some of the tasks
        point = shares @ centres / shares.sum()
        if uniform(0, 1) < 0.5:
            point = point + 10 ** -uniform(0, 8) * torch.randn(dimension, generator=generator, dtype=torch.float64)
        curvatures = 10 ** uniform(-2, 2, tasks, 1) if uniform(0, 1) < 0.5 else torch.ones(tasks, 1)
        centres, point, curvatures = (part.to(dtype) for part in (centres, point, curvatures))
        yield curvatures * (point - centres)


def judge(judged: Judged, rows: Tensor) -> Verdict:
    """Let a method solve its equations for losses with these gradients, measured as in a step, and compare."""
    point = torch.zeros(rows.shape[-1], dtype=rows.dtype, requires_grad=True)
    evidence = measure([(row * point).sum() for row in rows], shared=[point])
    solution = judged.method.solve(evidence, Draws.seeded(0))
    solved, weights, matrix = bool(solution.solved), solution.point.tolist(), exact(rows)
    distance = exact_hull.relative_distance(matrix)
    far = distance > max(FAR, ROUNDINGS * torch.finfo(rows.dtype).eps)
    solutions = _solutions(judged, rows, weights)
    have = combine([real(Fraction(weight)) for weight in weights], matrix)
    error = _error(have, [_update(each, matrix) for each in solutions], matrix, judged.size)
    if judged.violation is not None:
        error = min(error, judged.violation(have, matrix))
    allowed = ALLOWED + PER_RESIDUAL * solution.residual.item()
    fragile = solved and allowed < error < float("inf") and _is_fragile(judged, rows, solutions, error)
    return Verdict(solved, bool(solutions), error, allowed, distance, far, fragile)


def _is_fragile(judged: Judged, rows: Tensor, solutions: list[list], error: float) -> bool:
    matrix, generator = exact(rows), torch.Generator().manual_seed(0)
    updates = [_update(each, matrix) for each in solutions]
    lengths = rows.double().norm(dim=-1)
    unit = {"longest gradient": lengths.max().item(), "shortest gradient": lengths.min().item()}.get(judged.size)
    terms = max(sum(abs(float(x)) * n for x, n in zip(each, lengths.tolist(), strict=True)) for each in solutions)
    if unit is not None and FLOOR * terms > error * unit:  # large terms cancel, and are known to that share
        return True
    for _ in range(DRAWS):
        noise = torch.randn(rows.shape, generator=generator, dtype=torch.float64)
        changed = rows.double() * (1 + max(FLOOR, FEW_ROUNDINGS * torch.finfo(rows.dtype).eps) * noise)
        elsewhere = _solutions(judged, changed, [1.0] * len(rows))
        if not elsewhere or _error(_update(elsewhere[-1], exact(changed)), updates, matrix, judged.size) > error / 10:
            return True
    return False


def _solutions(judged: Judged, rows: Tensor, weights: list[float]) -> list[list]:
    """The exact answers: none, one, or one for every rank that measurements cannot tell from the true one."""
    matrix = exact(rows)
    if judged.method.name != "aligned-mtl":
        solution = judged.exact(matrix, weights)
        return [] if solution is None else [solution]
    finest = max(FINEST, (ROUNDINGS * torch.finfo(rows.dtype).eps) ** 2)
    return [exact_spectral.aligned(matrix, rank=rank) for rank in exact_spectral.ranks(matrix, finest)]


def _update(solution: list, rows: Matrix) -> list[Real]:
    return [real(number) if isinstance(number, Fraction) else number for number in combine(solution, rows)]


def _error(have: list[Real], updates: list[list[Real]], rows: Matrix, size: str) -> float:
    """The distance from the nearest of the exact updates, relative to the size; infinite if there is none."""
    errors, norms = [float("inf")], [root(dot(row, row)) for row in rows]
    for want in updates:
        lengths = {
            "update": _length(want),
            "longest gradient": max(norms),
            "shortest gradient": min(norms),
            "mean gradient": _length([real(number) for number in combine(mean_of(len(rows)), rows)]),
        }
        away = _length([a - b for a, b in zip(have, want, strict=True)])
        errors.append(float(away / lengths[size]) if lengths[size] else float(away > 0))
    return min(errors)


def _length(vector: list) -> float:
    return dot(vector, vector) ** 0.5


def table(names: list[str], precisions: list[str], count: int, seed: int) -> Iterator[str]:
    """One line for every method and precision."""
    head = (
        "method",
        "gradients",
        "problems",
        "solved",
        "certified without solution",
        "certified and off",
        "fragile",
        "needless no",
    )
    yield "  ".join(head)
    for name in names:
        for precision in precisions:
            verdicts = [judge(JUDGED[name], rows) for rows in gradients(count, PRECISIONS[precision], seed)]
            wrong = [verdict for verdict in verdicts if verdict.wrong]
            cells = (
                name,
                precision,
                len(verdicts),
                sum(verdict.solved for verdict in verdicts),
                sum(not verdict.exists for verdict in wrong),
                sum(verdict.exists and not verdict.fragile for verdict in wrong),
                sum(verdict.fragile for verdict in wrong),
                sum(verdict.needless for verdict in verdicts),
            )
            worst = max((verdict.error for verdict in wrong if verdict.exists and not verdict.fragile), default=0.0)
            yield "  ".join(f"{cell:>{len(title)}}" for cell, title in zip(cells, head, strict=True)) + (
                f"  largest error {worst:.1e}" if worst else ""
            )


def main() -> None:
    """Print the table for the methods and precisions of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=1000)
    parser.add_argument("--method", action="append", choices=sorted(JUDGED))
    parser.add_argument("--dtype", action="append", choices=sorted(PRECISIONS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    methods, precisions = options.method or list(JUDGED), options.dtype or ["float32"]
    for line in table(methods, precisions, options.problems, options.seed):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
