"""CIFAR-10 as tensors, from an archive of JPEG files (`cifar10/{train,test}/<class>/NNNN.jpg`).

Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. The classes in the order of the
alphabet are the classes in the order of the paper's page, so a label here is a line of models/labels/cifar10.txt.
"""

import argparse
import io
import tarfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
MEAN = (0.4914, 0.4822, 0.4465)  # of the training pictures in 0..1, red green blue
STD = (0.2470, 0.2435, 0.2616)
HELD_OUT = 2000  # training pictures that nothing is fitted on: every choice is made on these, none on the test set


def decode(archive: Path) -> dict[str, np.ndarray]:
    """Every picture of the archive: {train,test}_x uint8 [N,3,32,32], {train,test}_y int64 [N], sorted by path."""
    found: dict[str, list[tuple[str, int, np.ndarray]]] = {"train": [], "test": []}
    with tarfile.open(archive) as files:
        for file in files:
            if not file.name.endswith(".jpg"):
                continue
            split, name = file.name.split("/")[-3:-1]
            picture = Image.open(io.BytesIO(files.extractfile(file).read())).convert("RGB")
            found[split].append((file.name, CLASSES.index(name), np.asarray(picture).transpose(2, 0, 1)))
    arrays = {}
    for split, rows in found.items():
        rows.sort(key=lambda row: row[0])
        arrays[f"{split}_x"] = np.stack([row[2] for row in rows])
        arrays[f"{split}_y"] = np.array([row[1] for row in rows], dtype=np.int64)
    return arrays


def load(archive: Path, cache: Path | None, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """`split` is "train", "held_out" or "test". Returns pictures uint8 [N,3,32,32] and labels int64 [N].

    `cache` is an .npz of the decoded pictures, written when it is missing (decoding takes some ten seconds).
    """
    if cache and cache.exists():
        arrays = dict(np.load(cache))
    else:
        arrays = decode(archive)
        if cache:
            partial = cache.with_suffix(".partial.npz")
            np.savez(partial, **arrays)
            partial.replace(cache)
    if split == "test":
        return torch.from_numpy(arrays["test_x"]), torch.from_numpy(arrays["test_y"])
    # The pictures lie class by class: a fixed shuffle takes the held-out ones from all of them.
    order = np.random.default_rng(10).permutation(len(arrays["train_y"]))
    rows = order[:HELD_OUT] if split == "held_out" else order[HELD_OUT:]
    return torch.from_numpy(arrays["train_x"][rows]), torch.from_numpy(arrays["train_y"][rows])


def normalise(x: torch.Tensor) -> torch.Tensor:
    """uint8 or float [N,3,H,W] in 0..255 -> float [N,3,H,W], what the networks take (and the server makes)."""
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    return (x.float() / 255 - mean) / std


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two arguments that say where the pictures are."""
    parser.add_argument("--data", type=Path, required=True, help="the archive cifar10-jpeg.tar.xz")
    parser.add_argument("--cache", type=Path, help="an .npz of the decoded pictures; written when it is missing")


def main() -> None:
    parser = argparse.ArgumentParser(description="Decodes the archive and prints the mean and deviation of its colours.")
    add_arguments(parser)
    args = parser.parse_args()
    x, y = load(args.data, args.cache, "train")
    flat = x.double().div(255).transpose(0, 1).reshape(3, -1)
    print("pictures", len(y), "per class", torch.bincount(y).tolist())
    print("mean", flat.mean(1).tolist(), "std", flat.std(1).tolist())
    values, vectors = torch.linalg.eigh(torch.cov(flat))
    print("principal colours (columns)", vectors.tolist(), "deviations", values.sqrt().tolist())


if __name__ == "__main__":
    main()
