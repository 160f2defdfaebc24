"""IMTL against its two halves, and the paper's objective differentiated by autograd."""

import pytest
import torch
from torch import Tensor

from balancers import Answer, Balancer, Draws, Sizes, create
from balancers.contract.evidence import as_answer
from balancers.methods.imtl import IMTL, IMTLState
from balancers.step.products import gramian_of
from tests.balancers.histories import losses_like, weights_over
from tests.balancers.jacobians import evidence_from, first_weights, regular, spread
from tests.balancers.network import small_network
from tests.balancers.witness import witness
from tests.references.imtl_g import imtl_g


def play(method: IMTL, steps: list[tuple[Tensor, Tensor]]) -> tuple[list[Answer], IMTLState]:
    """The answers to a run of gradients and losses, and the last state."""
    state = method.init(Sizes(len(steps[0][1])))
    answers = []
    for rows, losses in steps:
        answer, state = method.update(evidence_from(rows, losses), state, Draws.seeded(0))
        answers.append(as_answer(answer))
    return answers, state


def run(steps: int, tasks: int) -> list[tuple[Tensor, Tensor]]:
    return [(spread(tasks, 12, seed), losses) for seed, losses in enumerate(losses_like(steps, tasks, seed=0))]


@witness("imtl", "identity")
def test_the_heads_factors_are_the_weights_of_imtl_l() -> None:
    steps = run(30, 4)
    answers, _ = play(IMTL(), steps)
    expected = weights_over(create("imtl-l"), [losses for _, losses in steps])
    for answer, factors in zip(answers, expected, strict=True):
        assert answer.heads is not None
        torch.testing.assert_close(answer.heads, factors)


@witness("imtl", "identity")
def test_the_update_is_that_of_imtl_g_for_the_gradients_of_the_scaled_losses() -> None:
    steps = run(30, 4)
    answers, _ = play(IMTL(learning_rate=0.5), steps)
    for answer, (rows, _) in zip(answers, steps, strict=True):
        assert answer.heads is not None
        scaled = rows * answer.heads[:, None]
        torch.testing.assert_close(answer.weights @ rows, first_weights(create("imtl-g"), scaled) @ scaled)


@witness("imtl", "transcription")
def test_it_trains_a_network_as_the_papers_objectives_do() -> None:
    ours, theirs = small_network(2), small_network(2)
    balancer = Balancer("imtl", 2, learning_rate=0.1)
    scales = torch.zeros(2, requires_grad=True)
    adam = torch.optim.Adam([scales], lr=0.1)
    optimizers = [torch.optim.SGD(network.parameters(), lr=0.05) for network in (ours, theirs)]
    encoder = list(theirs.encoder.parameters())
    for _ in range(10):
        for optimizer in (*optimizers, adam):
            optimizer.zero_grad()
        features = ours.features()
        balancer.backward(ours.losses(features), features=features)

        features = theirs.features()
        objectives = scales.exp() * torch.stack(theirs.losses(features)) - scales
        rows = [torch.autograd.grad(o, features, retain_graph=True)[0].flatten() for o in objectives]
        alpha = torch.from_numpy(imtl_g(torch.stack(rows).double().numpy())).float()
        objectives.sum().backward(retain_graph=True, inputs=[*theirs.heads.parameters(), scales])
        (alpha * objectives).sum().backward(inputs=encoder)
        for got, want in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(got.grad, want.grad, rtol=1e-3, atol=1e-4)
        for optimizer in (*optimizers, adam):
            optimizer.step()


@witness("imtl", "closed form")
def test_constant_losses_end_at_scaled_losses_of_one() -> None:
    losses = torch.tensor([0.05, 1.0, 20.0], dtype=torch.float64)
    rows = regular(3, 8, seed=1)
    answers, _ = play(IMTL(), [(rows, losses)] * 1500)
    assert answers[-1].heads is not None
    torch.testing.assert_close(answers[-1].heads, 1 / losses, rtol=1e-3, atol=0)
    expected = first_weights(create("imtl-g"), rows / losses[:, None]) / losses
    torch.testing.assert_close(answers[-1].weights, expected, rtol=1e-2, atol=1e-3)


def test_the_books_count_steps_that_no_vector_serves_alike() -> None:
    good, losses = regular(2, 4, seed=2), torch.ones(2, dtype=torch.float64)
    opposite = torch.cat([good[:1], -good[:1]])
    method = IMTL()
    _, state = play(method, [(good, losses), (opposite, losses), (good, losses)])
    books = method.certificate(state)
    assert books.fallbacks == 1
    assert books.residual < 1e-12
    assert gramian_of(opposite)[0, 1] < 0


@pytest.mark.parametrize("loss", [0.0, 1e12])
def test_weights_stay_within_single_precision_whatever_a_loss_does(loss: float) -> None:
    losses = torch.tensor([loss, 1.0], dtype=torch.float64)
    answers, _ = play(IMTL(learning_rate=10.0), [(regular(2, 6, seed=3), losses)] * 30)
    assert answers[-1].heads is not None
    assert answers[-1].heads.float().isfinite().all()
    assert answers[-1].weights.float().isfinite().all()


def test_a_learning_rate_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a positive learning_rate"):
        create("imtl", learning_rate=0.0)
