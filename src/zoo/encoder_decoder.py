"""Convolutional encoder and decoder, mirror images of each other: portraits to a square grid of features and back.

Residual blocks with group normalisation (Wu & He, 2018): unlike batch normalisation it treats every portrait by
itself and the same way in training and afterwards, so a portrait has one code and not one a batch. The full
resolution is never convolved: 2x2 patches become channels at the start and pixels again at the end (Shi et al., 2016),
which costs a quarter and leaves edges as sharp as the rest.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.family import DataSpecification, Family, Stateful
from src.pyramid.layers import zeroed
from src.schema import Count, NonNegative, TrainingConfig

CHANNELS_A_GROUP = 8


def widths(size: int, side: int, base_channels: int) -> list[int]:
    """Channels at size/2, size/4, ..., side: doubled at every halving.

    Raises:
        ValueError: a size or side that is no power of two, a side of more than half the size, or base channels that
            are no multiple of 8 (the channels of a group of the normalisation).
    """
    if size & (size - 1) or side & (side - 1) or not 1 <= side <= size // 2:
        raise ValueError(f"size and side must be powers of two, the side at most half the size; not {size} and {side}")
    if base_channels % CHANNELS_A_GROUP:
        raise ValueError(f"base_channels must be a multiple of {CHANNELS_A_GROUP}, not {base_channels}")
    levels = (size // side).bit_length() - 1
    return [base_channels * 2**level for level in range(levels)]


def normalisation(channels: int) -> nn.GroupNorm:
    """Group normalisation of 8 channels a group."""
    return nn.GroupNorm(channels // CHANNELS_A_GROUP, channels)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions after normalisation and SiLU; the block starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm_1, self.conv_1 = normalisation(channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.norm_2, self.conv_2 = normalisation(channels), zeroed(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, features: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        residual = self.conv_1(functional.silu(self.norm_1(features)))
        return features + self.conv_2(functional.silu(self.norm_2(residual)))


class ConvolutionalEncoder(nn.Module):
    """Portraits to features.

    Args:
        size: side of the portraits in pixels, a power of two.
        image_channels: 4 for RGBA.
        side: side of the features, a power of two, at most half the size.
        base_channels: channels at half the size, a multiple of 8; doubled at every halving.

    Attributes:
        channels: of the features.
    """

    def __init__(self, size: int, image_channels: int, side: int, base_channels: int) -> None:
        super().__init__()
        channels = widths(size, side, base_channels)
        self.channels = channels[-1]
        layers: list[nn.Module] = [
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * image_channels, channels[0], 3, padding=1),
            ResidualBlock(channels[0]),
        ]
        for c_in, c_out in itertools.pairwise(channels):
            layers += [nn.Conv2d(c_in, c_out, 3, stride=2, padding=1), ResidualBlock(c_out)]
        self.layers = nn.Sequential(*layers, normalisation(channels[-1]), nn.SiLU())

    def forward(self, images: Tensor) -> Tensor:
        """Portraits [N, C, size, size] in [-1, 1] -> features [N, channels, side, side]."""
        return self.layers(images)


class ConvolutionalDecoder(nn.Module):
    """Features to portraits, the encoder backwards.

    Args:
        size, image_channels, side, base_channels: as for the encoder.

    Attributes:
        channels: of the features it takes.
    """

    def __init__(self, size: int, image_channels: int, side: int, base_channels: int) -> None:
        super().__init__()
        channels = widths(size, side, base_channels)[::-1]
        self.channels = channels[0]
        layers: list[nn.Module] = [ResidualBlock(channels[0])]
        for c_in, c_out in itertools.pairwise(channels):
            layers += [
                nn.Upsample(scale_factor=2, mode="nearest"),
                nn.Conv2d(c_in, c_out, 3, padding=1),
                ResidualBlock(c_out),
            ]
        self.layers = nn.Sequential(
            *layers,
            normalisation(channels[-1]),
            nn.SiLU(),
            nn.Conv2d(channels[-1], 4 * image_channels, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Features [N, channels, side, side] -> [N, C, size, size]; their tanh is the portrait in [-1, 1]."""
        return self.layers(features)


class EncoderDecoderConfig(TrainingConfig):
    """Width and learning rate."""

    base_channels: Count
    learning_rate: NonNegative


class EncoderDecoderFamily(Family):
    """A family of one network with an `encoder` and a `decoder`, and one Adam for both."""

    def __init__(self, config: EncoderDecoderConfig, data: DataSpecification, device: torch.device) -> None:
        super().__init__(config, data, device)
        self.autoencoder = self.build_autoencoder().to(device, memory_format=torch.channels_last)

    @abstractmethod
    def build_autoencoder(self) -> nn.Module:
        """The network, on the CPU."""

    def build_optimizers(self) -> None:
        self.optimizer = torch.optim.Adam(self.autoencoder.parameters(), self.config.learning_rate, fused=True)

    @property
    def sampler(self) -> nn.Module:
        return self.autoencoder

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {"encoder": self.autoencoder.encoder, "decoder": self.autoencoder.decoder}

    @property
    def parts(self) -> dict[str, Stateful]:
        return {"autoencoder": self.autoencoder, "optimizer": self.optimizer, "scaler": self.precision.scaler}
