"""Writes what Pillow and numpy make of rotations, shears and colour shifts, and the first draws of xoshiro128**.

The tests compare src/core/pixels/augment.ts and src/core/random.ts with these answers. Needs Pillow and numpy:

    python scripts/reference/augment.py tests/fixtures/augment
"""

import argparse
import base64
import json
import math
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from pictures import synthetic

WIDTH, HEIGHT = 31, 23
CENTRE = (WIDTH / 2, HEIGHT / 2)
# Beyond the picture Pillow answers black; made larger by this much of its own edge, it answers what is wanted.
MARGIN = 64
ROTATIONS = [(7, CENTRE), (-15, CENTRE), (123.4, CENTRE), (30, (4, 20.5))]
SHEARS = [(-20, CENTRE), (12, (10, 3))]
ALPHAS = [[0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1], [-0.13, 0.21, 0.08], [3, -2, 1]]
SEEDS = [0, 1, 2024, 2**53 - 1, -7]


def affine(image: Image.Image, matrix: list[float], size: tuple[int, int]) -> Image.Image:
    return image.transform(size, Image.AFFINE, matrix, Image.BILINEAR)


def with_edges(inside: Image.Image, image: Image.Image, matrix: list[float]) -> str:
    """Pillow's own answer where it reads within the picture, elsewhere the same of the picture with a margin; base64."""
    mask = np.array(affine(Image.new("L", image.size, 255), matrix, inside.size)) == 255
    larger = Image.fromarray(np.pad(np.array(image), ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="edge"))
    a, b, c, d, e, f = matrix
    around = np.array(affine(larger, [a, b, c + MARGIN, d, e, f + MARGIN], inside.size))
    # The margin changes the last bits of positions, and so, where a fraction is dropped, now and then a level.
    assert np.abs(around[mask].astype(int) - np.array(inside)[mask]).max() <= 1
    return base64.b64encode(np.where(mask[..., None], np.array(inside), around).tobytes()).decode()


def rotations(image: Image.Image) -> list[dict]:
    cases = []
    for degrees, (x, y) in ROTATIONS:
        turned = image.rotate(degrees, Image.BILINEAR, center=(x, y))
        # Pillow's matrix, only to know where it leaves the picture.
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        matrix = [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y]
        cases.append({"degrees": degrees, "centre": {"x": x, "y": y}, "pixels": with_edges(turned, image, matrix)})
    return cases


def shears(image: Image.Image) -> list[dict]:
    cases = []
    for degrees, (x, y) in SHEARS:
        # torchvision's _get_inverse_affine_matrix of a shear [degrees, 0], written as a product of its parts
        to_centre, back = np.eye(3), np.eye(3)
        to_centre[:2, 2], back[:2, 2] = (-x, -y), (x, y)
        forward = back @ np.array([[1, -math.tan(math.radians(degrees)), 0], [0, 1, 0], [0, 0, 1]]) @ to_centre
        matrix = np.linalg.inv(forward)[:2].ravel().tolist()
        slanted = affine(image, matrix, image.size)
        cases.append({"degrees": degrees, "centre": {"x": x, "y": y}, "pixels": with_edges(slanted, image, matrix)})
    return cases


def any_affine(image: Image.Image) -> dict:
    """Flips, enlarges and moves at once, into an output of another size."""
    matrix, size = [-0.6, 0.25, 26.3, 0.1, 0.7, -3.2], (29, 40)
    pixels = with_edges(affine(image, matrix, size), image, matrix)
    return {"affine": matrix, "width": size[0], "height": size[1], "pixels": pixels}


def colour_shifts(picture: np.ndarray) -> list[dict]:
    values = np.array([0.2175, 0.0188, 0.0045])
    vectors = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])
    assert np.abs(vectors.T @ vectors - np.eye(3)).max() < 2e-4
    cases = []
    for alpha in ALPHAS:
        shift = vectors @ (np.array(alpha) * values) * 255
        pixels = np.rint(picture[:2] + shift).clip(0, 255).astype(np.uint8)
        cases.append({"alpha": alpha, "shift": shift.tolist(), "pixels": base64.b64encode(pixels.tobytes()).decode()})
    return cases


class Xoshiro128StarStar:
    """https://prng.di.unimi.it/xoshiro128starstar.c, seeded by https://prng.di.unimi.it/splitmix64.c"""

    def __init__(self, seed: int) -> None:
        self.s = []
        for i in (1, 2):
            z = (seed + i * 0x9E3779B97F4A7C15) % 2**64
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
            z ^= z >> 31
            self.s += [z % 2**32, z >> 32]

    def next(self) -> int:
        def rotl(x: int, k: int) -> int:
            return (x << k | x >> (32 - k)) % 2**32

        s = self.s
        result = rotl(s[1] * 5 % 2**32, 7) * 9 % 2**32
        t = s[1] << 9 & 0xFFFFFFFF
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 11)
        return result

    def normals(self) -> list[float]:
        """The next two, by Marsaglia's polar method."""
        while True:
            u, v = (self.next() / 2**31 - 1 for _ in range(2))
            square = u * u + v * v
            if 0 < square < 1:
                scale = math.sqrt(-2 * math.log(square) / square)
                return [u * scale, v * scale]


def random_draws(seed: int) -> dict:
    integers = Xoshiro128StarStar(seed)
    normals = Xoshiro128StarStar(seed)
    return {"seed": seed, "integers": [integers.next() for _ in range(6)],
            "normals": [*normals.normals(), *normals.normals()]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    picture = synthetic(WIDTH, HEIGHT)
    image = Image.fromarray(picture)
    reference = {"how": f"Pillow {PIL.__version__}, numpy {np.__version__}, scripts/reference/augment.py",
                 "width": WIDTH, "height": HEIGHT, "rotations": rotations(image), "shears": shears(image),
                 "affine": any_affine(image), "colours": colour_shifts(picture),
                 "random": [random_draws(seed) for seed in SEEDS]}
    (folder / "reference.json").write_text(json.dumps(reference, indent=1) + "\n")


if __name__ == "__main__":
    main()
