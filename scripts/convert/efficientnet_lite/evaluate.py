"""Accuracy and time of ONNX files of EfficientNet-Lite, one JSON line each.

Example: python scripts/convert/efficientnet_lite/evaluate.py out/efficientnet-lite0.onnx out/efficientnet-lite0-int8.onnx \\
             --pictures ../shared/assets/datasets/imagenet-sample-250
The name of a picture begins with the WordNet id of its class. The pictures that quantise.py calibrates on are counted apart.
"""

import argparse
import hashlib
import json
import os
import time
from pathlib import Path

# ONNX Runtime reports to its makers unless it finds this when it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime

from pictures import is_for_calibration, pictures_in, prepare

LABELS = Path(__file__).parents[3] / "models" / "labels" / "imagenet.txt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--pictures", type=Path, required=True)
    args = parser.parse_args()

    index_of = {line.split("\t")[0]: i for i, line in enumerate(LABELS.read_text().splitlines())}
    pictures = pictures_in(args.pictures)
    truth = np.array([index_of[file.name.split("_")[0]] for file in pictures])
    for_calibration = np.array([is_for_calibration(i) for i in range(len(pictures))])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    for file in args.files:
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        size = session.get_inputs()[0].shape[2]
        found, times = [], []
        for picture in pictures:
            x = prepare(picture, size)
            started = time.process_time()
            found.append(session.run(None, {"input": x})[0][0])
            times.append(time.process_time() - started)
        right = np.argmax(found, axis=1) == truth
        row = {
            "file": file.name,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "pictures": len(pictures),
            "top1": round(100 * right.mean(), 2),
            "top1_not_calibrated_on": round(100 * right[~for_calibration].mean(), 2),
            "cpu_ms": round(1000 * float(np.median(times)), 1),
        }
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
