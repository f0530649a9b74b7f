"""Writes an int8 variant of a network that convert.py wrote: static quantisation, QDQ, weights symmetric and per channel.

Example: python scripts/convert/efficientnet_lite/quantise.py out/efficientnet-lite0-float.onnx \\
             --pictures ../shared/assets/datasets/imagenet-sample-250 --out out/efficientnet-lite0-int8.onnx
The ranges of the activations are those seen on every second picture in the order of the names: on 125 of 250.
"""

import argparse
import hashlib
import os
from pathlib import Path

import onnx

# ONNX Runtime reports to its makers unless it finds this when it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from pictures import is_for_calibration, pictures_in, prepare


class Pictures(CalibrationDataReader):
    """Hands the pictures to the calibration, one at a time."""

    def __init__(self, folder: Path, size: int) -> None:
        self.files = [file for i, file in enumerate(pictures_in(folder)) if is_for_calibration(i)]
        self.size = size
        self.rest = iter(self.files)

    def get_next(self) -> dict | None:
        file = next(self.rest, None)
        return None if file is None else {"input": prepare(file, self.size)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path, help="an ONNX file that convert.py wrote without --compact")
    parser.add_argument("--pictures", type=Path, required=True, help="folder of photographs of ImageNet's classes")
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file to write")
    parser.add_argument(
        "--full-range",
        action="store_true",
        help="weights of 8 bits rather than 7: sums of products may then saturate on processors without VNNI",
    )
    args = parser.parse_args()

    size = onnx.load(args.network).graph.input[0].type.tensor_type.shape.dim[2].dim_value
    pictures = Pictures(args.pictures, size)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    quantize_static(
        args.network,
        args.out,
        pictures,
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        reduce_range=not args.full_range,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
    )
    digest = hashlib.sha256(args.out.read_bytes()).hexdigest()
    print(f"{args.out}: calibrated on {len(pictures.files)} pictures, {args.out.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
