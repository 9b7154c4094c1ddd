"""The machine's convolution peak: the most that plain 3x3 convolutions reach, forwards, without anything between."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from benchmarks.clock import seconds

SHAPES = ((32, 64, 64), (32, 128, 32), (32, 256, 16), (32, 512, 8))
"""Batch, channels in and out, side: the sizes that the families' networks have, each with the same operations."""

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def convolution_operations(batch: int, channels: int, side: int) -> int:
    """Floating-point operations of a 3x3 convolution with padding: two for each weight and place."""
    return 2 * batch * channels * channels * 9 * side * side


def convolution_peak(
    precision: str, device: torch.device, shapes: Sequence[tuple[int, int, int]] = SHAPES, repeats: int = 3
) -> float:
    """FLOP/s of the best shape, each at its best of several repeats.

    Args:
        precision: `fp32`, `bf16` or `fp16`.
        device: where to compute.
        shapes: batch, channels, side of each convolution tried.
        repeats: timed runs of each shape, after one that is not.
    """
    dtype = DTYPES[precision]
    return max(_speed(dtype, device, shape, repeats) for shape in shapes)


@torch.no_grad()
def _speed(dtype: torch.dtype, device: torch.device, shape: tuple[int, int, int], repeats: int) -> float:
    batch, channels, side = shape
    layout = {"dtype": dtype, "device": device, "memory_format": torch.channels_last}
    images = torch.randn(batch, channels, side, side).to(**layout)
    weight = torch.randn(channels, channels, 3, 3).to(**layout)

    def convolve() -> None:
        functional.conv2d(images, weight, padding=1)

    convolve()
    return convolution_operations(*shape) / min(seconds(convolve, device) for _ in range(repeats))
