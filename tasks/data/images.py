"""Reading image files into tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def read_image(path: str | Path, size: tuple[int, int] | None = None) -> Tensor:
    """The colours (3, H, W), uint8, of an image file of any common format; resized to (H, W) if ``size`` is given.

    Raises:
        ValueError: there is no such file, or it is no image.
    """
    return _read(path, "RGB", size).movedim(-1, 0)


def read_grey(path: str | Path) -> Tensor:
    """The grey values (H, W), uint8, of an image file of any common format.

    Raises:
        ValueError: there is no such file, or it is no image.
    """
    return _read(path, "L")


def _read(file: str | Path, mode: str, size: tuple[int, int] | None = None) -> Tensor:
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - listing suites must not wait for it

    path = Path(file).expanduser()
    try:
        with Image.open(path) as opened:
            image = opened.convert(mode)
    except UnidentifiedImageError:
        raise ValueError(f"{path} is not an image; give the path of a JPEG or PNG file") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror or error}); give the path of an image") from None
    if size is not None:
        height, width = size
        image = image.resize((width, height), Image.Resampling.BILINEAR)  # averages where it shrinks
    return torch.from_numpy(np.array(image))
