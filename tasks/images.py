"""Image files as tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def read_image(given: str | Path, size: tuple[int, int] | None = None) -> Tensor:
    """The colours (3, H, W), uint8, of an image file of any common format; resized to (H, W) if ``size`` is given.

    Raises:
        ValueError: there is no such file, or it is no image.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - listing suites must not wait for it

    path = Path(given).expanduser()
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    except UnidentifiedImageError:
        raise ValueError(f"{path} is not an image; give the path of a JPEG or PNG file") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror or error}); give the path of an image") from None
    if size is not None:
        height, width = size
        image = image.resize((width, height), Image.Resampling.BILINEAR)  # averages where it shrinks
    return torch.from_numpy(np.array(image)).movedim(-1, 0)
