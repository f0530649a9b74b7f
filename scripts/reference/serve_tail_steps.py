"""Runs training steps of a network's last layers with PyTorch on one thread, when asked to.

scripts/measure/measure-tail-steps.mjs starts it and writes to its input, a line each: `step` answers with the milliseconds of CPU
time of a step; `compare FILE` with how far the gradients in a file, and PyTorch's own, are from double precision.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from onnx_in_torch import Tail, noise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--start", required=True, help="the tensor at which the network is cut")
    parser.add_argument("--dims", required=True, help="its dimensions without the batch, as 64x8x8")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--classes", type=int, required=True)
    o = parser.parse_args()
    torch.set_num_threads(1)
    tail = Tail(o.file, o.start)
    dims = [o.rows, *[int(size) for size in o.dims.split("x")]]
    activations = (noise(1, int(np.prod(dims))) * 3 - 1).reshape(dims)
    targets = noise(2, o.rows * o.classes).reshape(o.rows, o.classes)
    size = tail.features(torch.from_numpy(activations[:1]).double(), {}, torch.float64).shape[1]
    head = [(noise(3, o.classes * size) - 0.5).reshape(o.classes, size), noise(4, o.classes) - 0.5]
    step = tail.step(activations, targets, head)
    for line in sys.stdin:
        command, *rest = line.split(maxsplit=1)
        if command == "step":
            began = time.process_time()
            step()
            answer = round((time.process_time() - began) * 1000, 3)
        else:
            _, exact = tail.gradients(activations, targets, head, torch.float64)
            _, single = tail.gradients(activations, targets, head, torch.float32)
            answer = compare(exact, single, np.fromfile(rest[0].strip(), dtype="<f4"))
        print(json.dumps(answer), flush=True)


def compare(exact: dict, single: dict, other: np.ndarray) -> dict:
    """The largest error over all weights, of the largest gradient of the same weight; and the root of the sum of squares of all."""
    worst, squares = {"own": 0.0, "torch": 0.0}, {"own": 0.0, "torch": 0.0}
    total, at = 0.0, 0
    for name, gradient in exact.items():
        values = gradient.flatten()
        total += values.square().sum().item()
        found = {"own": torch.from_numpy(other[at : at + len(values)]).double(), "torch": single[name].flatten().double()}
        at += len(values)
        for who, theirs in found.items():
            worst[who] = max(worst[who], ((theirs - values).abs().max() / values.abs().max()).item())
            squares[who] += (theirs - values).square().sum().item()
    return {who: {"largest": float(f"{worst[who]:.3g}"), "relative_norm": float(f"{(squares[who] / total) ** 0.5:.3g}")} for who in worst}


if __name__ == "__main__":
    main()
