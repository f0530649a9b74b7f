"""Trains one of the networks on CIFAR-10 and writes a checkpoint and a log.

Example: python scripts/train/cifar10/train.py resnet20 --data cifar10-jpeg.tar.xz --cache cifar10.npz \\
             --checkpoint resnet20.pt --log resnet20.jsonl
SGD with Nesterov momentum under a one-cycle schedule, bf16 arithmetic with float32 weights. The first epochs see small
crops (all heads but one take any size), the rest the whole picture; the cost of a step grows with the area.
The log holds a JSON line for each epoch and, with --test, a last one with the final figures.
Started again with the same arguments, it goes on after the last whole epoch. --start begins a further cycle with the
weights of an earlier one, from its checkpoint or from the ONNX file in the folder of models; the log and the count of
epochs then go on from those of that one.
"""

import argparse
import json
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from augment import colour_shift, crop_and_mirror, pad
from data import add_arguments, load, normalise
from networks import PLANS, Network, count, make_plan

SIZE = 32


def measure(network: Network, x: torch.Tensor, y: torch.Tensor, fast: bool) -> tuple[float, float]:
    """Percent of the pictures (uint8) answered rightly and mean cross-entropy; `fast` computes in bf16."""
    network.eval()
    right, loss = 0, 0.0
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=fast):
        for pictures, labels in zip(x.split(500), y.split(500)):
            logits = network(normalise(pictures).contiguous(memory_format=torch.channels_last)).float()
            right += (logits.argmax(1) == labels).sum().item()
            loss += F.cross_entropy(logits, labels, reduction="sum").item()
    return 100 * right / len(y), loss / len(y)


def load_earlier(network: Network, file: Path) -> list[dict]:
    """Gives the network the weights of an earlier cycle and returns the log's rows for its epochs.

    A checkpoint has the rows; those of an ONNX file stand in logs/. The file lacks the auxiliary head, which starts anew.
    """
    if file.suffix != ".onnx":
        state = torch.load(file, weights_only=True)
        network.load_state_dict(state["network"])
        return state.get("earlier", []) + state["rows"]
    import onnx

    values = network.state_dict()
    for tensor in onnx.load(file).graph.initializer:
        layer, kind = tensor.name.rsplit(".", 1)
        values[f"layers.{Network.key(layer)}.{kind}"].copy_(torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy()))
    rows = map(json.loads, (Path(__file__).parent / "logs" / f"{file.stem}.jsonl").read_text().splitlines())
    return [row for row in rows if "epoch" in row]


def parameter_groups(network: Network, weight_decay: float) -> list[dict]:
    """Decay for the weights of convolutions and connected layers; none for biases and batch norm."""
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0},
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=PLANS)
    add_arguments(parser)
    parser.add_argument("--checkpoint", type=Path, required=True, help="written after every epoch; resumed if it exists")
    parser.add_argument("--log", type=Path, required=True, help="JSON lines")
    parser.add_argument("--start", type=Path, help="an earlier checkpoint or ONNX file, to begin with its weights")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--small-epochs", type=int, default=10, help="the first epochs, on small crops")
    parser.add_argument("--small", type=int, default=24, help="side of the small crops; alexnet: 26 at least")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--lr", type=float, default=0.3, help="peak of the one-cycle schedule")
    parser.add_argument("--weight-decay", type=float, default=5e-4)
    parser.add_argument("--auxiliary", type=float, default=0.3, help="weight of the auxiliary head's loss (GoogLeNet: 0.3)")
    parser.add_argument("--smoothing", type=float, default=0.0, help="label smoothing (Szegedy et al. 2015: 0.1)")
    parser.add_argument("--colour", type=float, default=0.1, help="deviation of the colour shift (AlexNet: 0.1)")
    parser.add_argument("--seed", type=int, default=2012)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--test", action="store_true", help="measure the test set at the end; do this once")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(args.seed)

    x, y = load(args.data, args.cache, "train")
    x_held, y_held = load(args.data, args.cache, "held_out")
    x = pad(x)
    plan = make_plan(args.network)
    network = Network(plan).to(memory_format=torch.channels_last)
    per_epoch = len(y) // args.batch
    optimizer = torch.optim.SGD(parameter_groups(network, args.weight_decay), lr=args.lr, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, args.lr, total_steps=args.epochs * per_epoch, pct_start=0.2, cycle_momentum=False
    )
    rows: list[dict] = []  # of this cycle
    earlier: list[dict] = []  # of the cycles before
    if args.start and not args.checkpoint.exists():
        earlier = load_earlier(network, args.start)
    if args.checkpoint.exists():
        state = torch.load(args.checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        generator.set_state(state["generator"])
        torch.set_rng_state(state["dropout"])
        rows, earlier = state["rows"], state.get("earlier", [])

    for epoch in range(len(rows) + 1, args.epochs + 1):
        started, total = time.monotonic(), 0.0
        size = args.small if epoch <= args.small_epochs else SIZE
        network.train()
        for picked in torch.randperm(len(y), generator=generator)[: per_epoch * args.batch].split(args.batch):
            batch = normalise(crop_and_mirror(x[picked], size, generator))
            batch += colour_shift(len(batch), args.colour, generator)
            with torch.autocast("cpu", torch.bfloat16):
                logits, auxiliary = network(batch)
            loss = F.cross_entropy(logits.float(), y[picked], label_smoothing=args.smoothing)
            total += F.cross_entropy(logits.detach().float(), y[picked]).item()  # what the other losses are compared with
            if auxiliary is not None:
                loss = loss + args.auxiliary * F.cross_entropy(auxiliary.float(), y[picked])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        accuracy, held_loss = measure(network, x_held, y_held, fast=True)
        rows.append(
            {
                "epoch": len(earlier) + epoch,
                "size": size,
                "train_loss": round(total / per_epoch, 4),
                "held_out_top1": round(accuracy, 2),
                "held_out_loss": round(held_loss, 4),
                "seconds": round(time.monotonic() - started, 1),
            }
        )
        print(json.dumps(rows[-1]), flush=True)
        args.log.write_text("".join(json.dumps(row) + "\n" for row in earlier + rows))
        state = {
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "generator": generator.get_state(),
            "dropout": torch.get_rng_state(),
            "rows": rows,
            "earlier": earlier,
        }
        partial = args.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(args.checkpoint)

    if args.test:
        every = earlier + rows
        parameters, macs = count(plan)
        held_accuracy, held_loss = measure(network, x_held, y_held, fast=False)
        accuracy, loss = measure(network, *load(args.data, args.cache, "test"), fast=False)
        final = {
            "network": args.network,
            "parameters": parameters,
            "macs": macs,
            "epochs": len(every),
            "earlier_epochs": len(earlier),  # with a learning rate and a smoothing of their own
            "small_epochs": sum(row["size"] < SIZE for row in every),
            "small": args.small,
            "batch": args.batch,
            "lr": args.lr,
            "weight_decay": args.weight_decay,
            "smoothing": args.smoothing,
            "seed": args.seed,
            "seconds": round(sum(row["seconds"] for row in every)),
            "train_loss": rows[-1]["train_loss"],
            "held_out_top1": round(held_accuracy, 2),
            "held_out_loss": round(held_loss, 4),
            "test_top1": round(accuracy, 2),
            "test_loss": round(loss, 4),
        }
        print(json.dumps(final), flush=True)
        args.log.write_text("".join(json.dumps(row) + "\n" for row in [*every, final]))


if __name__ == "__main__":
    main()
