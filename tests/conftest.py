"""Shapes and types of the library are checked while the tests run; threads are few so that numbers repeat."""

from jaxtyping import install_import_hook

install_import_hook("balancers", "beartype.beartype")

import torch  # noqa: E402 - the hook must stand before the first import of the library

torch.set_num_threads(1)
