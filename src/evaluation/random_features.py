"""Two frozen random networks that turn portraits into vectors: nothing to download, the same
metrics on every machine.

Where the pictures are far from ImageNet, embeddings of a randomly initialised network evaluate as well as those of a
trained one or better (Naeem et al., "Reliable fidelity and diversity metrics for generative models", 2020). A vector
holds, from shallow layers, the mean and the standard deviation of every channel over the portrait: colours, outlines,
single pixels, and so blur. From deep layers it holds channel means over parts of the portrait: what lies where, and
so shuffled blocks.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

SEEDS = (0, 1)
"""One random network may be blind by chance to what another sees: metrics are given for both, and their mean."""

CHANNELS = (12, 24, 36, 48)
"""Of the four layers; each but the first halves the side. A vector has 432 numbers: 240 moments and 192 places."""

PARTS = 2
"""The deepest layer is averaged over this many by this many parts of the portrait."""

BATCH = 64


class RandomFeatures(nn.Module):
    """A random convolutional network whose weights never change.

    Args:
        seed: of the weights. They come from numpy's RandomState, whose stream is frozen for good, so that no version
            of torch draws others.
        channels: of the input.
    """

    def __init__(self, seed: int, channels: int = 4) -> None:
        super().__init__()
        random = np.random.RandomState(seed)
        self.layers = nn.ModuleList()
        for depth, (inputs, outputs) in enumerate(zip((channels, *CHANNELS), CHANNELS, strict=False)):
            layer = nn.Conv2d(inputs, outputs, 3, stride=1 if depth == 0 else 2, padding=1)
            weight = random.standard_normal(tuple(layer.weight.shape)) * np.sqrt(2 / (9 * inputs))
            layer.weight.data = torch.from_numpy(weight.astype(np.float32))
            # A random threshold a channel: without it a ReLU tells nothing of how bright a colour is, only which.
            layer.bias.data = torch.from_numpy(random.standard_normal(outputs).astype(np.float32) * 0.1)
            self.layers.append(layer)
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """Portraits uint8 [N, C, H, W] -> vectors float [N, 2 sum(CHANNELS) + PARTS^2 CHANNELS[-1]]."""
        hidden = images.float() / 255  # a transparent pixel is 0, like the padding: no border appears around it
        parts = []
        for layer in self.layers:
            hidden = functional.relu(layer(hidden))
            mean = hidden.mean(dim=(2, 3))
            variance = hidden.square().mean(dim=(2, 3)) - mean.square()
            parts += [mean, variance.clamp(min=0).sqrt()]
        parts.append(functional.adaptive_avg_pool2d(hidden, PARTS).flatten(1))
        return torch.cat(parts, dim=1)


def random_features(images: np.ndarray, seed: int) -> np.ndarray:
    """Vectors of portraits.

    Args:
        images: uint8 [N, H, W, 4].
        seed: which network, one of `SEEDS`.

    Returns:
        float64 [N, D].
    """
    network = RandomFeatures(seed, images.shape[-1]).to(memory_format=torch.channels_last).eval()
    with torch.inference_mode():
        vectors = [network(batch.permute(0, 3, 1, 2)) for batch in torch.from_numpy(images).split(BATCH)]
    return torch.cat(vectors).double().numpy()
