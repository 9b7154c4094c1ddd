"""`vae`: conditional variational autoencoder (Kingma & Welling, 2014; with labels: Sohn et al., 2015).

Its loss is the negative evidence lower bound: the reconstruction error of a portrait from a latent drawn around its
code, plus the divergence of that distribution from the standard normal one that samples are drawn from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.family import DataSpecification
from src.gan.conditioning import AttributeEmbedding
from src.schema import Count, NonNegative
from src.zoo.encoder_decoder import (
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    EncoderDecoderConfig,
    EncoderDecoderFamily,
)

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


# A latent is in use where the posterior's mean varies more than this over portraits (Burda et al., 2016).
ACTIVE_VARIANCE = 0.01


def reconstruction_mse(outputs: Tensor, reals: Tensor) -> Tensor:
    """Squared error of tanh(outputs), summed over pixels and channels, mean over the batch: up to a constant -log p of
    a normal distribution of variance 1/2.

    Args:
        outputs: of the decoder, [N, C, H, W].
        reals: [N, C, H, W] in [-1, 1].
    """
    return (outputs.tanh() - reals).square().sum(dim=(1, 2, 3)).mean()


def reconstruction_bce(outputs: Tensor, reals: Tensor) -> Tensor:
    """Binary cross-entropy of values scaled to [0, 1], summed over pixels and channels, mean over the batch.

    (tanh(x) + 1) / 2 = sigmoid(2 x), so the same outputs serve both errors. Arguments as for `reconstruction_mse`.
    """
    loss = functional.binary_cross_entropy_with_logits(2 * outputs, (reals + 1) / 2, reduction="none")
    return loss.sum(dim=(1, 2, 3)).mean()


RECONSTRUCTION_LOSSES = {"mse": reconstruction_mse, "bce": reconstruction_bce}


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of N(mean, variance) from N(0, 1), [N, D]: (m^2 + v - log v - 1) / 2 (appendix B of
    Kingma & Welling, 2014)."""
    return (mean.square() + log_variance.exp() - log_variance - 1) / 2


def reparameterise(mean: Tensor, log_variance: Tensor) -> Tensor:
    """A latent from N(mean, variance) as a differentiable function of both: mean + deviation * noise."""
    return mean + (log_variance / 2).exp() * torch.randn_like(mean)


class VAEConfig(EncoderDecoderConfig):
    """A conditional VAE."""

    latent_dim: Count
    embedding_dim: Count
    reconstruction_loss: Literal["mse", "bce"]
    kl_weight: NonNegative
    kl_warmup_kimg: NonNegative


class VAE(EncoderDecoderFamily):
    """Both terms of the bound, and samples from the prior."""

    config_class = VAEConfig

    def __init__(self, config: VAEConfig, data: DataSpecification, device: torch.device) -> None:
        super().__init__(config, data, device)
        self.reconstruction_loss = RECONSTRUCTION_LOSSES[config.reconstruction_loss]

    def build_autoencoder(self) -> nn.Module:
        config, data = self.config, self.data
        return VariationalAutoencoder(
            data.size, data.channels, data.labels.sizes, config.latent_dim, config.base_channels, config.embedding_dim
        )

    @property
    def latent_dim(self) -> int:
        return self.config.latent_dim

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        with self.precision.autocast():
            mean, log_variance = self.autoencoder.encoder(reals, labels)
        mean, log_variance = mean.float(), log_variance.float()
        latents = reparameterise(mean, log_variance)
        with self.precision.autocast():
            outputs = self.autoencoder.decoder(latents, labels)
        loss_reconstruction = self.reconstruction_loss(outputs.float(), reals)
        loss_divergence = divergence(mean, log_variance).sum(dim=1).mean()
        loss = loss_reconstruction + self.divergence_weight(images_seen) * loss_divergence
        self.minimise(loss, self.optimizer)
        self.precision.scaler.update()
        return {
            "loss_reconstruction": loss_reconstruction,
            "loss_divergence": loss_divergence,
            "active_units": (mean.var(dim=0) > ACTIVE_VARIANCE).sum().float(),
        }

    def divergence_weight(self, images_seen: int) -> float:
        """Linear from 0 to `kl_weight` over the warm-up, then constant."""
        warmup = 1000 * self.config.kl_warmup_kimg
        return self.config.kl_weight * (min(1.0, images_seen / warmup) if warmup > 0 else 1.0)

    @torch.no_grad()
    def sample(self, sampler: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        """The decoder's mean; the noise of its distribution is left out."""
        return sampler.decoder(latents, labels).tanh()

    @torch.no_grad()
    def reconstruct(self, sampler: nn.Module, reals: Tensor, labels: Tensor) -> Tensor:
        """From the mean of the latents' distribution."""
        mean, _ = sampler.encoder(reals, labels)
        return sampler.decoder(mean, labels).tanh()

    @torch.no_grad()
    def validate(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """The two terms on validation portraits."""
        with self.precision.autocast():
            mean, log_variance = self.autoencoder.encoder(reals, labels)
            outputs = self.autoencoder.decoder(reparameterise(mean.float(), log_variance.float()), labels)
        return {
            "loss_reconstruction_validation": self.reconstruction_loss(outputs.float(), reals),
            "loss_divergence_validation": divergence(mean.float(), log_variance.float()).sum(dim=1).mean(),
        }
