"""A folder with a tiny BERT, for the tests of the networks that contain one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tasks.files import write_tiny_bert


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a tiny model."""
    folder = tmp_path_factory.mktemp("data")
    write_tiny_bert(folder / "model")
    return folder
