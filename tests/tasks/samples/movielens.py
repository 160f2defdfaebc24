"""The three tables of MovieLens-100k with few ratings."""

from pathlib import Path

from tests.tasks.movielens_files import write_movielens

OPTIONS = {"churn_days": 5}


def write(folder: Path) -> None:
    """60 users with some sessions each."""
    write_movielens(folder, users=60)
