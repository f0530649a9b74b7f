"""EfficientNet-Lite0 and Lite2, as lists of convolutions.

EfficientNet (Mingxing Tan, Quoc V. Le, ICML 2019, arXiv:1905.11946) without squeeze-and-excitation and with ReLU6 for swish:
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite. Width and depth are scaled, but for the stem,
the head, and the number of blocks of the first and the last stage.
"""

import math
from dataclasses import dataclass

STEM, HEAD, CLASSES = 32, 1280, 1000
# Blocks, kernel, stride of the first block, factor of expansion, channels: of each stage of Lite0.
STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]


@dataclass(frozen=True)
class Plan:
    size: int
    width: float
    depth: float


PLANS = {"efficientnet-lite0": Plan(224, 1.0, 1.0), "efficientnet-lite2": Plan(260, 1.1, 1.2)}


@dataclass(frozen=True)
class Conv:
    """A convolution and the batch norm after it. `weight` and `norm` are the names in the published file."""

    name: str
    weight: str
    norm: str
    stride: int = 1
    depthwise: bool = False
    relu6: bool = True


@dataclass(frozen=True)
class Block:
    convs: list[Conv]
    shortcut: bool


def scaled_channels(channels: int, width: float) -> int:
    """The nearest multiple of 8, but at least 90 % of the product."""
    wanted = channels * width
    nearest = max(8, int(wanted + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * wanted else nearest


def blocks_of(plan: Plan) -> list[Block]:
    blocks = []
    channels = STEM
    for s, (count, _, first_stride, expansion, base) in enumerate(STAGES):
        repeats = count if s in (0, len(STAGES) - 1) else math.ceil(count * plan.depth)
        out = scaled_channels(base, plan.width)
        for b in range(repeats):
            prefix, name = f"_blocks.{len(blocks)}.", f"stage{s + 1}.{b + 1}"
            stride = first_stride if b == 0 else 1
            convs = [
                Conv(f"{name}.depthwise", f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride, depthwise=True),
                Conv(f"{name}.project", f"{prefix}_project_conv", f"{prefix}_bn2", relu6=False),
            ]
            if expansion != 1:
                convs.insert(0, Conv(f"{name}.expand", f"{prefix}_expand_conv", f"{prefix}_bn0"))
            blocks.append(Block(convs, shortcut=stride == 1 and channels == out))
            channels = out
    return blocks


STEM_CONV = Conv("stem", "_conv_stem", "_bn0", stride=2)
HEAD_CONV = Conv("head", "_conv_head", "_bn1")


def same_padding(size: int, kernel: int, stride: int) -> list[int]:
    """TensorFlow's SAME for one axis, [before, after]: an odd pixel is added after."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return [total // 2, total - total // 2]
