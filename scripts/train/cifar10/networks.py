"""The eight networks for CIFAR-10, each as a list of layers.

The list is all there is: `Network` runs it in torch, export.py writes it as ONNX, one operator per layer. The names of
the layers are the names of the nodes in the file. Input [N,3,32,32], output "logits" [N,10].
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

CLASS_COUNT = 10


class Layer(NamedTuple):
    name: str
    op: str  # the ONNX operator
    inputs: list[str]
    options: dict[str, int | float]


class Plan:
    """Collects layers. Each method adds one, reading the layer `x`, and returns its name."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.auxiliary: str | None = None  # a second layer of logits, for training only
        self.channels = {"input": 3}

    def add(self, op: str, name: str, inputs: list[str], channels: int, **options: int | float) -> str:
        self.layers.append(Layer(name, op, inputs, options))
        self.channels[name] = channels
        return name

    def conv(self, x: str, name: str, out: int, kernel: int, stride: int = 1, bias: bool = False) -> str:
        """Padded so that only the stride changes the size."""
        shape = {"in_channels": self.channels[x], "out_channels": out, "kernel": kernel, "stride": stride}
        return self.add("Conv", name, [x], out, **shape, pad=kernel // 2, bias=bias)

    def norm(self, x: str, name: str) -> str:
        return self.add("BatchNormalization", name, [x], self.channels[x], width=self.channels[x])

    def relu(self, x: str, name: str) -> str:
        return self.add("Relu", name, [x], self.channels[x])

    def max_pool(self, x: str, name: str, kernel: int, stride: int, pad: int = 0) -> str:
        return self.add("MaxPool", name, [x], self.channels[x], kernel=kernel, stride=stride, pad=pad)

    def mean_pool(self, x: str, name: str) -> str:
        """The mean of each channel over the whole picture: [N,C,H,W] -> [N,C,1,1]."""
        return self.add("GlobalAveragePool", name, [x], self.channels[x])

    def flatten(self, x: str, name: str, positions: int = 1) -> str:
        return self.add("Flatten", name, [x], self.channels[x] * positions)

    def dropout(self, x: str, name: str, share: float) -> str:
        return self.add("Dropout", name, [x], self.channels[x], share=share)

    def linear(self, x: str, name: str, out: int) -> str:
        return self.add("Gemm", name, [x], out, in_features=self.channels[x], out_features=out)

    def plus(self, x: str, y: str, name: str) -> str:
        return self.add("Add", name, [x, y], self.channels[x])

    def concat(self, inputs: list[str], name: str) -> str:
        return self.add("Concat", name, inputs, sum(self.channels[x] for x in inputs))

    def unit(self, x: str, conv: str, out: int, kernel: int, stride: int = 1) -> str:
        """Convolution, batch norm, ReLU: "a.conv1" is followed by "a.bn1" and "a.relu1"."""
        y = self.norm(self.conv(x, conv, out, kernel, stride), conv.replace("conv", "bn"))
        return self.relu(y, conv.replace("conv", "relu"))


def alexnet(plan: Plan) -> None:
    """Krizhevsky et al. 2012: five convolutions, three overlapping pools, three fully connected layers with dropout.

    Slim; batch norm in place of the local response normalisation; first filters of 5x5 at stride 1 for small pictures.
    """
    x = plan.unit("input", "conv1", 32, 5)
    x = plan.max_pool(x, "pool1", 3, 2, 1)
    x = plan.unit(x, "conv2", 64, 5)
    x = plan.max_pool(x, "pool2", 3, 2, 1)
    x = plan.unit(x, "conv3", 128, 3)
    x = plan.unit(x, "conv4", 96, 3)
    x = plan.unit(x, "conv5", 96, 3)
    x = plan.max_pool(x, "pool5", 3, 2, 1)
    x = plan.flatten(x, "flatten", 4 * 4)
    for i in ("6", "7"):
        x = plan.relu(plan.linear(x, f"fc{i}", 256), f"relu{i}")
        x = plan.dropout(x, f"dropout{i}", 0.3)
    plan.linear(x, "logits", CLASS_COUNT)


def vgg16(plan: Plan) -> None:
    """Simonyan, Zisserman 2014, configuration D: thirteen convolutions of 3x3 in five blocks.

    Slim (32 to 112 channels for 64 to 512), with batch norm, the last pool a mean, one fully connected layer.
    """
    x = "input"
    for block, (out, count) in enumerate([(32, 2), (64, 2), (96, 3), (112, 3), (112, 3)], 1):
        for i in range(1, count + 1):
            x = plan.unit(x, f"block{block}.conv{i}", out, 3)
        x = plan.max_pool(x, f"block{block}.pool", 2, 2) if block < 5 else plan.mean_pool(x, "block5.pool")
    plan.linear(plan.flatten(x, "flatten"), "logits", CLASS_COUNT)


def residual(plan: Plan, blocks: int, shortcuts: bool) -> None:
    """He et al. 2015, section 4.2: 6 * blocks + 2 layers, 16, 32 and 64 filters; plain without the shortcuts.

    Where the size changes, the shortcut is a 1x1 convolution with batch norm (the paper's option B).
    """
    x = plan.unit("input", "conv1", 16, 3)
    for stage, out in enumerate((16, 32, 64), 1):
        for block in range(1, blocks + 1):
            name = f"stage{stage}.block{block}"
            stride = 2 if stage > 1 and block == 1 else 1
            y = plan.unit(x, f"{name}.conv1", out, 3, stride)
            y = plan.norm(plan.conv(y, f"{name}.conv2", out, 3), f"{name}.bn2")
            if shortcuts:
                if stride > 1:
                    x = plan.norm(plan.conv(x, f"{name}.shortcut", out, 1, stride), f"{name}.shortcut_bn")
                y = plan.plus(y, x, f"{name}.add")
            x = plan.relu(y, f"{name}.relu2")
    plan.linear(plan.flatten(plan.mean_pool(x, "pool"), "flatten"), "logits", CLASS_COUNT)


def nin(plan: Plan) -> None:
    """Lin, Chen, Yan 2013 (network in network): three blocks, each a convolution and two of 1x1; no connected layer.

    Slim (48 to 128 channels for 96 to 192), with batch norm; a 1x1 convolution per class and its mean are the logits.
    """
    x = "input"
    for block, (kernel, *widths) in enumerate([(5, 64, 64, 48), (5, 112, 112, 112), (3, 128, 128)], 1):
        for i, out in enumerate(widths, 1):
            x = plan.unit(x, f"block{block}.conv{i}", out, kernel if i == 1 else 1)
        if block < 3:
            x = plan.max_pool(x, f"block{block}.pool", 3, 2, 1)
            x = plan.dropout(x, f"block{block}.dropout", 0.1)
    x = plan.conv(x, "block3.conv3", CLASS_COUNT, 1, bias=True)
    plan.flatten(plan.mean_pool(x, "block3.pool"), "logits")


def inception(plan: Plan) -> None:
    """Szegedy et al. 2014 (GoogLeNet): modules of four branches, 1x1, 1x1-3x3, 1x1-5x5 and pool-1x1, in five modules
    for the paper's nine, with batch norm. One auxiliary head, after the third, for training only.
    """

    def module(x: str, name: str, one: int, reduce3: int, three: int, reduce5: int, five: int, pool: int) -> str:
        branches = [
            plan.unit(x, f"{name}.1x1.conv", one, 1),
            plan.unit(plan.unit(x, f"{name}.3x3.conv1", reduce3, 1), f"{name}.3x3.conv2", three, 3),
            plan.unit(plan.unit(x, f"{name}.5x5.conv1", reduce5, 1), f"{name}.5x5.conv2", five, 5),
            plan.unit(plan.max_pool(x, f"{name}.pool.pool", 3, 1, 1), f"{name}.pool.conv", pool, 1),
        ]
        return plan.concat(branches, f"{name}.concat")

    x = plan.unit("input", "conv1", 32, 3)
    x = plan.unit(x, "conv2", 48, 3)
    x = plan.max_pool(x, "pool2", 3, 2, 1)
    x = module(x, "inception3a", 16, 24, 32, 8, 16, 16)
    x = module(x, "inception3b", 32, 32, 64, 8, 24, 24)
    x = plan.max_pool(x, "pool3", 3, 2, 1)
    x = module(x, "inception4a", 48, 48, 96, 12, 32, 32)
    aux = plan.unit(plan.max_pool(x, "aux.pool", 2, 2), "aux.conv", 96, 1)
    aux = plan.flatten(plan.mean_pool(aux, "aux.mean"), "aux.flatten")
    plan.auxiliary = plan.linear(aux, "aux.logits", CLASS_COUNT)
    x = module(x, "inception4b", 64, 64, 128, 16, 48, 48)
    x = plan.max_pool(x, "pool4", 3, 2, 1)
    x = module(x, "inception5a", 96, 80, 144, 24, 48, 48)
    x = plan.dropout(plan.flatten(plan.mean_pool(x, "pool5"), "flatten"), "dropout", 0.1)
    plan.linear(x, "logits", CLASS_COUNT)


PLANS: dict[str, Callable[[Plan], None]] = {
    "alexnet": alexnet,
    "vgg16": vgg16,
    "plain20": lambda plan: residual(plan, 3, shortcuts=False),
    "resnet20": lambda plan: residual(plan, 3, shortcuts=True),
    "plain44": lambda plan: residual(plan, 7, shortcuts=False),
    "resnet44": lambda plan: residual(plan, 7, shortcuts=True),
    "nin": nin,
    "inception": inception,
}


def make_plan(name: str) -> Plan:
    plan = Plan()
    PLANS[name](plan)
    return plan


def make_module(layer: Layer) -> nn.Module | None:
    """The torch module of a layer that has weights or differs in training, else None."""
    o = layer.options
    if layer.op == "Conv":
        return nn.Conv2d(o["in_channels"], o["out_channels"], o["kernel"], o["stride"], o["pad"], bias=bool(o["bias"]))
    if layer.op == "BatchNormalization":
        return nn.BatchNorm2d(o["width"])
    if layer.op == "Gemm":
        return nn.Linear(o["in_features"], o["out_features"])
    if layer.op == "Dropout":
        return nn.Dropout(o["share"])
    return None


def run_layer(layer: Layer, x: list[torch.Tensor]) -> torch.Tensor:
    """The layers without weights."""
    o = layer.options
    match layer.op:
        case "Relu":
            return F.relu(x[0], inplace=True)  # its input is read by no other layer and needed by no gradient
        case "MaxPool":
            return F.max_pool2d(x[0], o["kernel"], o["stride"], o["pad"])
        case "GlobalAveragePool":
            return x[0].mean((2, 3), keepdim=True)
        case "Flatten":
            return x[0].flatten(1)
        case "Add":
            return x[0] + x[1]
        case "Concat":
            return torch.cat(x, 1)
    raise ValueError(f"no layer {layer.op}")


class Network(nn.Module):
    """A plan as a torch module: [N,3,H,W] -> logits [N,10]; in training, (logits, auxiliary logits or None)."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        made = {self.key(layer.name): make_module(layer) for layer in plan.layers}
        self.layers = nn.ModuleDict({key: module for key, module in made.items() if module is not None})
        for module in self.layers.values():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    @staticmethod
    def key(name: str) -> str:
        return name.replace(".", "/")  # torch allows no dot in a name

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor | None]:
        values = {"input": x}
        for layer in self.plan.layers:
            inputs = [values[name] for name in layer.inputs]
            key = self.key(layer.name)
            values[layer.name] = self.layers[key](inputs[0]) if key in self.layers else run_layer(layer, inputs)
        auxiliary = values[self.plan.auxiliary] if self.plan.auxiliary else None
        return (values["logits"], auxiliary) if self.training else values["logits"]


def used_layers(plan: Plan) -> list[Layer]:
    """The layers that the logits depend on: all but those of the auxiliary head."""
    needed, kept = {"logits"}, []
    for layer in reversed(plan.layers):
        if layer.name in needed:
            needed.update(layer.inputs)
            kept.append(layer)
    return kept[::-1]


def count(plan: Plan) -> tuple[int, int]:
    """Weights and biases (batch norm: scale and shift), and multiply-accumulates for one picture of 32x32."""
    network = Network(plan)
    used = {Network.key(layer.name) for layer in used_layers(plan)}
    macs = 0

    def add_macs(module: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal macs
        macs += module.weight.numel() * (output[0, 0].numel() if output.dim() == 4 else 1)

    parameters = 0
    for key, module in network.layers.items():
        if key in used:
            parameters += sum(p.numel() for p in module.parameters())
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.register_forward_hook(add_macs)
    network.eval()(torch.zeros(1, 3, 32, 32))
    return parameters, macs


def main() -> None:
    argparse.ArgumentParser(description="Prints parameters and multiply-accumulates of each network.").parse_args()
    for name in PLANS:
        parameters, macs = count(make_plan(name))
        print(f"{name:10} {parameters:9,} parameters {macs / 1e6:6.1f} M multiply-accumulates")


if __name__ == "__main__":
    main()
