"""Writes a trained network as ONNX, node by node, so that the file does not depend on the version of an exporter.

Example: python scripts/train/cifar10/export.py --checkpoint resnet20.pt --out cifar10-resnet20.onnx resnet20
One operator per layer, each node named as its output; input "input" [N,3,32,32], output "logits" [N,10], N free.
--fold writes each batch norm into the convolution before it, which is what quantise.py starts from.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from networks import CLASS_COUNT, PLANS, Layer, Network, make_plan, used_layers


def load_network(name: str, checkpoint: Path) -> Network:
    network = Network(make_plan(name))
    network.load_state_dict(torch.load(checkpoint, weights_only=True)["network"])
    return network.eval()


def attributes(layer: Layer) -> dict[str, object]:
    o = layer.options
    match layer.op:
        case "Conv" | "MaxPool":
            sides = {"kernel_shape": [o["kernel"]] * 2, "strides": [o["stride"]] * 2}
            return {**sides, "pads": [o["pad"]] * 4} if o["pad"] else sides
        case "Flatten" | "Concat":
            return {"axis": 1}
        case "Gemm":
            return {"transB": 1}
        case "BatchNormalization":
            return {"epsilon": nn.BatchNorm2d(1).eps}
    return {}


def weights(module: nn.Module) -> dict[str, np.ndarray]:
    """The tensors of a layer in the order in which its ONNX operator reads them."""
    wanted = ("weight", "bias", "running_mean", "running_var")
    tensors = {key: getattr(module, key, None) for key in wanted}
    return {key: np.ascontiguousarray(t.detach().float().numpy()) for key, t in tensors.items() if t is not None}


def folded(conv: nn.Module, norm: nn.Module) -> dict[str, np.ndarray]:
    """Weight and bias of the convolution that computes what `conv` (without bias) and `norm` do."""
    factor = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    weight = conv.weight.double() * factor[:, None, None, None]
    bias = norm.bias.double() - norm.running_mean.double() * factor
    return {k: np.ascontiguousarray(t.detach().float().numpy()) for k, t in (("weight", weight), ("bias", bias))}


def to_onnx(network: Network, name: str, fold: bool = False) -> onnx.ModelProto:
    layers = used_layers(network.plan)
    norm_after = {layer.inputs[0]: layer.name for layer in layers if layer.op == "BatchNormalization"} if fold else {}
    same_as: dict[str, str] = {}  # layers left out, and the layer whose output stands for theirs
    nodes, tensors = [], []
    for layer in layers:
        if layer.op == "Dropout" or layer.name in norm_after.values():
            same_as[layer.name] = same_as.get(layer.inputs[0], layer.inputs[0])
            continue
        inputs = [same_as.get(x, x) for x in layer.inputs]
        key = Network.key(layer.name)
        if key in network.layers:
            module = network.layers[key]
            norm = norm_after.get(layer.name)
            values = folded(module, network.layers[Network.key(norm)]) if norm else weights(module)
            tensors += [numpy_helper.from_array(value, f"{layer.name}.{k}") for k, value in values.items()]
            inputs += [f"{layer.name}.{k}" for k in values]
        nodes.append(helper.make_node(layer.op, inputs, [layer.name], name=layer.name, **attributes(layer)))
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASS_COUNT])],
        tensors,
    )
    proto = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="menagerie scripts/train/cifar10/export.py",
    )
    onnx.checker.check_model(proto, full_check=True)
    return proto


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=PLANS)
    parser.add_argument("--checkpoint", type=Path, required=True, help="written by train.py")
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file to write")
    parser.add_argument("--fold", action="store_true", help="fold the batch norms into the convolutions")
    args = parser.parse_args()

    network = load_network(args.network, args.checkpoint)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(to_onnx(network, f"cifar10-{args.network}", args.fold).SerializeToString())
    digest = hashlib.sha256(args.out.read_bytes()).hexdigest()
    print(f"{args.out}: {args.out.stat().st_size} bytes, sha256 {digest}")

    # The file against the network it was written from.
    import onnxruntime

    session = onnxruntime.InferenceSession(args.out, providers=["CPUExecutionProvider"])
    x = torch.randn(64, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = network(x).numpy()
    difference = np.abs(session.run(None, {"input": x.numpy()})[0] - expected).max()
    print(f"largest difference to torch {difference:.2g}")
    if difference > 1e-3:
        raise SystemExit("the file does not compute what the network does")


if __name__ == "__main__":
    main()
