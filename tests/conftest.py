"""The library's shapes and types are checked while tests run; few threads and a seed for each make numbers repeat."""

from jaxtyping import install_import_hook

install_import_hook("balancers", "beartype.beartype")

import pytest  # noqa: E402 - the hook must stand before the first import of the library
import torch  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """What draws from torch's global generator draws the same whatever ran before."""
    torch.manual_seed(0)
