"""The three tables of MovieLens-100k with few ratings."""

from pathlib import Path

from tests.tasks.movielens_files import write_example, write_movielens

OPTIONS = {"churn_days": 5}
ANSWERS = {
    "click": r"\d+\.\d% \(the user rates this film in this session\)",
    "conversion": r"\d+\.\d% \(with 4 stars or more, if at all\)",
    "churn": r"\d+\.\d% \(and after this session nothing for 5 days\)",
}


def write(folder: Path) -> None:
    """60 users with some sessions each."""
    write_movielens(folder, users=60)


def given(folder: Path) -> str:
    """A known user and a film that is not known."""
    return write_example(folder / "own.csv")
