"""Conditional DCGAN, the baseline (Radford et al., 2016; conditioning after Mirza & Osindero, 2014)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from src.gan.conditioning import AttributeEmbedding


class ConditionalDCGANGenerator(nn.Module):
    """Latent and label embedding side by side, a dense layer to 4x4, then transposed convolutions.

    Args:
        size: side of the portraits in pixels, a power of two from 8.
        image_channels: 4 for RGBA.
        class_counts: the number of classes of each attribute.
        latent_dim: length of the latent.
        base_channels: channels before the last layer.
        embedding_dim: length of the summed label embedding.

    Raises:
        ValueError: another size.
    """

    def __init__(
        self,
        size: int,
        image_channels: int,
        class_counts: Sequence[int],
        latent_dim: int = 120,
        base_channels: int = 32,
        embedding_dim: int = 64,
    ) -> None:
        super().__init__()
        check_size(size, 8)
        self.embedding = AttributeEmbedding(class_counts, embedding_dim)
        levels = size.bit_length() - 4  # doublings from 4x4 to half the side; the last layer is one more
        channels = [base_channels * 2**level for level in range(levels, -1, -1)]
        self.first = nn.Linear(latent_dim + embedding_dim, channels[0] * 4 * 4)
        layers: list[nn.Module] = [nn.BatchNorm2d(channels[0]), nn.ReLU()]
        for c_in, c_out in itertools.pairwise(channels):
            layers += [nn.ConvTranspose2d(c_in, c_out, 4, 2, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()]
        layers += [nn.ConvTranspose2d(channels[-1], image_channels, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(dcgan_weights)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Latents [N, latent_dim] of unit variance, labels int64 [N, A] -> portraits [N, C, size, size] in [-1, 1]."""
        features = self.first(torch.cat([latents, self.embedding(labels)], dim=1))
        return self.layers(features.unflatten(1, (-1, 4, 4)).contiguous(memory_format=torch.channels_last))


class ConditionalDCGANDiscriminator(nn.Module):
    """The label embedding enters as one more image channel (a map of the embedding); then strided convolutions.

    Args:
        size, image_channels, class_counts: as for the generator.
        base_channels: channels after the first layer.
        embedding_dim: length of the summed label embedding before it becomes a map.
        spectral_norm: spectral normalisation in place of batch normalisation.
    """

    def __init__(
        self,
        size: int,
        image_channels: int,
        class_counts: Sequence[int],
        base_channels: int = 32,
        embedding_dim: int = 64,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        check_size(size, 8)
        self.size = size
        spectral = nn.utils.parametrizations.spectral_norm if spectral_norm else nn.Identity()
        self.embedding = AttributeEmbedding(class_counts, embedding_dim)
        self.to_map = nn.Linear(embedding_dim, size * size)
        levels = size.bit_length() - 3  # halvings from the side to 4x4
        channels = [image_channels + 1, *[base_channels * 2**level for level in range(levels)]]
        layers = strided_layers(channels, normalise=not spectral_norm)
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels[-1] * 4 * 4, 1))
        self.apply(dcgan_weights)
        # Only now: the initial weights above are those of the plain layers.
        for index, layer in enumerate(self.layers):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                self.layers[index] = spectral(layer)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Portraits [N, C, size, size] in [-1, 1], labels int64 [N, A] -> logits [N]; positive means real."""
        label_map = self.to_map(self.embedding(labels)).view(-1, 1, self.size, self.size)
        return self.layers(torch.cat([images, label_map.to(images.dtype)], dim=1)).squeeze(1)


def strided_layers(channels: Sequence[int], normalise: bool = True) -> list[nn.Module]:
    """The DCGAN discriminator's convolutions, each of which halves the side.

    Args:
        channels: before the first and after each.
        normalise: batch normalisation after all but the first.
    """
    layers: list[nn.Module] = []
    for level, (c_in, c_out) in enumerate(itertools.pairwise(channels)):
        layers.append(nn.Conv2d(c_in, c_out, 4, 2, 1))
        if level > 0 and normalise:
            # No running statistics: reals and fakes have different ones, and a mean of both would fit neither.
            layers.append(nn.BatchNorm2d(c_out, track_running_stats=False))
        layers.append(nn.LeakyReLU(0.2))
    return layers


def check_size(size: int, least: int) -> None:
    """Refuse a side that halving does not take to 4 pixels.

    Raises:
        ValueError: no power of two, or less than the least.
    """
    if size < least or size & (size - 1):
        raise ValueError(f"the size must be a power of two from {least}, not {size}")


def dcgan_weights(module: nn.Module) -> None:
    """For `nn.Module.apply`: normally distributed weights of standard deviation 0.02, as in the DCGAN paper."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
