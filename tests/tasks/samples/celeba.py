"""Pictures with patches of colour."""

from pathlib import Path

from tests.tasks.answers import likeliest
from tests.tasks.celeba_files import write_celeba

OPTIONS = {"side": 16, "channels": 2, "attributes": ["Bald", "Male", "Smiling", "Wearing_Hat", "Young"]}
ANSWERS = dict.fromkeys(OPTIONS["attributes"], likeliest(("yes", "no")))


def write(folder: Path) -> None:
    """60 pictures."""
    write_celeba(folder / "celeba", (40, 10, 10))


def given(folder: Path) -> str:
    """The first of the pictures."""
    return str(folder / "celeba" / "Img" / "img_align_celeba" / "000001.jpg")
