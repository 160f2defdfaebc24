"""Will a user rate this film, rate it well, and come back after this session? MovieLens-100k, split by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from tasks.base import MultiTaskModel, Splits, Suite, Task, check_tasks, seeded, seeded_heads
from tasks.data.labels import ABSENT
from tasks.data.movielens_examples import examples_of, periods_of, read_example
from tasks.data.movielens_ratings import read_movielens
from tasks.networks.movielens_shared_bottom import SharedBottom
from tasks.registry import register
from tasks.scoring.binary import logistic_loss
from tasks.scoring.ranking import auc

TASKS = ("click", "conversion", "churn")


@register("movielens")
@dataclass(frozen=True)
class MovieLens(Suite):
    """What 943 users do next on a film site: MovieLens-100k, September 1997 to April 1998.

    - Source: 100,000 ratings of 1,682 films, in recbole 1.2.1 (licence: MIT for the package; of the data: its own, for
      research, not to be passed on), downloaded with pip; or the files ``ml-100k.inter``, ``ml-100k.user`` and
      ``ml-100k.item`` from there in ``ml-100k`` in the data folder, or in the data folder itself.
    - Examples: every rating, and for each ``negatives`` (1) films at the same second that the user has not rated by the
      end of the session. These are drawn from all films that somebody has rated before; the user may rate them in a
      later session. A session ends with the last rating before an hour without any.
    - Splits: by time, where 70 and 85 per cent of all ratings have been given (9 February and 27 March 1998): 139,874 /
      29,102 / 29,682 examples. A session that goes across a cut is in none.
    - Tasks: all with the cross-entropy of a logit. Metric: the exact area under the ROC curve. ``click``: whether the
      user rates the film in this session. The first rating of a film has no click target, because only films with a
      rating are drawn. Popular films are not drawn more often; the number of earlier ratings of a film alone has an
      area of 0.83. ``conversion``: whether a rating has 4 stars or more; only examples with a click have this target.
      ``churn``: whether the session was the user's last one; only the last rating of a session has this target (1,648 /
      359 / 245 examples).
    - A session is the last one if the user rates nothing within ``churn_days`` (14) after its end. Sessions in the last
      two weeks of a split have no churn target, because their end is unknown: a target never depends on what comes
      after its split.
    - Inputs: ids of user and film, age group, gender, occupation and genres, and eleven numbers about the past of user
      and film, which count only what happened before that second. The id of a user is known from the second session on,
      and the id of a film from its second rating on, if the first was in training. So there are unknown ids in training
      as well; in nine of ten test examples the user is unknown.
    - Encoder: embeddings (16 for ids, 8 for facts, dropout 0.3) and two layers of ``width`` (128) and half of it, a
      shared bottom; heads: 32 ReLU units and a logit. Last shared layer: the second one.

    Few examples have a churn target, 12 in a batch of 1,024: take large batches.

    Reference: Harper and Konstan, The MovieLens Datasets: History and Context, ACM TiiS 2015; Ma et al., Entire Space
    Multi-Task Model, SIGIR 2018 (conversion given a click).
    """

    negatives: int = 1
    churn_days: int = 14
    width: int = 128

    version = 2
    summary = (
        "click, conversion and churn of users of a film site (MovieLens-100k, split by time; embeddings and an MLP)"
    )
    replicable = True

    def __post_init__(self) -> None:
        if self.negatives < 1:
            raise ValueError(f"negatives must be at least 1, not {self.negatives}: every example would be a click")
        if not 1 <= self.churn_days <= 20:
            raise ValueError(f"churn_days must be between 1 and 20, not {self.churn_days}: the test has 26 days")
        if self.width < 2 or self.width % 2:
            raise ValueError(f"width must be an even number from 2 on, not {self.width}: the second layer has half")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Click, conversion, churn."""
        return tuple(Task(name, logistic_loss, (auc(),), absent=ABSENT) for name in TASKS)

    def load(self, data: Path | None = None) -> Splits:
        """Ids, facts and histories; targets (N,) that are 1, 0, or -100 where there is none."""
        tables = read_movielens(data)
        periods = periods_of(tables[0])
        trained = periods[0].end
        return Splits(*(examples_of(tables, period, trained, self.negatives, self.churn_days) for period in periods))

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """Embeddings and MLP, and a small MLP per task, with torch's default initialisation but for ids."""
        check_tasks(self, tasks)
        with seeded("init", seed):
            encoder = SharedBottom(self.width)
        heads = seeded_heads(seed, tasks, lambda _: _head(self.width // 2))
        return MultiTaskModel(encoder, heads, last_shared=encoder.last)

    def read(self, user_input: str) -> dict[str, Tensor]:
        """One example from a CSV file: see `read_example` for its columns."""
        return read_example(user_input)

    def answers(self, user_input: str, outputs: Mapping[str, Tensor]) -> dict[str, str]:  # noqa: ARG002
        """The probability of each event."""
        chances = {name: float(output.sigmoid()) for name, output in outputs.items()}
        means = {
            "click": "the user rates this film in this session",
            "conversion": "with 4 stars or more, if at all",
            "churn": f"and after this session nothing for {self.churn_days} days",
        }
        return {name: f"{chance:.1%} ({means[name]})" for name, chance in chances.items()}


def _head(features: int) -> nn.Module:
    return nn.Sequential(nn.Linear(features, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
