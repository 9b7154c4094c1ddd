"""The discriminator of the AC-GAN (Odena et al., 2017): it says real or fake, and names the classes itself."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn


class AuxiliaryClassifierDiscriminator(nn.Module):
    """Strided convolutions to 4x4; on top of them one head for real or fake and one for every attribute.

    The labels are not an input: unlike a conditional discriminator it has to read them off the portrait.

    Args:
        size: side of the portraits in pixels, a power of two from 8.
        image_channels: C of the portraits, 4 for RGBA.
        class_counts: the number of classes of each attribute; empty for data without labels, then no such head.
        base_channels: channels after the first layer; twice as many after each further one.
        dropout: share of the features that training drops before the heads.
    """

    def __init__(
        self,
        size: int,
        image_channels: int,
        class_counts: Sequence[int],
        base_channels: int = 64,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        levels = size.bit_length() - 3
        channels = [image_channels, *[base_channels * 2**level for level in range(levels)]]
        layers: list[nn.Module] = []
        for level, (c_in, c_out) in enumerate(itertools.pairwise(channels)):
            layers.append(nn.Conv2d(c_in, c_out, 4, 2, 1))
            if level > 0:
                # No running statistics: reals and fakes have different ones, and a mean of both would fit neither.
                layers.append(nn.BatchNorm2d(c_out, track_running_stats=False))
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(dropout))
        features = channels[-1] * 4 * 4
        self.real_or_fake = nn.Linear(features, 1)
        self.classifiers = nn.ModuleList([nn.Linear(features, count) for count in class_counts])
        self.apply(_initialise)

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Portraits [N, C, size, size] in [-1, 1] -> logits [N], positive means real, and for each attribute the
        logits [N, K] of its K classes."""
        features = self.layers(images)
        return self.real_or_fake(features).squeeze(1), [classifier(features) for classifier in self.classifiers]


def _initialise(module: nn.Module) -> None:
    """Weights from a normal distribution of deviation 0.02, the DCGAN paper's choice."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
