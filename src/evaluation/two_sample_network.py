"""The network of the two-sample test: learns to tell two sets of portraits apart."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from src.device import Precision
from src.evaluation.label_classifier import shift
from src.evaluation.teaching import maybe_mirrored, minimise, passes

BATCH_SIZE = 48
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 0.05
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
    precision = Precision(device)
    losses = _losses(network, samples, reals, steps, precision)
    minimise(network, losses, steps, precision, LEARNING_RATE, WEIGHT_DECAY)


def _losses(
    network: TwoSampleNetwork, samples: np.ndarray, reals: np.ndarray, steps: int, precision: Precision
) -> Iterator[Tensor]:
    device = precision.device
    pixels = [torch.from_numpy(np.ascontiguousarray(side)).to(device) for side in (samples, reals)]
    half = BATCH_SIZE // 2
    orders = [passes(len(side), steps * half).split(half) for side in pixels]
    targets = (torch.arange(2 * half, device=device) < half).float()
    for chosen in zip(*orders, strict=True):
        batch = torch.cat([side[rows.to(device)] for side, rows in zip(pixels, chosen, strict=True)])
        with precision.autocast():
            logits = network(shift(maybe_mirrored(_premultiplied(batch))))
        yield functional.binary_cross_entropy_with_logits(logits.float(), targets)


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
