"""What the networks that measure have in common: how they are trained, and what they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from src.device import Precision, pick_device
from src.progress import track

WARM_UP = 0.1
"""Share of the steps in which the learning rate rises to its highest."""


@contextmanager
def seeded(seed: int) -> Iterator[torch.device]:
    """Context whose random numbers are those of the seed, on the device to train on; torch's own state is left as it
    was."""
    device = pick_device()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield device


def passes(count: int, chosen: int) -> Tensor:
    """Indices of so many portraits out of `count`, each once before any comes again: int64 [chosen]."""
    return torch.cat([torch.randperm(count) for _ in range(-(-chosen // count))])[:chosen]


def minimise(
    network: nn.Module,
    losses: Iterable[Tensor],
    steps: int,
    precision: Precision,
    learning_rate: float,
    weight_decay: float,
) -> None:
    """A step of AdamW for each of so many losses, each of which is computed when it is asked for. The learning rate
    rises to the one given, then falls to 0, which does what averaging the weights would."""
    optimizer = torch.optim.AdamW(network.parameters(), learning_rate, weight_decay=weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (WARM_UP * steps), (steps - step) / ((1 - WARM_UP) * steps), 1.0)
    )
    for loss in track(losses, "training a network", steps, delay=2.0):
        optimizer.zero_grad(set_to_none=True)
        precision.scaler.scale(loss).backward()
        precision.scaler.step(optimizer)
        precision.scaler.update()
        schedule.step()


def to_unit(images: Tensor) -> Tensor:
    """uint8 [N, H, W, 4] -> float [N, 4, H, W] in [0, 1], channels last in memory."""
    return (images.float() / 255).permute(0, 3, 1, 2)


def some(count: int, share: float, device: torch.device) -> Tensor:
    """A random choice, bool [N, 1, 1, 1]."""
    return torch.rand(count, 1, 1, 1, device=device) < share


def maybe_mirrored(images: Tensor) -> Tensor:
    """Half of the portraits [N, C, H, W], at random, as a mirror shows them."""
    return torch.where(some(len(images), 0.5, images.device), images.flip(3), images)
