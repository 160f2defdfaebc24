"""The examples of `movielens`, split by time: films that a user did or did not rate; or one example from a CSV file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasks.contract import Split, seed_for
from tasks.data.labels import ABSENT
from tasks.data.movielens_histories import DAY, History, Moments, Past, history_at, numbers, sessions_of
from tasks.data.movielens_ratings import GENDERS, ITEMS, OCCUPATIONS, USERS, Films, Ints, Log, Users, genre_flags

CUTS = (0.70, 0.85)  # shares of all ratings before validation, and before test
LIKED = 4  # ratings from here are conversions
AGES = (18, 25, 35, 45, 50, 56)  # years at which the next of MovieLens' age groups begins
ROUNDS = 100  # of drawing other films instead of rated ones; a user without a film after them has rated nearly all
FACTS = ("user", "item", "age", "gender", "occupation", "genres")  # columns of a file, beside those of `History`


class Period(NamedTuple):
    """A stretch of time whose sessions make up a split."""

    name: str
    begin: int  # seconds since 1970
    end: int  # what happens then or later is not in it


def periods_of(log: Log) -> list[Period]:
    """The periods of training, validation and test, cut after the shares CUTS of all ratings."""
    times = np.sort(log.time)
    cuts = [int(times[int(len(times) * share)]) for share in CUTS]
    edges = [int(times[0]), *cuts, int(times[-1]) + 1]
    return [Period(name, *edges[i : i + 2]) for i, name in enumerate(("train", "validation", "test"))]


def examples_of(
    tables: tuple[Log, Users, Films], period: Period, trained: int, negatives: int, churn_days: int
) -> Split:
    """The examples of a period: every rating of the sessions within it, each followed by films that were not rated.

    A film without earlier ratings is never drawn. Therefore the first rating of a film has no click target; otherwise
    new films would always be clicks.

    Args:
        tables: all ratings, users and films. Inputs use nothing after their moment, targets nothing after the period.
        period: the period whose sessions are taken.
        trained: the end of training, in seconds since 1970; an id without a rating before it becomes 0.
        negatives: the number of films that were not rated for each that was.
        churn_days: the days without a rating after which a user counts as gone.
    """
    log, users, films = tables
    sessions = sessions_of(log)
    inside = (sessions.start >= period.begin) & (sessions.end < period.end)
    event = np.repeat(np.flatnonzero(inside), 1 + negatives)
    click = np.arange(len(event)) % (1 + negatives) == 0
    unrated_item, has_unrated = _unrated_films(log, event, sessions.end[event], period.name)
    items = np.where(click, log.item[event], unrated_item)
    event, click, item = (column[click | has_unrated] for column in (event, click, items))
    rated_before = Past(log.item, log.time).count(item, log.time[event]) > 0
    moments = Moments(log.user[event], item, log.time[event], sessions.start[event])
    patience = churn_days * DAY
    gone = sessions.next[event] - sessions.end[event] > patience
    churn_is_labelled = click & sessions.last[event] & (sessions.end[event] + patience < period.end)
    targets = {
        "click": np.where(rated_before, click, ABSENT),
        "conversion": np.where(click, log.rating[event] >= LIKED, ABSENT),
        "churn": np.where(churn_is_labelled, gone, ABSENT),
    }
    user_facts = Users(*(column[moments.user] for column in users))
    trained_ids = _trained_ids(moments, log, trained)
    return Split(
        _inputs(trained_ids, user_facts, films.genres[item], history_at(moments, log, films)),
        {task: torch.from_numpy(values.astype(np.float32)) for task, values in targets.items()},
    )


def read_example(file: str) -> dict[str, Tensor]:
    """Inputs (1, ...) from a CSV file: a line that names the columns, FACTS and those of `History`, and one example.

    Genres are separated by spaces. An empty cell means that a user, a film, a mean or the age of a film is unknown.

    Raises:
        ValueError: the file is missing, or has other columns, another number of lines, or a cell that cannot be read.
    """
    try:
        with Path(file).open(newline="", encoding="utf-8") as opened:
            rows = list(csv.DictReader(opened))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{file} cannot be read as a CSV file ({error})") from None
    if len(rows) != 1:
        raise ValueError(f"{file} must hold a line of names and one example, not {len(rows)}")
    (row,) = rows
    if set(row) != {*FACTS, *History._fields}:
        raise ValueError(f"{file} must have the columns {', '.join((*FACTS, *History._fields))}")
    try:
        history = History(*(np.array([float(row[name] or "nan")]) for name in History._fields))
        trained_ids = (_id(row["user"], USERS), _id(row["item"], ITEMS))
        facts = (int(row["age"]), GENDERS.index(row["gender"]), OCCUPATIONS.index(row["occupation"]))
        genres = genre_flags(row["genres"].split())
    except (ValueError, TypeError) as error:
        raise ValueError(f"{file} has a cell that cannot be read ({error})") from None
    return _inputs(trained_ids, Users(*(np.array([fact]) for fact in facts)), genres[None], history)


def _inputs(
    trained_ids: tuple[Ints, Ints], user_facts: Users, genres: NDArray[np.bool_], history: History
) -> dict[str, Tensor]:
    inputs = {
        "user": trained_ids[0],
        "item": trained_ids[1],
        "age": np.searchsorted(AGES, user_facts.age, side="right"),
        "gender": user_facts.gender,
        "occupation": user_facts.occupation,
        "genres": genres.astype(np.float32),
        "history": numbers(history),
    }
    return {name: torch.from_numpy(values) for name, values in inputs.items()}


def _trained_ids(moments: Moments, log: Log, trained: int) -> tuple[Ints, Ints]:
    """Ids of users with a rating before the session at hand, and of films with one before the moment; else 0.

    Ratings after training do not count: a model cannot have learnt anything from them.
    """
    of_user = Past(log.user, log.time).count(moments.user, np.minimum(moments.start, trained))
    of_item = Past(log.item, log.time).count(moments.item, np.minimum(moments.time, trained))
    return np.where(of_user > 0, moments.user, 0), np.where(of_item > 0, moments.item, 0)


def _unrated_films(log: Log, event: Ints, until: Ints, purpose: str) -> tuple[Ints, NDArray[np.bool_]]:
    """For each rating ``event`` (N,) a film that its user has not rated ``until`` a time, and whether one was drawn.

    Films are drawn from those that somebody had rated before the event, each as likely as any other, the seed fixed by
    ``purpose``.
    """
    generator = torch.Generator().manual_seed(seed_for(f"movielens/{purpose}", 0))
    user = log.user[event]
    films, first = np.unique(log.item, return_index=True)  # ratings are in the order of time
    order = np.argsort(log.time[first], kind="stable")
    films, offered = films[order], np.searchsorted(log.time[first][order], log.time[event])
    pairs = log.user * (ITEMS + 1) + log.item
    order = np.argsort(pairs)
    pairs, times = pairs[order], log.time[order]
    item, lacks_film = np.zeros_like(user), offered > 0
    for _ in range(ROUNDS):
        where = np.flatnonzero(lacks_film)
        shares = torch.rand(len(where), generator=generator, dtype=torch.float64).numpy()
        item[where] = films[(shares * offered[where]).astype(np.int64)]
        drawn_pairs = user[where] * (ITEMS + 1) + item[where]
        place = np.searchsorted(pairs, drawn_pairs).clip(max=len(pairs) - 1)
        lacks_film[where] = (pairs[place] == drawn_pairs) & (times[place] <= until[where])
        if not lacks_film.any():
            break
    return item, (offered > 0) & ~lacks_film


def _id(cell: str, most: int) -> Ints:
    number = int(cell or 0)
    if not 0 <= number <= most:
        raise ValueError(f"the id {number} is not between 0 and {most}")
    return np.array([number])
