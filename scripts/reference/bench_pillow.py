"""The Pillow side of scripts/measure/bench-preprocess.mjs, which starts it: `python bench_pillow.py FOLDER`.

Reads a JSON list of file names, then for each further line prepares all of them once and prints, as a line of JSON, the
milliseconds a picture that each step took. Needs Pillow and numpy.
"""

import io
import json
import sys
import time
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from pictures import centre_crop

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def normalise(crop: np.ndarray) -> np.ndarray:
    """height x width x 3, u8, to 3 x height x width, f32."""
    return np.ascontiguousarray(((crop.astype(np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1))


def clocks() -> np.ndarray:
    return np.array([time.process_time(), time.perf_counter()]) * 1000


def run(pictures: list[bytes]) -> dict[str, np.ndarray]:
    totals = {step: np.zeros(2) for step in ("decode", "resize and crop", "normalise", "all")}
    for data in pictures:
        start = clocks()
        image = Image.open(io.BytesIO(data)).convert("RGB")
        decoded = clocks()
        crop = np.asarray(centre_crop(image, 256, 224, Image.BILINEAR))
        cropped = clocks()
        normalise(crop)
        end = clocks()
        totals["decode"] += decoded - start
        totals["resize and crop"] += cropped - decoded
        totals["normalise"] += end - cropped
        totals["all"] += end - start
    return {step: total / len(pictures) for step, total in totals.items()}


def main() -> None:
    folder = Path(sys.argv[1])
    pictures = [(folder / name).read_bytes() for name in json.loads(sys.stdin.readline())]
    for _ in sys.stdin:
        steps = {step: {"cpu": cpu, "wall": wall} for step, (cpu, wall) in run(pictures).items()}
        print(json.dumps({"version": f"Pillow {PIL.__version__}", **steps}), flush=True)


if __name__ == "__main__":
    main()
