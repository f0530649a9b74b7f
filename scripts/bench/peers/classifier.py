"""What the Python services share: one network and the way of a picture through it, tuned, on one thread.

Pillow decodes, only what the network sees is resized, normalising is one multiplication and one addition, and ONNX Runtime computes
on one thread without spinning. Needs pillow, numpy and onnxruntime.
"""

import argparse
import io
import json
import os

import numpy as np
import onnxruntime
from PIL import Image

TOP = 5
# Services start processes that import them anew, and learn from here what to serve.
OPTIONS = "PEER_OPTIONS"


def numbers(text: str) -> list[float]:
    return [float(value) for value in text.split(",")]


def parse_options(description: str) -> argparse.Namespace:
    """The command line, which all services share. The processes started later find it in the environment."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", required=True, help="ONNX file")
    parser.add_argument("--input", default="input", help="its input")
    parser.add_argument("--size", type=int, default=224, help="pixels of a side of the input")
    parser.add_argument("--resize", type=int, default=256, help="pixels of the shorter side before the middle is cut out")
    parser.add_argument("--channels", type=int, default=3, help="3, or 1 for grey")
    parser.add_argument("--scale", type=float, default=1.0, help="(value * scale - mean) / std")
    parser.add_argument("--mean", type=numbers, default=[0.0, 0.0, 0.0])
    parser.add_argument("--std", type=numbers, default=[1.0, 1.0, 1.0])
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--folder", default=".", help="an empty one, for services that are told by files what to serve")
    options = parser.parse_args()
    os.environ[OPTIONS] = json.dumps(vars(options))
    return options


def given_options() -> argparse.Namespace:
    """The command line of the process that started this one."""
    return argparse.Namespace(**json.loads(os.environ[OPTIONS]))


class Classifier:
    """Answers pictures, one at a time."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        # (x * scale - mean) / std as one multiplication and one addition.
        std = np.array(options.std, np.float32).reshape(-1, 1, 1)
        self.factor = np.float32(options.scale) / std
        self.offset = -np.array(options.mean, np.float32).reshape(-1, 1, 1) / std
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        settings.inter_op_num_threads = 1
        settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        settings.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(options.model, settings, providers=["CPUExecutionProvider"])

    def preprocess(self, data: bytes) -> np.ndarray:
        """1 x channels x size x size."""
        size, channels = self.options.size, self.options.channels
        image = Image.open(io.BytesIO(data)).convert("L" if channels == 1 else "RGB")
        width, height = image.size
        scale = self.options.resize / min(width, height)
        resized = int(width * scale), int(height * scale)
        left, top = (round((side - size) / 2) for side in resized)
        across, down = width / resized[0], height / resized[1]
        # Only what the crop shows is resized; it differs from the whole picture, resized and cropped, by 1 of 255 at most.
        box = left * across, top * down, (left + size) * across, (top + size) * down
        pixels = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box))
        tensor = np.empty((1, channels, size, size), np.float32)
        planes = pixels.reshape(size, size, channels).transpose(2, 0, 1)
        np.multiply(planes, self.factor, out=tensor[0])
        tensor += self.offset
        return tensor

    def best(self, data: bytes) -> tuple[np.ndarray, np.ndarray]:
        """The classes with the highest scores, best first, and their scores."""
        logits = self.session.run(None, {self.options.input: self.preprocess(data)})[0].ravel()
        powers = np.exp(logits - logits.max())
        scores = powers / powers.sum()
        best = np.argsort(scores)[: -TOP - 1 : -1]
        return best, scores[best]

    def answer(self, data: bytes) -> dict[str, object]:
        """For JSON; with the process, so that whoever asks knows when all of them serve."""
        best = zip(*self.best(data), strict=True)
        return {
            "pid": os.getpid(),
            "predictions": [{"index": int(index), "score": float(score)} for index, score in best],
        }
