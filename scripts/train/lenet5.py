"""Trains LeNet-5 on MNIST and writes it as ONNX.

Example: python scripts/train/lenet5.py --data path/to/mnist --out models/lenet5/lenet5.onnx
The folder must hold the four IDX files (gzipped or not). Needs torch, numpy and onnx.
"""

import argparse
import copy
import hashlib
import time
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from mnist import distort, load

MEAN, STD = 0.1307, 0.3081  # of the training pictures in 0..1
HELD_OUT = 5000  # the last training pictures: every choice is made on these, none on the test set


class LeNet5(nn.Module):
    """LeCun et al. 1998, section II.B, as taught today: average pooling, ReLU (the paper: tanh), full connections
    between the feature maps of the second convolution, softmax outside. [N,1,32,32] -> logits [N,10]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.avg_pool2d(F.relu(self.conv1(x)), 2)
        x = F.avg_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc3(F.relu(self.fc2(x)))


def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Percent of the pictures `x` (0..1) that are answered rightly."""
    model.eval()
    with torch.no_grad():
        right = sum((model((a - MEAN) / STD).argmax(1) == b).sum().item() for a, b in zip(x.split(1000), y.split(1000)))
    return 100 * right / len(y)


def to_onnx(model: LeNet5, path: Path) -> None:
    """Writes the graph node by node, so that the file does not depend on the version of an exporter."""
    tensors = [numpy_helper.from_array(np.ascontiguousarray(v.detach().numpy()), k) for k, v in model.state_dict().items()]

    def node(op: str, inputs: list[str], output: str, **attributes: object) -> onnx.NodeProto:
        return helper.make_node(op, inputs, [output], name=output, **attributes)

    nodes, last = [], "input"
    for i in ("1", "2"):
        nodes += [
            node("Conv", [last, f"conv{i}.weight", f"conv{i}.bias"], f"conv{i}", kernel_shape=[5, 5]),
            node("Relu", [f"conv{i}"], f"relu{i}"),
            node("AveragePool", [f"relu{i}"], f"pool{i}", kernel_shape=[2, 2], strides=[2, 2]),
        ]
        last = f"pool{i}"
    nodes.append(node("Flatten", [last], "flatten", axis=1))
    last = "flatten"
    for i, output in (("1", "fc1"), ("2", "fc2"), ("3", "logits")):
        nodes.append(node("Gemm", [last, f"fc{i}.weight", f"fc{i}.bias"], output, transB=1))
        last = output
        if output != "logits":
            last = f"relu_{output}"
            nodes.append(node("Relu", [output], last))
    graph = helper.make_graph(
        nodes,
        "lenet5",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 1, 32, 32])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        tensors,
    )
    proto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="menagerie scripts/train/lenet5.py"
    )
    onnx.checker.check_model(proto, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(proto.SerializeToString())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the four MNIST IDX files")
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file to write")
    parser.add_argument("--checkpoint", type=Path, help="written after every epoch; if it exists, training goes on from it")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=2e-3, help="peak of the one-cycle schedule of Adam")
    parser.add_argument("--seed", type=int, default=1998)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--test", action="store_true", help="measure the test set at the end; do this once")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(args.seed)

    x, y = load(args.data, "train")
    x_val, y_val, x, y = x[-HELD_OUT:], y[-HELD_OUT:], x[:-HELD_OUT], y[:-HELD_OUT]
    model = LeNet5()
    mean_model = copy.deepcopy(model)  # running mean of the weights: what is written in the end
    steps = args.epochs * (len(y) // args.batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=steps, pct_start=0.15)
    first = 0
    if args.checkpoint and args.checkpoint.exists():
        state = torch.load(args.checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        mean_model.load_state_dict(state["mean_model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        generator.set_state(state["generator"])
        first = state["epoch"]

    for epoch in range(first, args.epochs):
        started, total = time.monotonic(), 0.0
        model.train()
        order = torch.randperm(len(y), generator=generator)
        for rows in order.split(args.batch)[: len(y) // args.batch]:
            batch = (distort(x[rows], generator) - MEAN) / STD
            loss = F.cross_entropy(model(batch), y[rows], label_smoothing=0.02)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
            with torch.no_grad():
                for averaged, current in zip(mean_model.parameters(), model.parameters()):
                    averaged.lerp_(current, 0.002)
        print(
            f"epoch {epoch + 1}/{args.epochs} loss {total / (len(y) // args.batch):.4f} "
            f"val {accuracy(model, x_val, y_val):.2f} val of the mean {accuracy(mean_model, x_val, y_val):.2f} "
            f"{time.monotonic() - started:.0f} s",
            flush=True,
        )
        if args.checkpoint:
            state = {
                "model": model.state_dict(),
                "mean_model": mean_model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "generator": generator.get_state(),
                "epoch": epoch + 1,
            }
            torch.save(state, args.checkpoint.with_suffix(".partial"))
            args.checkpoint.with_suffix(".partial").replace(args.checkpoint)

    to_onnx(mean_model, args.out)
    print(f"{args.out}: {args.out.stat().st_size} bytes, sha256 {hashlib.sha256(args.out.read_bytes()).hexdigest()}")
    print(f"parameters {sum(p.numel() for p in mean_model.parameters())}")
    if args.test:
        print(f"test {accuracy(mean_model, *load(args.data, 't10k')):.2f}")


if __name__ == "__main__":
    main()
