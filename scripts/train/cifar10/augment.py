"""Random changes to a batch that leave the class as it is: crop, mirror, shift of the colours.

Sources: crops and mirroring as in He et al. 2015 (ResNet), section 4.2; the colour shift along the principal colours
as in Krizhevsky et al. 2012 (AlexNet), section 4.1.
"""

import torch
import torch.nn.functional as F

from data import STD

PAD = 4
# Principal colours of the training pictures (columns), each times its deviation; `python data.py` prints both.
PRINCIPAL = torch.tensor([[-0.4412, 0.7031, -0.5576], [0.8152, 0.0542, -0.5767], [-0.3753, -0.7090, -0.5971]])
PRINCIPAL = PRINCIPAL * torch.tensor([0.0514, 0.1119, 0.4146])


def pad(x: torch.Tensor) -> torch.Tensor:
    """uint8 [N,3,32,32] -> uint8 [N,40,40,3]: done once, so that a crop is a mere choice of rows and columns."""
    return F.pad(x, (PAD, PAD, PAD, PAD)).permute(0, 2, 3, 1).contiguous()


def crop_and_mirror(padded: torch.Tensor, size: int, generator: torch.Generator) -> torch.Tensor:
    """uint8 [N,40,40,3] -> uint8 [N,3,size,size] in channels-last order, each picture cut elsewhere, half mirrored.

    A crop of the full size may reach into the padding; a smaller one stays inside the picture.
    """
    n, height = padded.shape[:2]
    margin = 0 if size == height - 2 * PAD else PAD
    first = torch.randint(margin, height - size - margin + 1, (2, n, 1), generator=generator)
    rows, columns = first + torch.arange(size)
    mirrored = torch.rand(n, 1, generator=generator) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    picked = padded[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return picked.permute(0, 3, 1, 2)


def colour_shift(n: int, strength: float, generator: torch.Generator) -> torch.Tensor:
    """float [n,3,1,1] to add to normalised pictures: a random step along each principal colour."""
    amount = torch.randn(n, 3, generator=generator) * strength
    return (amount @ PRINCIPAL.T / torch.tensor(STD))[:, :, None, None]
