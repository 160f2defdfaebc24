"""Small tables in the form of those of MovieLens-100k."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from tasks.data.movielens_histories import History
from tasks.data.movielens_ratings import GENDERS, GENRES, ITEMS, OCCUPATIONS, USERS

START = 875_000_000
DAY = 86_400
FACTS = {"user": "5", "item": "", "age": "30", "gender": "F", "occupation": "writer", "genres": "Drama War"}


def ratings(users: int) -> list[tuple[int, int, int, int]]:
    """Users who rate four films a session in one to eight sessions, some days apart, within about half a year."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(1, users + 1):
        items = iter(rng.permutation(ITEMS)[:32] + 1)
        time = START + int(rng.integers(0, 150 * DAY))
        for _ in range(int(rng.integers(1, 9))):
            rows += [(user, int(next(items)), int(rng.integers(1, 6)), time + 60 * number) for number in range(4)]
            time += int(rng.integers(DAY, 12 * DAY))
    return [rows[position] for position in rng.permutation(len(rows))]


def write_movielens(folder: Path, users: int = 60) -> None:
    """All three tables."""
    write_ratings(folder, ratings(users))
    people = [
        f"{user}\t{7 + user % 60}\t{GENDERS[user % 2]}\t{OCCUPATIONS[user % len(OCCUPATIONS)]}\t12345"
        for user in range(1, USERS + 1)
    ]
    films = [
        f"{item}\tFilm {item}\t{1950 + item % 49}\t{GENRES[item % len(GENRES)]} {GENRES[(item + 5) % len(GENRES)]}"
        for item in range(1, ITEMS + 1)
    ]
    _write(folder, "user", ["user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token", *people])
    _write(folder, "item", ["item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq", *films])


def write_ratings(folder: Path, rows: list[tuple[int, int, int, int]]) -> None:
    """The table of ratings: rows of user, item, rating and time."""
    header = "user_id:token\titem_id:token\trating:float\ttimestamp:float"
    _write(folder, "inter", [header, *("\t".join(map(str, row)) for row in rows)])


def write_example(file: Path, **cells: str) -> str:
    """A CSV file with one example of one's own, which has some other ``cells``; its path."""
    row = FACTS | dict.fromkeys(History._fields, "1") | {"mean_before": "", "item_years": ""} | cells
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, row)
        writer.writeheader()
        writer.writerow(row)
    return str(file)


def _write(folder: Path, ending: str, lines: list[str]) -> None:
    (folder / f"ml-100k.{ending}").write_text("\n".join(lines) + "\n")
