"""Runs the last layers of an ONNX network in PyTorch, so that autograd gives the gradients by their weights."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper


def noise(seed: int, count: int) -> np.ndarray:
    """Numbers from 0 to 1 that JavaScript computes alike."""
    x = (np.arange(count, dtype=np.uint64) * 2654435761 + seed * 40503) % 2**32
    x ^= x >> 16
    x = x * 2246822519 % 2**32
    x ^= x >> 13
    return x / 2.0**32


def attributes(node: onnx.NodeProto) -> dict:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def windows(x: torch.Tensor, kernel: list[int], a: dict, fill: float = 0.0) -> tuple[torch.Tensor, list[int]]:
    """The input with its padding, also where ceil_mode lets the last window reach beyond, and the strides."""
    strides = a.get("strides", [1, 1])
    dilations = a.get("dilations", [1, 1])
    pads = list(a.get("pads", [0, 0, 0, 0]))
    if a.get("auto_pad") in (b"SAME_UPPER", b"SAME_LOWER"):
        for d in range(2):
            size = x.shape[2 + d]
            total = max(0, (-(-size // strides[d]) - 1) * strides[d] + (kernel[d] - 1) * dilations[d] + 1 - size)
            less, more = total // 2, total - total // 2
            pads[d], pads[2 + d] = (less, more) if a["auto_pad"] == b"SAME_UPPER" else (more, less)
    if a.get("ceil_mode", 0):
        for d in range(2):
            room = x.shape[2 + d] + pads[d] + pads[2 + d] - (kernel[d] - 1) * dilations[d] - 1
            pads[2 + d] += -room % strides[d]
    return F.pad(x, (pads[1], pads[3], pads[0], pads[2]), value=fill), strides


def average_pool(x: torch.Tensor, a: dict) -> torch.Tensor:
    kernel = a["kernel_shape"]
    padded, strides = windows(x, kernel, a)
    sums = F.avg_pool2d(padded, kernel, strides, divisor_override=1)
    if a.get("count_include_pad", 0):
        assert not a.get("ceil_mode", 0)
        return sums / (kernel[0] * kernel[1])
    ones, _ = windows(torch.ones_like(x[:1, :1]), kernel, a)
    return sums / F.avg_pool2d(ones, kernel, strides, divisor_override=1)


def batch_norm(x: torch.Tensor, w: list[torch.Tensor], a: dict) -> torch.Tensor:
    gamma, beta, mean, variance = w
    return F.batch_norm(x, mean, variance, gamma, beta, eps=a.get("epsilon", 1e-5))


def compute(node: onnx.NodeProto, x: list, rows: int = 1) -> object:
    """What a node computes of its inputs. `rows` is the number of pictures; files may state that it is 1."""
    a = attributes(node)
    match node.op_type:
        case "Conv":
            padded, strides = windows(x[0], list(x[1].shape[2:]), a)
            bias = x[2] if len(x) > 2 else None
            return F.conv2d(padded, x[1], bias, strides, 0, a.get("dilations", [1, 1]), a.get("group", 1))
        case "Gemm":
            product = x[0] @ (x[1].T if a.get("transB", 0) else x[1])
            return product * a.get("alpha", 1.0) + (x[2] * a.get("beta", 1.0) if len(x) > 2 else 0)
        case "MatMul":
            return x[0] @ x[1]
        case "BatchNormalization":
            return batch_norm(x[0], x[1:], a)
        case "Relu":
            return F.relu(x[0])
        case "Clip":
            low, high = (x[1].item(), x[2].item()) if len(x) > 2 else (a["min"], a["max"])
            return F.hardtanh(x[0], low, high)
        case "MaxPool":
            padded, strides = windows(x[0], a["kernel_shape"], a, -torch.inf)
            return F.max_pool2d(padded, a["kernel_shape"], strides)
        case "AveragePool":
            return average_pool(x[0], a)
        case "GlobalAveragePool":
            return x[0].mean((2, 3), keepdim=True)
        case "Flatten":
            return x[0].flatten(1)
        case "Reshape":
            shape = [int(v) for v in x[1]]
            return x[0].reshape([rows, *shape[1:]] if shape[0] == 1 else shape)
        case "Transpose":
            return x[0].permute(a["perm"])
        case "Concat":
            return torch.cat(x, a["axis"])
        case "Slice":
            index = [slice(None)] * x[0].dim()
            for start, end, axis, step in zip(*[[int(v) for v in t] for t in x[1:5]], strict=True):
                index[axis] = slice(start, end, step)
            return x[0][tuple(index)]
        case "Pad":
            pads = [int(v) for v in x[1]]
            rank = len(pads) // 2
            return F.pad(x[0], [v for d in reversed(range(rank)) for v in (pads[d], pads[rank + d])])
        case "Unsqueeze":
            for axis in a["axes"]:
                x[0] = x[0].unsqueeze(axis)
            return x[0]
        case "Add" | "Sum":
            return sum(x[1:], x[0])
        case "Mul":
            return x[0] * x[1]
        case "Dropout" | "Identity":
            return x[0]
        case "Cast":
            return x[0].double() if a["to"] == 1 else x[0].long()
        case "Gather":
            return x[0][x[1]]
        case "ConstantOfShape":
            return torch.full([int(v) for v in x[0]], float(numpy_helper.to_array(a["value"])[0]), dtype=torch.float64)
    raise NotImplementedError(node.op_type)


class Tail:
    """The layers from a tensor to the input of the classifier, with batch normalisation folded into convolutions."""

    def __init__(self, file: Path, start: str):
        graph = onnx.load(file).graph
        by_output = {name: node for node in graph.node for name in node.output}
        node = by_output[graph.output[0].name]
        while node.op_type not in ("Conv", "Gemm", "MatMul"):
            node = by_output[node.input[0]]
        self.start, self.end = start, node.input[0]
        stored = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
        self.constants = {k: v.double() if v.is_floating_point() else v for k, v in stored.items()}
        self.nodes: list[onnx.NodeProto] = []
        varying = {start}
        for node in graph.node:
            if any(name in varying for name in node.input):
                varying |= set(node.output)
                self.nodes.append(node)
            elif all(name in self.constants for name in node.input):
                self.constants[node.output[0]] = compute(node, [self.constants[name] for name in node.input])
        self.nodes = self._leading_to(self.end)
        self._fold()
        layers = [node for node in self.nodes if node.op_type in ("Conv", "Gemm", "MatMul")]
        self.trained = {
            node.output[0]: [f"tail/{self.names[node.output[0]]}.{role}" for role in ("weight", "bias")] for node in layers
        }
        self.weights: dict[str, torch.Tensor] = {}
        for node in layers:
            for trained, name in zip(self.trained[node.output[0]], node.input[1:], strict=False):
                self.weights[trained] = self.constants[name]

    def _leading_to(self, end: str) -> list[onnx.NodeProto]:
        needed, kept = {end}, []
        for node in reversed(self.nodes):
            if needed & set(node.output):
                kept.append(node)
                needed |= set(node.input)
        return kept[::-1]

    def _fold(self) -> None:
        """In double precision, rounded once."""
        self.names = {name: name for node in self.nodes for name in node.output}
        uses = [name for node in self.nodes for name in node.input]
        convolutions = {node.output[0]: node for node in self.nodes if node.op_type == "Conv"}
        for norm in [node for node in self.nodes if node.op_type == "BatchNormalization"]:
            conv = convolutions.get(norm.input[0])
            if conv is None or uses.count(norm.input[0]) != 1:
                continue
            gamma, beta, mean, variance = (self.constants[name] for name in norm.input[1:])
            scale = gamma / torch.sqrt(variance + attributes(norm).get("epsilon", 1e-5))
            weight, bias = (conv.input[0] + "->" + conv.output[0] + end for end in (".w", ".b"))
            old = self.constants[conv.input[2]] if len(conv.input) > 2 else 0
            self.constants[weight] = self.constants[conv.input[1]] * scale[:, None, None, None]
            self.constants[bias] = beta - mean * scale + old * scale
            self.names[norm.output[0]] = conv.output[0]
            conv.input[:] = [conv.input[0], weight, bias]
            conv.output[:] = norm.output
            self.nodes.remove(norm)

    def gradients(self, activations: np.ndarray, targets: np.ndarray, head: list[np.ndarray], dtype: torch.dtype) -> tuple:
        """The loss, and its gradient by every weight, at weights rounded to float32."""
        weights = self._leaves(head, dtype)
        loss, found = self._step(activations, targets, weights, dtype)()
        return loss.item(), dict(zip(weights, found, strict=True))

    def step(self, activations: np.ndarray, targets: np.ndarray, head: list[np.ndarray]) -> Callable[[], tuple]:
        """A training step in float32, to be timed."""
        dtype = torch.float32
        self.constants = {k: v.float() if v.is_floating_point() else v for k, v in self.constants.items()}
        return self._step(activations, targets, self._leaves(head, dtype), dtype)

    def _leaves(self, head: list[np.ndarray], dtype: torch.dtype) -> dict[str, torch.Tensor]:
        weights = {k: v.float().to(dtype).requires_grad_() for k, v in self.weights.items()}
        for name, values in zip(("head.weight", "head.bias"), head, strict=True):
            weights[name] = torch.from_numpy(values).float().to(dtype).requires_grad_()
        return weights

    def _step(self, activations: np.ndarray, targets: np.ndarray, weights: dict, dtype: torch.dtype) -> Callable[[], tuple]:
        x = torch.from_numpy(activations).float().to(dtype)
        goal = torch.from_numpy(targets).float().to(dtype)

        def run() -> tuple:
            loss = self.loss(x, goal, weights, dtype)
            return loss, torch.autograd.grad(loss, list(weights.values()))

        return run

    def loss(self, x: torch.Tensor, goal: torch.Tensor, weights: dict, dtype: torch.dtype) -> torch.Tensor:
        features = self.features(x, weights, dtype)
        logits = features @ weights["head.weight"].T + weights["head.bias"]
        return -(goal * F.log_softmax(logits, 1)).sum(1).mean()

    def features(self, x: torch.Tensor, weights: dict, dtype: torch.dtype) -> torch.Tensor:
        tensors = {self.start: x}
        for node in self.nodes:
            names = self.trained.get(node.output[0], [])
            inputs = []
            for i, name in enumerate(name for name in node.input if name):
                trained = names[i - 1] if 0 < i <= len(names) else None
                if name in tensors:
                    inputs.append(tensors[name])
                elif trained in weights:
                    inputs.append(weights[trained])
                else:
                    value = self.constants[name]
                    inputs.append(value.float().to(dtype) if value.is_floating_point() else value)
            tensors[node.output[0]] = compute(node, inputs, len(x))
        features = tensors[self.end]
        return features.mean((2, 3)) if features.dim() == 4 else features
