"""Pictures with patches of colour."""

from pathlib import Path

from tests.tasks.celeba_files import write_celeba

OPTIONS = {"side": 16, "channels": 2, "attributes": ["Bald", "Male", "Smiling", "Wearing_Hat", "Young"]}


def write(folder: Path) -> None:
    """60 pictures."""
    write_celeba(folder / "celeba", (40, 10, 10))
