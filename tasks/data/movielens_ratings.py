"""MovieLens-100k: reading its ratings, users and films."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tasks.contract import DataUnavailableError
from tasks.data.sources import Distribution, data_folder, read_member

RECBOLE = Distribution(
    "recbole",
    "1.2.1",
    "recbole-1.2.1-py3-none-any.whl",
    "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
)
MEMBERS = "recbole/dataset_example/ml-100k"
FOLDER = "ml-100k"
USERS, ITEMS = 943, 1682  # ids begin at 1, so that 0 is free for an unknown user or film
GENDERS = ("F", "M")
OCCUPATIONS = (
    "administrator",
    "artist",
    "doctor",
    "educator",
    "engineer",
    "entertainment",
    "executive",
    "healthcare",
    "homemaker",
    "lawyer",
    "librarian",
    "marketing",
    "none",
    "other",
    "programmer",
    "retired",
    "salesman",
    "scientist",
    "student",
    "technician",
    "writer",
)
GENRES = (
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
T = TypeVar("T")


class Log(NamedTuple):
    """Ratings in the order of time; those of one second in that of users and items."""

    user: Ints  # (E,), 1 to USERS
    item: Ints  # (E,), 1 to ITEMS
    rating: Ints  # (E,), 1 to 5
    time: Ints  # (E,), seconds since 1970


class Users(NamedTuple):
    """Facts about users, by id; row 0 is nobody."""

    age: Ints  # years
    gender: Ints  # position in GENDERS
    occupation: Ints  # position in OCCUPATIONS


class Films(NamedTuple):
    """Facts about films, by id; row 0 is none."""

    year: Ints  # of release; 0: not known
    genres: NDArray[np.bool_]  # (ITEMS + 1, G)


def read_movielens(data: Path | None = None) -> tuple[Log, Users, Films]:
    """Ratings, users and films from ``ml-100k.inter``, ``.user`` and ``.item`` in the data folder, else from the wheel.

    Raises:
        DataUnavailableError: a file is missing or damaged; the message says which file goes where.
    """
    return _parsed("inter", parse_ratings, data), _parsed("user", parse_users, data), _parsed("item", parse_films, data)


def parse_ratings(text: str) -> Log:
    """Lines of user, item, rating and time, in any order.

    Raises:
        ValueError: a line has another form, or an id, rating or time that there is not.
    """
    table = np.array([[float(cell) for cell in row] for row in _rows(text, 4)]).astype(np.int64).reshape(-1, 4)
    for column, (name, low, high) in enumerate((("user", 1, USERS), ("item", 1, ITEMS), ("rating", 1, 5))):
        if not ((table[:, column] >= low) & (table[:, column] <= high)).all():
            raise ValueError(f"a {name} is not between {low} and {high}")
    if len(np.unique(table[:, :2], axis=0)) != len(table):
        raise ValueError("a user rates a film twice")
    user, item, rating, time = table.T
    order = np.lexsort((item, user, time))
    return Log(user[order], item[order], rating[order], time[order])


def parse_users(text: str) -> Users:
    """Lines of user, age, gender, occupation and zip code.

    Raises:
        ValueError: a line has another form, or a gender or an occupation that there is not.
    """
    users = Users(*(np.zeros(USERS + 1, np.int64) for _ in Users._fields))
    rows = _rows(text, 5)
    for number, (_, age, gender, occupation, _) in zip(_identities(rows, USERS), rows, strict=True):
        users.age[number] = int(age)
        users.gender[number] = GENDERS.index(gender)
        users.occupation[number] = OCCUPATIONS.index(occupation)
    return users


def parse_films(text: str) -> Films:
    """Lines of item, title, year (where known) and genres, separated by spaces.

    Raises:
        ValueError: a line has another form, or a genre that there is not.
    """
    films = Films(np.zeros(ITEMS + 1, np.int64), np.zeros((ITEMS + 1, len(GENRES)), np.bool_))
    rows = _rows(text, 4)
    for number, (_, _, year, genres) in zip(_identities(rows, ITEMS), rows, strict=True):
        films.year[number] = int(year) if year.isdigit() else 0
        films.genres[number] = genre_flags(genres.split())
    return films


def genre_flags(names: Sequence[str]) -> NDArray[np.bool_]:
    """Which of GENRES are named, (G,).

    Raises:
        ValueError: a name is none of them.
    """
    flags = np.zeros(len(GENRES), np.bool_)
    flags[[GENRES.index(name) for name in names]] = True
    return flags


def _parsed(ending: str, parse: Callable[[str], T], data: Path | None) -> T:
    name = f"{FOLDER}.{ending}"
    folder = data_folder(data)
    if folder is not None and (folder / FOLDER / name).is_file():
        folder /= FOLDER
    try:
        return parse(read_member(RECBOLE, f"{MEMBERS}/{name}", folder).decode())
    except ValueError as error:
        raise DataUnavailableError(
            f"{name} of MovieLens-100k cannot be read ({error}); {RECBOLE.how_to_replace(name)}"
        ) from None


def _rows(text: str, columns: int) -> list[list[str]]:
    """Cells of all lines but the first, which names the columns."""
    rows = [line.split("\t") for line in text.replace("\r", "").split("\n")[1:] if line]
    if not rows:
        raise ValueError("it has no lines")
    for row in rows:
        if len(row) != columns:
            raise ValueError(f"the line {row} has {len(row)} columns where {columns} were expected")
    return rows


def _identities(rows: Sequence[Sequence[str]], most: int) -> list[int]:
    """The ids in the first column, once it is known that there is every one up to ``most``."""
    numbers = [int(row[0]) for row in rows]
    if sorted(numbers) != list(range(1, most + 1)):
        raise ValueError(f"its ids are not those from 1 to {most}, each once")
    return numbers
