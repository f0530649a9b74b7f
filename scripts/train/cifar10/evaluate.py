"""Measures exported networks: accuracy and mean cross-entropy, and time per picture against the first file.

Example: python scripts/train/cifar10/evaluate.py cifar10-resnet20.onnx cifar10-resnet20-int8.onnx \\
             --data cifar10-jpeg.tar.xz --cache cifar10.npz --split test
Prints a JSON line for each file. Times are medians at batch 1 on one thread, the files taking turns run by run, so that
other load on the machine slows all of them alike; `ratio` is the median time over that of the first file.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

# ONNX Runtime reports to its makers unless it finds this when it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F

from data import add_arguments, load, normalise


def open_session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def measure(session: onnxruntime.InferenceSession, x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Percent of the pictures (uint8) answered rightly and mean cross-entropy."""
    batches = normalise(x).split(100)
    logits = torch.cat([torch.from_numpy(session.run(None, {"input": batch.numpy()})[0]) for batch in batches])
    return 100 * (logits.argmax(1) == y).float().mean().item(), F.cross_entropy(logits, y).item()


def time_in_turns(sessions: list[onnxruntime.InferenceSession], x: np.ndarray, rounds: int) -> list[float]:
    """Median milliseconds of each session for `x`."""
    seconds: list[list[float]] = [[] for _ in sessions]
    for _ in range(rounds):
        for session, mine in zip(sessions, seconds):
            session.run(None, {"input": x})  # its weights into the cache, which the one before has filled
            started = time.perf_counter()
            session.run(None, {"input": x})
            mine.append(time.perf_counter() - started)
    return [1000 * statistics.median(mine) for mine in seconds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", help="ONNX files")
    add_arguments(parser)
    parser.add_argument("--split", choices=["held_out", "test"], default="held_out", help="test: only once, at the end")
    parser.add_argument("--rounds", type=int, default=300, help="timed runs of each file; 0 measures no times")
    args = parser.parse_args()

    x, y = load(args.data, args.cache, args.split)
    sessions = [open_session(path) for path in args.files]
    times = time_in_turns(sessions, normalise(x[:1]).numpy(), args.rounds) if args.rounds else None
    for i, (path, session) in enumerate(zip(args.files, sessions)):
        accuracy, loss = measure(session, x, y)
        row = {"file": path.name, "bytes": path.stat().st_size}
        row |= {f"{args.split}_top1": round(accuracy, 2), f"{args.split}_loss": round(loss, 4)}
        if times:
            row |= {"milliseconds": round(times[i], 3), "ratio": round(times[i] / times[0], 3)}
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
