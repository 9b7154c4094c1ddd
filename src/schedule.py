"""Schedules over the images seen: a value that goes from its first to its last along half a cosine."""

from __future__ import annotations

import math

from torch.optim import Optimizer


def cosine(first: float, last: float, images_seen: int, length_kimg: float) -> float:
    """`first` before training, `last` from `length_kimg` on, half a cosine between (R3GAN, 2024, moves learning rate,
    beta2, gamma and augmentation together so).

    Args:
        images_seen: real images the model has seen.
        length_kimg: length of the way in thousands of images; 0 gives `last` at once.
    """
    progress = min(1.0, images_seen / (1000 * length_kimg)) if length_kimg > 0 else 1.0
    return last + (first - last) * (1 + math.cos(math.pi * progress)) / 2


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate
