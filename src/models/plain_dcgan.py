"""DCGAN without labels (Radford et al., 2016), as small as it is taught: dense to 8x8, transposed convolutions up;
three strided convolutions down."""

from __future__ import annotations

import torch
from torch import Tensor, nn

NORMALISATIONS = ("batch", "layer", "instance", "none")
STRIDED_LAYERS = 3


class DCGANGenerator(nn.Module):
    """A dense layer to 8x8, then a transposed convolution for every doubling; half the channels each time.

    Args:
        size: side of the portraits in pixels, a power of two from 16.
        image_channels: C of the portraits, 4 for RGBA.
        latent_dim: length of the latent.
        channels: channels at 8x8. At 64x64 the default has 5.9 million weights, more than half in the dense layer.
        dropout: share of the features that training drops after every hidden layer.

    Raises:
        ValueError: a size that is no power of two from 16, or channels that cannot be halved that often.
    """

    def __init__(
        self, size: int, image_channels: int, latent_dim: int = 100, channels: int = 512, dropout: float = 0.0
    ) -> None:
        super().__init__()
        _check_size(size)
        doublings = size.bit_length() - 4
        if channels % 2 ** (doublings - 1):
            raise ValueError(f"channels must be a multiple of {2 ** (doublings - 1)} at {size}x{size}, not {channels}")
        self.first = nn.Linear(latent_dim, channels * 8 * 8, bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(channels), nn.ReLU(), nn.Dropout(dropout)]
        for _ in range(doublings - 1):
            layers += [
                nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(channels // 2),
                nn.ReLU(),
                nn.Dropout(dropout),
            ]
            channels //= 2
        # No normalisation at the end: the portrait's mean and contrast are its own.
        layers += [nn.ConvTranspose2d(channels, image_channels, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, latents: Tensor) -> Tensor:
        """Latents [N, latent_dim] of unit variance -> portraits [N, C, size, size] in [-1, 1]."""
        features = self.first(latents).unflatten(1, (-1, 8, 8))
        return self.layers(features.contiguous(memory_format=torch.channels_last))


class DCGANDiscriminator(nn.Module):
    """Three strided convolutions, twice the channels each time, and a dense layer.

    Args:
        size: side of the portraits in pixels, a power of two from 16.
        image_channels: C of the portraits, 4 for RGBA.
        channels: channels after the first layer. At 64x64 the default has 0.5 million weights.
        normalisation: of the second and third layer. `batch` is the paper's, over N, H and W, always with the
            statistics of the batch itself: give it reals and fakes apart. `layer` (over C, H and W of a portrait) and
            `instance` (over H and W) keep portraits apart, as a gradient penalty needs.
        dropout: share of the features that training drops before the last layer.

    Raises:
        ValueError: a size that is no power of two from 16, or an unknown normalisation.
    """

    def __init__(
        self,
        size: int,
        image_channels: int,
        channels: int = 56,
        normalisation: str = "batch",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check_size(size)
        layers: list[nn.Module] = []
        c_in, c_out = image_channels, channels
        for level in range(STRIDED_LAYERS):
            layers.append(nn.Conv2d(c_in, c_out, 4, 2, 1))
            # None on the first layer: the paper found that samples oscillate with it.
            if level > 0:
                layers.append(_normalise(normalisation, c_out))
            layers.append(nn.LeakyReLU(0.2))
            c_in, c_out = c_out, 2 * c_out
        side = size // 2**STRIDED_LAYERS
        layers += [nn.Flatten(), nn.Dropout(dropout), nn.Linear(c_in * side * side, 1)]
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Portraits [N, C, size, size] in [-1, 1] -> scores [N]; higher means more real."""
        return self.layers(images).squeeze(1)


def _normalise(name: str, channels: int) -> nn.Module:
    if name == "batch":
        # No running statistics: reals and fakes have different ones, and a mean of both would fit neither.
        return nn.BatchNorm2d(channels, track_running_stats=False)
    if name == "layer":
        return nn.GroupNorm(1, channels)
    if name == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    if name == "none":
        return nn.Identity()
    raise ValueError(f"unknown normalisation {name!r}; choose one of: {', '.join(NORMALISATIONS)}")


def _check_size(size: int) -> None:
    if size < 16 or size & (size - 1):
        raise ValueError(f"the size must be a power of two from 16, not {size}")


def _initialise(module: nn.Module) -> None:
    """Weights from a normal distribution of deviation 0.02, the DCGAN paper's choice."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
