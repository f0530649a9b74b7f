"""Writes what PyTorch's autograd makes of the gradients of networks' last layers.

tests/golden/tail-gradients.test.ts compares the training graphs with these answers. Needs PyTorch and onnx:

    python scripts/reference/tail_gradients.py --assets <folder of networks> tests/fixtures/tail-gradients
    npx biome check --write tests/fixtures/tail-gradients
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import torch

from onnx_in_torch import Tail, noise

ROWS, CLASSES, SAMPLES = 3, 5, 32
# File, depth, and where the network is cut; files of models/ are bundled.
CASES = [
    ("models/cifar10-resnet20/cifar10-resnet20.onnx", "stage", "stage2.block3.relu2", [32, 16, 16]),
    ("models/cifar10-inception/cifar10-inception.onnx", "stage", "pool4", [288, 4, 4]),
    ("models/cifar10-nin/cifar10-nin.onnx", "stage", "block2.pool", [112, 8, 8]),
    ("models/cifar10-alexnet/cifar10-alexnet.onnx", "stage", "flatten", [1536]),
    ("models/efficientnet-lite0/efficientnet-lite0.onnx", "last-block", "stage6.4.add", [192, 7, 7]),
    ("models/efficientnet-lite0/efficientnet-lite0.onnx", "stage", "stage5.3.add", [112, 14, 14]),
    ("models/cifar10-resnet20.onnx", "stage", "t34", [32, 16, 16]),
    ("models/mnist-12.onnx", "stage", "Pooling66_Output_0", [8, 14, 14]),
    ("models/mobilenetv2.onnx", "stage", "t73", [96, 14, 14]),
    ("models/resnet18.onnx", "last-block", "t126", [512, 7, 7]),
    ("models/squeezenet1.1.onnx", "last-block", "t54", [512, 13, 13]),
    ("onnx-light/densenet121.onnx", "last-block", "r886", [992, 7, 7]),
    ("onnx-light/inception_v1.onnx", "last-block", "r123", [832, 6, 6]),
    ("onnx-light/inception_v2.onnx", "last-block", "r453", [1024, 7, 7]),
    ("onnx-light/shufflenet.onnx", "stage", "r149", [272, 14, 14]),
]


def number(value: float) -> float:
    return float(f"{value:.7g}")


def reference(file: Path, start: str, dims: list[int]) -> dict:
    tail = Tail(file, start)
    activations = (noise(1, ROWS * int(np.prod(dims))) * 3 - 1).reshape(ROWS, *dims)
    targets = noise(2, ROWS * CLASSES).reshape(ROWS, CLASSES)
    size = tail.features(torch.from_numpy(activations), {}, torch.float64).shape[1]
    head = [(noise(3, CLASSES * size) - 0.5).reshape(CLASSES, size), noise(4, CLASSES) - 0.5]
    loss, exact = tail.gradients(activations, targets, head, torch.float64)
    weights = {}
    for seed, (name, gradient) in enumerate(exact.items()):
        values = gradient.flatten()
        places = np.unique((noise(100 + seed, SAMPLES) * len(values)).astype(int))
        weights[name] = {
            "dims": list(gradient.shape),
            "largest": number(values.abs().max().item()),
            "norm": number(values.norm().item()),
            "places": places.tolist(),
            "values": [number(v) for v in values[places].tolist()],
        }
    return {"loss": number(loss), "size": size, "weights": weights}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    root = Path(__file__).parents[2]
    for file, depth, start, dims in CASES:
        bundled = (root / file).exists()
        answers = reference((root if bundled else options.assets) / file, start, dims)
        name = f"{'' if bundled else 'assets-'}{Path(file).stem}-{depth}.json"
        about = {"made_with": f"PyTorch {torch.__version__}, onnx {onnx.__version__}", "file": file, "bundled": bundled}
        about |= {"depth": depth, "tensor": start, "dims": dims, "rows": ROWS, "classes": CLASSES}
        text = json.dumps(about | answers, separators=(",", ":"))
        (options.folder / name).write_text(text + "\n")
        print(name, len(text))


if __name__ == "__main__":
    main()
