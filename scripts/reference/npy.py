"""Writes .npy files with numpy, and what numpy says of the cosines between their rows.

The tests compare src/core/features with these. Needs numpy:

    python scripts/reference/npy.py tests/fixtures/npy
"""

import argparse
import json
from pathlib import Path

import numpy as np

SHAPES = [(5, 7), (3,), (0, 1280), (2, 3, 2, 2), (1000, 1)]


def values(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(20).standard_normal(shape, dtype=np.float32)


def cosines(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float64)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit @ unit.T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for shape in SHAPES:
        np.save(out / f"f4-{'x'.join(map(str, shape))}.npy", values(shape))
    np.save(out / "f8.npy", values((2, 3)).astype(np.float64))
    np.save(out / "big-endian.npy", values((2, 3)).astype(">f4"))
    np.save(out / "fortran.npy", np.asfortranarray(values((2, 3))))
    np.save(out / "fields.npy", np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))
    with open(out / "version-2.npy", "wb") as file:
        np.lib.format.write_array(file, values((5, 7)), version=(2, 0))
    rows = values((5, 7))
    reference = {
        "numpy": np.__version__,
        "shapes": [list(shape) for shape in SHAPES],
        "rows": [[float(value) for value in row] for row in rows],
        "cosines": [[float(value) for value in row] for row in cosines(rows)],
    }
    (out / "reference.json").write_text(json.dumps(reference) + "\n")


main()
