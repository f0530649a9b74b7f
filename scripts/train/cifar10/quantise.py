"""Writes an int8 variant of an exported network: static quantisation, QDQ, weights symmetric and per channel.

Example: python scripts/train/cifar10/quantise.py folded.onnx --data cifar10-jpeg.tar.xz --cache cifar10.npz \\
             --out cifar10-resnet20-int8.onnx
Start from a file written by export.py --fold: a convolution and its batch norm become one. The ranges of the
activations are those seen on training pictures.
"""

import argparse
import hashlib
import os
from pathlib import Path

# ONNX Runtime reports to its makers unless it finds this when it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from data import add_arguments, load, normalise


class Pictures(CalibrationDataReader):
    """Hands `count` training pictures to the calibration, in batches."""

    def __init__(self, args: argparse.Namespace) -> None:
        x, _ = load(args.data, args.cache, "train")
        self.batches = iter(normalise(x[: args.count]).split(100))

    def get_next(self) -> dict | None:
        batch = next(self.batches, None)
        return None if batch is None else {"input": batch.numpy()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folded", type=Path, help="an ONNX file written by export.py --fold")
    add_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file to write")
    parser.add_argument("--count", type=int, default=500, help="training pictures to calibrate on")
    parser.add_argument("--method", choices=["MinMax", "Entropy", "Percentile"], default="MinMax")
    parser.add_argument("--activations", choices=["QUInt8", "QInt8"], default="QUInt8")
    parser.add_argument(
        "--full-range",
        action="store_true",
        help="weights of 8 bits rather than 7: sums of products may then saturate on processors without VNNI",
    )
    args = parser.parse_args()

    args.out.parent.mkdir(parents=True, exist_ok=True)
    quantize_static(
        args.folded,
        args.out,
        Pictures(args),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        reduce_range=not args.full_range,
        activation_type=QuantType[args.activations],
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod[args.method],
    )
    digest = hashlib.sha256(args.out.read_bytes()).hexdigest()
    print(f"{args.out}: {args.out.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
