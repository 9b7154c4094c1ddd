"""Conditional variational autoencoder: the labels enter the encoder and the decoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from src.models.conditioning import AttributeEmbedding
from src.models.convolutional import ConvolutionalDecoder, ConvolutionalEncoder

SIDE = 4


class ConditionalEncoder(nn.Module):
    """Portraits and labels to a normal distribution over latents, q(z | x, y): its mean and log-variance.

    Args:
        size: side of the portraits in pixels, a power of two from 8.
        image_channels: 4 for RGBA.
        class_counts: the number of classes of each attribute.
        latent_dim: length of a latent.
        base_channels: channels at half the size; doubled at every halving.
        embedding_dim: length of the summed label embedding.
    """

    def __init__(
        self,
        size: int,
        image_channels: int,
        class_counts: Sequence[int],
        latent_dim: int,
        base_channels: int,
        embedding_dim: int,
    ) -> None:
        super().__init__()
        self.embedding = AttributeEmbedding(class_counts, embedding_dim)
        self.features = ConvolutionalEncoder(size, image_channels, SIDE, base_channels)
        self.head = nn.Linear(self.features.channels * SIDE * SIDE + embedding_dim, 2 * latent_dim)

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Portraits [N, C, size, size] in [-1, 1], labels int64 [N, A] -> mean and log-variance, [N, latent_dim]."""
        features = self.features(images).flatten(1)
        mean, log_variance = self.head(torch.cat([features, self.embedding(labels)], dim=1)).chunk(2, dim=1)
        return mean, log_variance


class ConditionalDecoder(nn.Module):
    """Latents and labels to portraits, p(x | z, y). Arguments as for the encoder."""

    def __init__(
        self,
        size: int,
        image_channels: int,
        class_counts: Sequence[int],
        latent_dim: int,
        base_channels: int,
        embedding_dim: int,
    ) -> None:
        super().__init__()
        self.embedding = AttributeEmbedding(class_counts, embedding_dim)
        self.portraits = ConvolutionalDecoder(size, image_channels, SIDE, base_channels)
        self.first = nn.Linear(latent_dim + embedding_dim, self.portraits.channels * SIDE * SIDE)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Latents [N, latent_dim], labels int64 [N, A] -> [N, C, size, size]; their tanh is the portrait."""
        features = self.first(torch.cat([latents, self.embedding(labels)], dim=1))
        return self.portraits(features.unflatten(1, (-1, SIDE, SIDE)))


class VariationalAutoencoder(nn.Module):
    """The two of them; arguments as for the encoder."""

    def __init__(
        self,
        size: int,
        image_channels: int,
        class_counts: Sequence[int],
        latent_dim: int = 64,
        base_channels: int = 32,
        embedding_dim: int = 64,
    ) -> None:
        super().__init__()
        values = (size, image_channels, class_counts, latent_dim, base_channels, embedding_dim)
        self.encoder = ConditionalEncoder(*values)
        self.decoder = ConditionalDecoder(*values)
