"""The area under the ROC curve, beside that of scikit-learn."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import roc_auc_score

from tasks.scoring.ranking import auc


def drawn(seed: int, levels: int, count: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores with many ties where there are few levels, and targets of which some are absent."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randint(levels, (count,), generator=generator).float() / 7 - 3
    return scores, torch.randint(-1, 2, (count,), generator=generator).float()


@pytest.mark.parametrize("levels", [2, 5, 40, 1_000_000])
@pytest.mark.parametrize("size", [1, 64, 300])
def test_it_is_that_of_scikit_learn_whatever_the_ties_and_batches(levels: int, size: int) -> None:
    scores, targets = drawn(levels, levels)
    labelled = targets >= 0
    metric = auc()
    parts = [metric.collect(*part) for part in zip(scores.split(size), targets.split(size), strict=True)]
    assert metric.of(parts) == pytest.approx(
        roc_auc_score(targets[labelled].numpy(), scores[labelled].numpy()), abs=1e-12
    )


@pytest.mark.parametrize("share", [0.5, 0.99])
def test_it_is_exact_where_pairs_are_many(share: float) -> None:
    generator = torch.Generator().manual_seed(0)
    targets = (torch.rand(30_000, generator=generator) < share).float()
    scores = (targets + 3 * torch.rand(30_000, generator=generator)).mul(50).round()
    for each in (scores, torch.zeros(30_000)):
        area = auc().of([auc().collect(each, targets)])
        assert area == pytest.approx(roc_auc_score(targets.numpy(), each.numpy()), abs=1e-12)


def test_scores_that_single_precision_holds_apart_are_kept_apart() -> None:
    scores = torch.tensor([1e-8, 2e-8, 3e-8, 1.0])
    assert auc().of([auc().collect(scores, torch.tensor([0.0, 1.0, 0.0, 1.0]))]) == 0.75


@pytest.mark.parametrize("targets", [[1.0, 1.0], [0.0, 0.0], [-100.0, 1.0], [-100.0, -100.0]])
def test_without_a_pair_to_rank_it_is_one_half(targets: list[float]) -> None:
    assert auc().of([auc().collect(torch.tensor([0.1, 0.2]), torch.tensor(targets))]) == 0.5
