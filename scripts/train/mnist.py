"""The MNIST files as tensors, and distortions that make digits look like other people's.

Source of the file format: the MNIST page (LeCun, Cortes, Burges), "FILE FORMATS FOR THE MNIST DATABASE".
"""

import gzip
import math
from pathlib import Path

import torch
import torch.nn.functional as F


def read_idx(path: Path) -> torch.Tensor:
    """One IDX file of unsigned bytes, gzipped or not, as a uint8 tensor of the shape it states."""
    raw = path.read_bytes()
    data = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    if data[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    rank = data[3]
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank)]
    return torch.frombuffer(bytearray(data[4 + 4 * rank :]), dtype=torch.uint8).reshape(shape)


def load(folder: Path, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """`split` is "train" or "t10k". Returns pictures [N,1,32,32] float in 0..1 and labels [N] int64.

    The 28x28 pictures are padded with two rows and columns of zeros on each side, as LeNet-5's input is 32x32.
    """

    def find(kind: str) -> Path:
        found = sorted(folder.glob(f"{split}-{kind}-ubyte*"))
        if not found:
            raise FileNotFoundError(f"{folder}: no {split}-{kind}-ubyte[.gz]")
        return found[0]

    pictures = read_idx(find("images-idx3")).float().div_(255).unsqueeze(1)
    return F.pad(pictures, (2, 2, 2, 2)), read_idx(find("labels-idx1")).long()


def distort(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Distorts a batch [N,1,32,32]: a small affine map and an elastic one, then thicker or thinner strokes.

    One picture in eight is left alone. The rest are turned by up to 15 degrees, sheared, stretched by up to 12 % and
    shifted by up to 1.5 pixels; brightness is renewed so that the peak is 1, as the server's own preparation does.
    """
    n, _, height, width = x.shape

    def uniform(limit: float, *shape: int) -> torch.Tensor:
        return (torch.rand(n, *shape, generator=generator) * 2 - 1) * limit

    change = (torch.rand(n, generator=generator) > 1 / 8).float()
    angle, shear = uniform(math.radians(15)) * change, uniform(0.25) * change
    stretch_x, stretch_y = torch.exp(uniform(0.12) * change), torch.exp(uniform(0.12) * change)
    shift = uniform(1.5 * 2 / width, 2) * change[:, None]
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.stack(
        [
            torch.stack([cos * stretch_x, (shear * cos - sin) * stretch_x, shift[:, 0]], 1),
            torch.stack([sin * stretch_y, (shear * sin + cos) * stretch_y, shift[:, 1]], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    # Elastic: a coarse field of random arrows, smoothly interpolated; up to about 1.4 pixels.
    arrows = torch.randn(n, 2, 6, 6, generator=generator) * (0.045 * change)[:, None, None, None]
    grid = grid + F.interpolate(arrows, (height, width), mode="bicubic", align_corners=False).permute(0, 2, 3, 1)
    y = F.grid_sample(x, grid, align_corners=False)

    # Stroke thickness: blend with a dilated or an eroded copy (one in three each).
    kind = torch.rand(n, generator=generator)
    amount = torch.rand(n, generator=generator)
    thicker = (torch.where(kind < 1 / 3, amount, 0.0) * change)[:, None, None, None]
    thinner = (torch.where(kind > 2 / 3, amount * 0.8, 0.0) * change)[:, None, None, None]
    y = y + thicker * (F.max_pool2d(y, 3, 1, 1) - y)
    y = y + thinner * (-F.max_pool2d(-y, 3, 1, 1) - y)
    return y / y.amax((1, 2, 3), keepdim=True).clamp_min(0.05)
