"""The past of a user and a film at a moment: sessions, and numbers about earlier ratings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data.movielens_ratings import GENRES, Films, Floats, Ints, Log

GAP = 3600  # seconds without a rating after which a user's session is over
SECONDS = 1 << 33  # more than any time has, so that group × SECONDS + time orders by group, then time
DAY, HOUR = 86_400, 3600
USUAL, PRIOR = 3.5, 5  # means of few ratings are drawn to the usual rating, as if PRIOR more of them had been given

CENTRES = (4.0, 3.5, 0.3, 0.6, 0.1, 2.7, 0.1, 0.0, 0.1, -1.8, 1.6)  # of the columns of `numbers`
SCALES = (1.3, 1.4, 0.6, 1.2, 0.7, 1.6, 0.4, 0.4, 0.4, 0.7, 1.1)


class Sessions(NamedTuple):
    """The session of every event of a log."""

    start: Ints  # (E,), when it begins
    end: Ints  # (E,), when its last rating is given
    next: Ints  # (E,), when the user's next one begins; SECONDS if none does
    last: NDArray[np.bool_]  # (E,), whether the event is the last of its session


class Moments(NamedTuple):
    """Moments of examples: a user, a film and a time."""

    user: Ints  # (N,)
    item: Ints  # (N,)
    time: Ints  # (N,)
    start: Ints  # (N,), of the session at hand


class History(NamedTuple):
    """The past at N moments, in plain units; a mean of no values is NaN."""

    ratings_before: Floats  # by the user
    ratings_in_session: Floats  # by the user, since the session at hand began
    sessions_before: Floats  # of the user, the one at hand not counted
    days_since_first: Floats  # since the user's first rating
    hours_since_latest: Floats  # since the user's latest rating
    mean_before: Floats  # of the user's ratings
    item_ratings_before: Floats  # of the film, by anybody
    item_mean_before: Floats
    genre_ratings_before: Floats  # by the user, in a genre of the film; mean over its genres
    genre_mean_before: Floats  # of those
    item_years: Floats  # since the film was released; NaN where that is not known


class Past:
    """Events in groups, with the count and the sum of the values of all events before a moment.

    "Before" is strict: events in the same second do not count.
    """

    def __init__(self, group: Ints, time: Ints, value: Ints | None = None) -> None:
        order = np.lexsort((time, group))
        self._keys = (group * SECONDS + time)[order]
        self._times = time[order]
        self._sums = np.concatenate([[0], np.cumsum((np.ones_like(time) if value is None else value)[order])])

    def count(self, group: Ints, time: Ints) -> Floats:
        """How many events of ``group`` (N,) came before ``time`` (N,)."""
        begin, end = self._span(group, time)
        return (end - begin).astype(np.float64)

    def sum(self, group: Ints, time: Ints) -> Floats:
        """The sum of the values of the same events."""
        begin, end = self._span(group, time)
        return (self._sums[end] - self._sums[begin]).astype(np.float64)

    def since(self, group: Ints, time: Ints, *, latest: bool) -> Floats:
        """Seconds since the first, or the latest, of the same events; 0 where there is none."""
        begin, end = self._span(group, time)
        chosen = self._times[np.clip(end - 1 if latest else begin, 0, len(self._times) - 1)]
        return np.where(end > begin, time - chosen, 0).astype(np.float64)

    def _span(self, group: Ints, time: Ints) -> tuple[Ints, Ints]:
        first = np.searchsorted(self._keys, group * SECONDS, side="left")
        return first, np.searchsorted(self._keys, group * SECONDS + time, side="left")


def sessions_of(log: Log) -> Sessions:
    """The session of every rating; two ratings of a user belong to one session if at most GAP seconds lie between."""
    order = np.lexsort((log.item, log.time, log.user))
    user, time = log.user[order], log.time[order]
    begins = np.concatenate([[True], (user[1:] != user[:-1]) | (time[1:] - time[:-1] > GAP)])
    ends = np.concatenate([begins[1:], [True]])
    number = np.cumsum(begins) - 1
    starts, stops, owner = time[begins], time[ends], user[begins]
    goes_on = np.concatenate([owner[1:] == owner[:-1], [False]])
    following = np.where(goes_on, np.concatenate([starts[1:], [0]]), SECONDS)
    back = np.argsort(order)
    return Sessions(starts[number][back], stops[number][back], following[number][back], ends[back])


def history_at(moments: Moments, log: Log, films: Films) -> History:
    """The past at every moment. Ratings in ``log`` at the moment or after it have no influence."""
    user, item, time, start = moments
    sessions = sessions_of(log)
    past_sessions = Past(log.user[sessions.last], sessions.end[sessions.last])
    of_user, of_item = Past(log.user, log.time, log.rating), Past(log.item, log.time, log.rating)
    in_genre, sum_in_genre = _genres(moments, log, films)
    ratings_before, year = of_user.count(user, time), films.year[item]
    return History(
        ratings_before=ratings_before,
        ratings_in_session=ratings_before - of_user.count(user, start),
        sessions_before=past_sessions.count(user, start),
        days_since_first=of_user.since(user, time, latest=False) / DAY,
        hours_since_latest=of_user.since(user, time, latest=True) / HOUR,
        mean_before=_ratio(of_user.sum(user, time), ratings_before),
        item_ratings_before=of_item.count(item, time),
        item_mean_before=_ratio(of_item.sum(item, time), of_item.count(item, time)),
        genre_ratings_before=_ratio(in_genre, films.genres[item].sum(1).astype(np.float64)),
        genre_mean_before=_ratio(sum_in_genre, in_genre),
        item_years=np.where(year > 0, _year_of(time) - year, np.nan),
    )


def numbers(history: History) -> NDArray[np.float32]:
    """A history as an encoder sees it, (N, 11): counts and times as logarithms, means drawn to the usual rating.

    Columns are shifted and scaled by fixed numbers, with which they are about standardised in MovieLens-100k.
    """
    h = history
    shares = np.log((h.genre_ratings_before + 1) / (h.ratings_before + len(GENRES)))
    columns = [
        *(np.log1p(values) for values in (h.ratings_before, h.ratings_in_session, h.sessions_before)),
        *(np.log1p(values) for values in (h.days_since_first, h.hours_since_latest, h.item_ratings_before)),
        _drawn(h.mean_before, h.ratings_before),
        _drawn(h.item_mean_before, h.item_ratings_before),
        _drawn(h.genre_mean_before, h.genre_ratings_before),
        shares,
        np.log1p(np.nan_to_num(h.item_years).clip(min=0)),
    ]
    return ((np.stack(columns, 1) - CENTRES) / SCALES).astype(np.float32)


def _genres(moments: Moments, log: Log, films: Films) -> tuple[Floats, Floats]:
    """Over all genres of a moment's film: how often its user rated that genre before, and the sum of these ratings."""
    event, genre = np.nonzero(films.genres[log.item])
    past = Past(log.user[event] * len(GENRES) + genre, log.time[event], log.rating[event])
    asked, genre = np.nonzero(films.genres[moments.item])
    group, time, size = moments.user[asked] * len(GENRES) + genre, moments.time[asked], len(moments.item)
    counts, sums = np.zeros(size), np.zeros(size)
    np.add.at(counts, asked, past.count(group, time))
    np.add.at(sums, asked, past.sum(group, time))
    return counts, sums


def _ratio(sums: Floats, counts: Floats) -> Floats:
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def _drawn(mean: Floats, count: Floats) -> Floats:
    """How far a mean is above the usual rating, the less the fewer ratings are behind it."""
    return np.nan_to_num(mean - USUAL) * count / (count + PRIOR)


def _year_of(time: Ints) -> Ints:
    return time.astype("datetime64[s]").astype("datetime64[Y]").astype(np.int64) + 1970
