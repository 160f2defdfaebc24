"""Random problems for the checks, and the words in which a check complains."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.evidence import as_answer
from balancers.contract.exactness import resolution_of
from balancers.contract.weighting import Answer, Draws, Evidence, Need, Sizes, Weighting
from balancers.step.products import combine, gramian_of

DIMENSION = 12  # of the gradients in the problems below
TASK_COUNTS = (1, 2, 3, 7, 40)  # with more tasks than dimensions, gradients are linearly dependent
MANY = 100  # tasks, in the checks that ask for no more than finite numbers
STEPS = 4  # enough for a method with memory to show it
TOLERANCE = 1e-6  # relative, for identities that hold up to rounding
SHOWN = 8  # numbers of a tensor that a complaint lists


class PromiseViolation(AssertionError):  # noqa: N818 - it is no error of the program
    """A method does not do what every method must.

    Example:
        >>> from balancers.conformance.problems import PromiseViolation
        >>> issubclass(PromiseViolation, AssertionError)
        True
    """


def require(condition: bool | Tensor, message: str) -> None:
    """Complain with `PromiseViolation` unless the condition holds.

    Example:
        >>> from balancers.conformance.problems import require
        >>> require(1 + 1 == 2, "the sum is wrong")
        >>> require(1 + 1 == 3, "the sum is wrong")
        Traceback (most recent call last):
            ...
        balancers.conformance.problems.PromiseViolation: the sum is wrong
    """
    if not bool(condition):
        raise PromiseViolation(message)


def evidence_of(jacobian: Tensor, losses: Tensor) -> Evidence:
    """The evidence for these gradients, (*B, K, D), and losses, (*B, K), if all batches were alike.

    Example:
        >>> import torch
        >>> from balancers.conformance.problems import evidence_of
        >>> evidence = evidence_of(torch.tensor([[1.0, 0.0], [-3.0, 4.0]]), torch.tensor([1.0, 4.0]).double())
        >>> evidence.gramian.tolist()
        [[1.0, -3.0], [-3.0, 25.0]]
    """
    gramian = gramian_of(jacobian)
    return Evidence(losses, gramian, jacobian, gramian, resolution_of(jacobian.dtype, jacobian.shape[-1]))


def sizes_of(evidence: Evidence) -> Sizes:
    """The sizes that a state needs for this evidence.

    Example:
        >>> from balancers.conformance.problems import problems, sizes_of
        >>> sizes = sizes_of(problems(3)[0])
        >>> sizes.tasks, sizes.elements
        (3, 12)
    """
    *batch, tasks, elements = evidence.gradients.shape
    return Sizes(tasks, elements, tuple(batch), evidence.gradients.dtype, evidence.losses.device)


def update_of(answer: Tensor | Answer, evidence: Evidence) -> Float[Tensor, "*B D"]:
    """The update of the shared parameters that an answer stands for.

    Example:
        >>> import torch
        >>> from balancers.conformance.problems import evidence_of, update_of
        >>> evidence = evidence_of(torch.tensor([[1.0, 0.0], [-3.0, 4.0]]), torch.tensor([1.0, 4.0]).double())
        >>> update_of(torch.tensor([0.5, 0.5]).double(), evidence).tolist()
        [-1.0, 2.0]
    """
    answer = as_answer(answer)
    return combine(answer.weights, evidence.gradients if answer.gradients is None else answer.gradients)


def terms_of(answer: Tensor | Answer, evidence: Evidence) -> Float[Tensor, "*B"]:
    """The size of the terms of an update; where the terms cancel, rounding errors are relative to this size.

    Example:
        >>> import torch
        >>> from balancers.conformance.problems import evidence_of, terms_of
        >>> evidence = evidence_of(torch.tensor([[1.0, 0.0], [-3.0, 4.0]]), torch.tensor([1.0, 4.0]).double())
        >>> terms_of(torch.tensor([0.5, -0.5]).double(), evidence).item()  # the larger of 0.5 + 1.5 and 2
        2.0
    """
    answer = as_answer(answer)
    gradients = evidence.gradients if answer.gradients is None else answer.gradients
    return combine(answer.weights.abs(), gradients.abs()).amax(-1)


def problems(
    tasks: int, scale: float = 1.0, batch: tuple[int, ...] = (), seed: int = 0, dtype: torch.dtype = torch.float64
) -> list[Evidence]:
    """A short run: random gradients of the given scale, and positive losses of that scale.

    Example:
        >>> from balancers.conformance.problems import problems
        >>> run = problems(3)
        >>> len(run), run[0].gradients.shape
        (4, torch.Size([3, 12]))
    """
    generator = torch.Generator().manual_seed(seed)
    run = []
    for _ in range(STEPS):
        jacobian = torch.randn(*batch, tasks, DIMENSION, generator=generator, dtype=torch.float64)
        losses = torch.rand(*batch, tasks, generator=generator, dtype=torch.float64) + 0.1
        run.append(evidence_of((scale * jacobian).to(dtype), scale * losses))
    return run


def play(weighting: Weighting, run: list[Evidence], draws: Draws) -> Iterator[tuple[Answer, tuple]]:
    """The answer and the state after every step of a run; a step leaves every loss at 0.9 of what it was.

    Scores on validation data are higher for lower losses.

    Example:
        >>> from balancers import Draws, create
        >>> from balancers.conformance.problems import play, problems
        >>> [answer.weights.tolist() for answer, _ in play(create("fixed"), problems(2), Draws.seeded(0))][:2]
        [[1.0, 1.0], [1.0, 1.0]]
    """
    state = weighting.init(sizes_of(run[0]))
    for evidence in run:
        answer, state = weighting.update(evidence, state, draws)
        state = between_steps(weighting, evidence.losses, state)
        yield as_answer(answer), state


def between_steps(weighting: Weighting, losses: Float[Tensor, "*B K"], state: tuple) -> tuple:
    """The state after what a training loop may pass on between two steps: losses, and scores.

    Scores are higher for lower losses.

    Example:
        >>> import torch
        >>> from balancers import Sizes, create
        >>> from balancers.conformance.problems import between_steps
        >>> method = create("pivrg")
        >>> between_steps(method, torch.tensor([0.5, 4.0, 2.0]).double(), method.init(Sizes(3))).scores.tolist()
        [20.0, 0.0, 10.0]
    """
    if Need.LOSSES_AFTER in weighting.needs:
        state = weighting.after(0.9 * losses, state)
    if Need.SCORES in weighting.needs:
        others_that_are_worse = (losses[..., None] < losses[..., None, :]).sum(-1)
        state = weighting.after_validation(10.0 * others_that_are_worse.double(), state)
    return state


def all_answers(weighting: Weighting, run: list[Evidence], seed: int = 0) -> list[Answer]:
    """The answers of every step of a run; replicas have the seeds that follow ``seed``.

    Example:
        >>> from balancers import create
        >>> from balancers.conformance.problems import all_answers, problems
        >>> all_answers(create("fixed"), problems(2))[0].weights.tolist()
        [1.0, 1.0]
    """
    return [answer for answer, _ in play(weighting, run, Draws.seeded(seed, run[0].losses.shape[:-1]))]


def all_weights(weighting: Weighting, run: list[Evidence], seed: int = 0) -> list[Tensor]:
    """The weights of every step of a run.

    Example:
        >>> from balancers import create
        >>> from balancers.conformance.problems import all_weights, problems
        >>> all_weights(create("fixed", weights=[1.0, 2.0]), problems(2))[0].tolist()
        [1.0, 2.0]
    """
    return [answer.weights for answer in all_answers(weighting, run, seed)]


def all_updates(weighting: Weighting, run: list[Evidence], seed: int = 0) -> list[Tensor]:
    """The update of the shared parameters in every step of a run.

    Example:
        >>> from balancers import create
        >>> from balancers.conformance.problems import all_updates, problems
        >>> run = problems(2)
        >>> all_updates(create("fixed"), run)[0].equal(run[0].gradients.sum(0))
        True
    """
    return [
        update_of(answer, evidence) for answer, evidence in zip(all_answers(weighting, run, seed), run, strict=True)
    ]


def require_finite(weighting: Weighting, run: list[Evidence], where: str) -> None:
    """Complain if a number of an answer in the run, or of the update that it stands for, is NaN or infinite.

    Example:
        >>> from balancers import create
        >>> from balancers.conformance.problems import problems, require_finite
        >>> require_finite(create("fixed"), problems(2), "two tasks")
    """
    for step, (answer, evidence) in enumerate(zip(all_answers(weighting, run), run, strict=True)):
        for field, value in zip(answer._fields, answer, strict=True):
            if value is not None:
                require(value.isfinite().all(), f"{where}, step {step}: {field} are {shown(value)}")
        require(update_of(answer, evidence).isfinite().all(), f"{where}, step {step}: the update is not finite")


def require_close(got: Tensor, want: Tensor, where: str, size: Tensor | None = None) -> None:
    """Complain if two tensors differ by more than rounding, relative to ``size`` or else to the largest element.

    Example:
        >>> import torch
        >>> from balancers.conformance.problems import require_close
        >>> require_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]), "weights")
        Traceback (most recent call last):
            ...
        balancers.conformance.problems.PromiseViolation: weights: expected [1.0, 3.0], got [1.0, 2.0]
    """
    size = want.abs().max() if size is None else size
    slack = TOLERANCE * size.clamp(min=torch.finfo(want.dtype).tiny)
    require(((got - want).abs() <= slack).all(), f"{where}: expected {shown(want)}, got {shown(got)}")


def shown(value: Tensor) -> str:
    """A tensor in a complaint: its first numbers.

    Example:
        >>> import torch
        >>> from balancers.conformance.problems import shown
        >>> shown(torch.arange(10))
        '[0, 1, 2, 3, 4, 5, 6, 7] and 2 more'
    """
    numbers = value.flatten().tolist()
    return f"{numbers}" if len(numbers) <= SHOWN else f"{numbers[:SHOWN]} and {len(numbers) - SHOWN} more"
