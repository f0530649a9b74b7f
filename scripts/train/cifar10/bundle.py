"""Copies the exported networks into the folder of models and writes their manifests.

Example: python scripts/train/cifar10/bundle.py --onnx exported --logs scripts/train/cifar10/logs --models models
Reads <id>.jsonl (train.py's lines, then evaluate.py's for each file that is kept) and <id>.onnx, <id>-int8.onnx.
"""

import argparse
import hashlib
import json
import shutil
from pathlib import Path

from data import MEAN, STD

GOLDEN = {"image": "airplane.png", "index": 0, "within": 1}
# id: title, family, paper, what the network is and where it differs from the paper
NETWORKS = {
    "cifar10-alexnet": (
        "AlexNet-style network for CIFAR-10",
        "alexnet",
        "Alex Krizhevsky, Ilya Sutskever, Geoffrey E. Hinton: ImageNet Classification with Deep Convolutional Neural "
        "Networks. NIPS 2012",
        "Five convolutions (32, 64, 128, 96 and 96 channels, the first two of 5x5), three overlapping pools, three fully "
        "connected layers (256, 256, 10) with dropout. Unlike the paper: slim, batch norm for local response "
        "normalisation, no groups.",
    ),
    "cifar10-vgg16": (
        "VGG-16-style network for CIFAR-10",
        "vgg",
        "Karen Simonyan, Andrew Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition. ICLR 2015. "
        "arXiv:1409.1556",
        "Thirteen convolutions of 3x3 in five blocks of 32, 64, 96, 112 and 112 channels. Unlike the paper: slim, with "
        "batch norm, the last pool a mean, one fully connected layer.",
    ),
    "cifar10-plain20": ("Plain-20 for CIFAR-10", "plain", "", "As ResNet-20 without the shortcuts."),
    "cifar10-resnet20": ("ResNet-20 for CIFAR-10", "resnet", "", "Shortcuts of 1x1 where the size changes (option B)."),
    "cifar10-plain44": ("Plain-44 for CIFAR-10", "plain", "", "As ResNet-44 without the shortcuts."),
    "cifar10-resnet44": ("ResNet-44 for CIFAR-10", "resnet", "", "Shortcuts of 1x1 where the size changes (option B)."),
    "cifar10-nin": (
        "Network in network for CIFAR-10",
        "nin",
        "Min Lin, Qiang Chen, Shuicheng Yan: Network In Network. ICLR 2014. arXiv:1312.4400",
        "Three blocks (5x5, 5x5, 3x3) of 64-64-48, 112-112-112 and 128-128-10 channels. Unlike the paper: slim, with "
        "batch norm, all pools but the last maxima.",
    ),
    "cifar10-inception": (
        "Inception-style network for CIFAR-10",
        "inception",
        "Christian Szegedy et al.: Going Deeper with Convolutions. CVPR 2015. arXiv:1409.4842",
        "Two convolutions, five modules of four branches (80 to 336 channels), a mean. The auxiliary head after the "
        "third module was for training only. Unlike the paper: slim, five modules for nine, batch norm, one head for two.",
    ),
}
RESNET_PAPER = (
    "Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: Deep Residual Learning for Image Recognition. CVPR 2016. "
    "arXiv:1512.03385"
)
RESNET_WIDTHS = " 16, 32 and 64 channels, as in section 4.2 of the paper."


def notes(words: str, final: dict, has_int8: bool) -> str:
    text = (
        f"{words} {final['parameters']:,} parameters. {final['epochs']} epochs on 48,000 training pictures, "
        f"{final['small_epochs']} of them on crops of {final['small']}x{final['small']}, seed {final['seed']}; choices "
        f"made on the other 2,000 ({final['held_out_top1']} %). top1: the 10,000 test pictures, as JPEG."
    )
    if has_int8:
        text += " int8: batch norms folded, static QDQ, calibrated on training pictures."
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--onnx", type=Path, required=True, help="folder with <id>.onnx and <id>-int8.onnx")
    parser.add_argument("--logs", type=Path, required=True, help="folder with <id>.jsonl")
    parser.add_argument("--models", type=Path, required=True, help="the folder to write <id>/ to")
    args = parser.parse_args()

    for name, (title, family, paper, words) in NETWORKS.items():
        log = args.logs / f"{name}.jsonl"
        if not log.exists():
            print(f"{name}: no log, left out")
            continue
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        final = next(row for row in rows if "network" in row)
        variants = {}
        for row in rows:
            if "file" not in row:
                continue
            data = (args.onnx / row["file"]).read_bytes()
            variants["int8" if row["file"].endswith("-int8.onnx") else "fp32"] = {
                "file": row["file"],
                "sha256": hashlib.sha256(data).hexdigest(),
                "bytes": len(data),
                "top1": row["test_top1"],
            }
            (args.models / name).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(args.onnx / row["file"], args.models / name / row["file"])
        manifest = {
            "$schema": "../manifest.schema.json",
            "id": name,
            "title": title,
            "family": family,
            "dataset": "CIFAR-10",
            "labels": "cifar10",
            "input": {"name": "input", "layout": "NCHW", "height": 32, "width": 32},
            "preprocess": {
                "resize": {"mode": "shorter_side", "size": 32, "filter": "bilinear", "padding": 1},
                "color": "RGB",
                "scale": 1 / 255,
                "mean": list(MEAN),
                "std": list(STD),
            },
            "output": {"name": "logits", "kind": "logits"},
            "batch": "dynamic",
            "macs": final["macs"],
            "variants": variants,
            "default_variant": "fp32",
            "license": "MIT",
            "source": "Trained for this project on CIFAR-10 (as JPEG) by scripts/train/cifar10",
            "paper": paper or RESNET_PAPER,
            "golden": GOLDEN,
            "notes": notes(words if paper else words + RESNET_WIDTHS, final, "int8" in variants),
        }
        (args.models / name / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
        print(f"{name}: {', '.join(variants)}")


if __name__ == "__main__":
    main()
