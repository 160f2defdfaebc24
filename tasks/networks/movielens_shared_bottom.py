"""The shared encoder of `movielens`: embeddings of ids and facts, and two fully connected layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.data.movielens_examples import AGES
from tasks.data.movielens_histories import History
from tasks.data.movielens_ratings import GENDERS, GENRES, ITEMS, OCCUPATIONS, USERS

ID_WIDTH, FACT_WIDTH = 16, 8
FACT_SPREAD = 0.1  # of vectors of facts at the start: larger ones are memorised where labels are few


class SharedBottom(nn.Module):
    """Embeddings of user, film, genres, age group, gender and occupation beside the history, and two layers.

    Vectors of users and films begin at zero, where the one of whoever is not known stays: until training has seen an
    id, it means the same as none.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.user, self.item = (nn.Embedding(count + 1, ID_WIDTH) for count in (USERS, ITEMS))
        self.age, self.gender, self.occupation = (
            nn.Embedding(count, FACT_WIDTH) for count in (len(AGES) + 1, len(GENDERS), len(OCCUPATIONS))
        )
        self.genres = nn.Linear(len(GENRES), FACT_WIDTH, bias=False)  # the sum of the vectors of a film's genres
        for fact in (self.age, self.gender, self.occupation, self.genres):
            nn.init.normal_(fact.weight, std=FACT_SPREAD)
        input_width = 2 * ID_WIDTH + 4 * FACT_WIDTH + len(History._fields)
        self.first, self.last = nn.Linear(input_width, width), nn.Linear(width, width // 2)
        self.vectors_dropout, self.dropout = nn.Dropout(0.3), nn.Dropout(0.1)
        for table in (self.user, self.item):
            nn.init.zeros_(table.weight)

    def forward(  # noqa: PLR0913, PLR0917 - one per column
        self,
        user: Tensor,
        item: Tensor,
        age: Tensor,
        gender: Tensor,
        occupation: Tensor,
        genres: Tensor,
        history: Tensor,
    ) -> Tensor:
        """Features (N, width / 2)."""
        ids = [_embedded(self.user, user), _embedded(self.item, item)]
        facts = [self.age(age), self.gender(gender), self.occupation(occupation), self.genres(genres)]
        vectors = self.vectors_dropout(torch.cat([*ids, *facts], 1))
        hidden = torch.relu(self.first(torch.cat([vectors, history], 1)))
        return torch.relu(self.last(self.dropout(hidden)))


def _embedded(table: nn.Embedding, ids: Tensor) -> Tensor:
    """Vectors (N, W), zero where the id is 0."""
    # The padding_idx of a table would say the same, but is overlooked where torch.vmap stacks tables.
    return table(ids) * (ids > 0)[:, None]
