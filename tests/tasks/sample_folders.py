"""Folders in the exact form of data that no program can fetch, with enough in them to train on.

``python -m tests.tasks.sample_folders FOLDER``, then ``python -m benchmarks run --protocol
tests/tasks/sample_folders.toml --data FOLDER``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.tasks.celeba_files import write_celeba
from tests.tasks.dense_files import write_scenes
from tests.tasks.qm9_files import write_qm9


def write(folder: Path, share: float = 1.0) -> None:
    """Rooms, streets, pictures with patches of colour and molecules; a ``share`` of what there is for training."""

    def some(*counts: int) -> tuple[int, ...]:
        return tuple(round(share * count) for count in counts)

    train, test = some(320, 60)
    write_scenes(folder / "nyuv2", "label", 13, (train, test), (36, 72), normals=True)
    write_scenes(folder / "cityscapes", "label_7", 7, (train, test), (32, 64), normals=False)
    train, validation, test = some(1200, 200, 200)
    write_celeba(folder / "celeba", (train, validation, test))
    write_qm9(folder / "qm9", round(share * 1500), [7, 21])


if __name__ == "__main__":
    write(Path(sys.argv[1]))
