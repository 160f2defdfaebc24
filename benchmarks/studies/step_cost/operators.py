"""The operators of a step beside the bound; on a GPU nearly each is the launch of a kernel. No machine changes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from torch.utils._python_dispatch import TorchDispatchMode

from balancers import Balancer, Need, Weighting, create
from balancers.contract.evidence import WITHOUT_GRADIENTS
from benchmarks.studies.step_cost.models import Problem, build
from benchmarks.studies.step_cost.peers import PEERS, VARIANTS, peer_step
from benchmarks.studies.step_cost.steps import balanced_step, bound_step, plain_step
from benchmarks.studies.timing import Step

MODELS = ("two-layer", "bert-12")
TASKS = (3, 10, 40)
# They give a tensor another shape and copy nothing.
VIEWS = frozenset(
    (
        "view",
        "_unsafe_view",
        "t",
        "transpose",
        "detach",
        "expand",
        "split",
        "select",
        "slice",
        "unsqueeze",
        "squeeze",
        "reshape",
        "permute",
        "as_strided",
        "alias",
        "split_with_sizes",
        "unbind",
        "diagonal",
    )
)
LOSSES, GRAMIAN, GRADIENTS, BATCHES = "losses", "Gramian", "gradients", "three batches"  # what a method looks at


class OperatorCount(NamedTuple):
    """The operators of a method's step at all shared parameters, without the optimizer's step."""

    model: str
    tasks: int
    method: str
    looks_at: str
    bound: int  # of a plain step for methods that look at losses alone; else of the forward and K backward passes
    ours: int
    torchjd: int | None  # with its rows one by one


class CountOperators(TorchDispatchMode):
    """Counts the operators of torch that run in a block, but for views."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.total += func.overloadpacket.__name__ not in VIEWS
        return func(*args, **(kwargs or {}))


def operators_of(step: Step) -> int:
    """How many operators a step runs, the second time."""
    step()
    with CountOperators() as count:
        step()
    return count.total


def looks_at(weighting: Weighting) -> str:
    """What a method looks at, which decides what its step must cost at least."""
    if Need.CROSS_GRAMIAN in weighting.needs:
        return BATCHES
    if Need.GRADIENTS in weighting.needs:
        return GRADIENTS
    return GRAMIAN if weighting.needs & ~WITHOUT_GRADIENTS else LOSSES


def operator_counts(model: str, tasks: int, methods: Sequence[str]) -> Iterator[OperatorCount]:
    """The operators of every method's step, beside the bound and TorchJD's."""
    problem = build(model, tasks)
    plain, bound = operators_of(plain_step(problem)), operators_of(bound_step(problem))
    for method in methods:
        weighting = create(method)
        kind = looks_at(weighting)
        ours = operators_of(balanced_step(problem, Balancer(weighting, tasks), "shared"))
        limit = plain if kind == LOSSES else bound
        yield OperatorCount(model, tasks, method, kind, limit, ours, _peers_operators(problem, method))


def _peers_operators(problem: Problem, method: str) -> int | None:
    peer = PEERS[method](len(problem.heads)) if method in PEERS else None
    step = None if peer is None else peer_step(problem, peer, "shared", VARIANTS["sequential"])
    try:
        return None if step is None else operators_of(step)
    except ValueError:  # it has no such case, such as Krum with two tasks
        return None
