"""Pictures as the networks see them, prepared with Pillow as the server does."""

from pathlib import Path

import numpy as np
from PIL import Image

MARGIN = 32  # The shorter side becomes the input's size and this much, before the centre is cut out.
MEAN, STD = 127, 128


def prepare(file: Path, size: int) -> np.ndarray:
    """The input for one picture, float32 [1,3,size,size]."""
    with Image.open(file) as opened:
        picture = opened.convert("RGB")
    short = min(picture.size)
    width, height = ((size + MARGIN) * side // short for side in picture.size)
    left, top = round((width - size) / 2), round((height - size) / 2)
    cropped = picture.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + size, top + size))
    values = (np.asarray(cropped, dtype=np.float32) - MEAN) / STD
    return values.transpose(2, 0, 1)[None]


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder in the order of their names."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in (".jpeg", ".jpg", ".png"))


def is_for_calibration(position: int) -> bool:
    """Every second picture is for calibration; accuracy is measured on the others."""
    return position % 2 == 0
