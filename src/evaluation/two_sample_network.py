"""The network of the two-sample test: learns to tell two sets of portraits apart."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from src.device import Precision
from src.evaluation.label_classifier import shift

BATCH_SIZE = 48
LEARNING_RATE, WARM_UP, WEIGHT_DECAY = 2e-3, 0.1, 0.05
CHANNELS = (48, 64, 96, 128)
DROPOUT = 0.2
STEP_CONTRAST = 16.0


class TwoSampleNetwork(nn.Module):
    """Portraits to one logit. No pixel is lost on the way in, and each fault counts wherever it is: by how common it
    is over the portrait (mean) and by its worst place (maximum).

    Beside its pixels a portrait comes with its steps from pixel to pixel, small ones made plain: pixel art is flat, and
    faint grain on flats, which anybody sees, is lost on a network among edges twenty times as strong.

    Args:
        image_channels: 4 for RGBA.
    """

    def __init__(self, image_channels: int = 4) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.PixelUnshuffle(2)]
        inputs = 4 * (image_channels + 2)
        for depth, outputs in enumerate(CHANNELS):
            layers += [
                nn.Conv2d(inputs, outputs, 3, stride=1 if depth == 0 else 2, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]
            inputs = outputs
        self.body = nn.Sequential(*layers)
        self.dropout = nn.Dropout(DROPOUT)
        self.head = nn.Linear(2 * inputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """[N, C, H, W] in [0, 1] -> logits [N], above 0 for samples; sides even, at least 16."""
        hidden = self.body(torch.cat([images * 2 - 1, _steps(images)], dim=1))
        pooled = torch.cat([hidden.mean(dim=(2, 3)), hidden.amax(dim=(2, 3))], dim=1)
        return self.head(self.dropout(pooled))[:, 0]


def _steps(images: Tensor) -> Tensor:
    """How far each pixel is from the one to its right and the one below, 0 to 1: [N, C, H, W] -> [N, 2, H, W]."""
    right = functional.pad((images[..., 1:] - images[..., :-1]).abs().amax(dim=1, keepdim=True), (0, 1))
    down = functional.pad((images[..., 1:, :] - images[..., :-1, :]).abs().amax(dim=1, keepdim=True), (0, 0, 0, 1))
    return torch.tanh(torch.cat([right, down], dim=1) * STEP_CONTRAST)


def train(network: TwoSampleNetwork, samples: np.ndarray, reals: np.ndarray, steps: int, device: torch.device) -> None:
    """Half of every batch are samples, half reals; mirrored and shifted at random."""
    pixels = [torch.from_numpy(np.ascontiguousarray(side)).to(device) for side in (samples, reals)]
    half = BATCH_SIZE // 2
    orders = [
        torch.cat([torch.randperm(len(side)) for _ in range(-(-steps * half // len(side)))])[: steps * half].split(half)
        for side in pixels
    ]
    targets = (torch.arange(2 * half, device=device) < half).float()
    precision = Precision(device)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (WARM_UP * steps), (steps - step) / ((1 - WARM_UP) * steps), 1.0)
    )
    for chosen in zip(*orders, strict=True):
        batch = torch.cat([side[rows.to(device)] for side, rows in zip(pixels, chosen, strict=True)])
        with precision.autocast():
            logits = network(_augmented(_premultiplied(batch)))
        loss = functional.binary_cross_entropy_with_logits(logits.float(), targets)
        optimizer.zero_grad(set_to_none=True)
        precision.scaler.scale(loss).backward()
        precision.scaler.step(optimizer)
        precision.scaler.update()
        schedule.step()


@torch.no_grad()
def scores(network: TwoSampleNetwork, images: np.ndarray, device: torch.device) -> np.ndarray:
    """Logits float64 [N]."""
    network.eval()
    batches = torch.from_numpy(np.ascontiguousarray(images)).split(BATCH_SIZE)
    return torch.cat([network(_premultiplied(batch.to(device))) for batch in batches]).cpu().double().numpy()


def _premultiplied(images: Tensor) -> Tensor:
    """uint8 [N, H, W, 4] -> float [N, 4, H, W] in [0, 1]: over nothing, colours times alpha, and alpha."""
    unit = images.float() / 255
    return torch.cat([unit[..., :3] * unit[..., 3:], unit[..., 3:]], dim=-1).permute(0, 3, 1, 2)


def _augmented(images: Tensor) -> Tensor:
    """Each portrait [N, C, H, W] mirrored or not, and moved by a few whole pixels; what comes in is transparent."""
    mirrored = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return shift(torch.where(mirrored, images.flip(3), images))
