"""`autoencoder`: portraits through forty numbers and back, without labels.

An autoencoder minimises the reconstruction error alone. It is no generative model: nothing in its loss says which
codes are portraits. Its samples come from a Gaussian laid over the training codes afterwards (ex-post density
estimation; Ghosh et al., 2020), and show how far one Gaussian goes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.device import in_float64
from src.schema import Count, NonNegative, Share
from src.zoo.encoder_decoder import (
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    EncoderDecoderConfig,
    EncoderDecoderFamily,
)

SIDE = 4


class Autoencoder(nn.Module):
    """Encoder, decoder, and the mean and covariance of the codes.

    Args:
        size: side of the portraits in pixels, a power of two from 8.
        image_channels: 4 for RGBA.
        code_dim: length of a code.
        base_channels: channels at half the size; doubled at every halving.
    """

    def __init__(self, size: int, image_channels: int, code_dim: int = 40, base_channels: int = 32) -> None:
        super().__init__()
        features = ConvolutionalEncoder(size, image_channels, SIDE, base_channels)
        portraits = ConvolutionalDecoder(size, image_channels, SIDE, base_channels)
        length = features.channels * SIDE * SIDE
        self.encoder = nn.Sequential(features, nn.Flatten(), nn.Linear(length, code_dim))
        self.decoder = nn.Sequential(
            nn.Linear(code_dim, length), nn.Unflatten(1, (portraits.channels, SIDE, SIDE)), portraits, nn.Tanh()
        )
        self.register_buffer("code_mean", torch.zeros(code_dim))
        self.register_buffer("code_covariance", torch.eye(code_dim))

    def forward(self, images: Tensor) -> Tensor:
        """Portraits [N, C, size, size] in [-1, 1] -> their reconstructions."""
        return self.decoder(self.encoder(images))

    @torch.no_grad()
    def observe(self, codes: Tensor, decay: float) -> None:
        """Take a batch of codes [N, code_dim] into the running mean and covariance.

        Every code of the newest batch weighs (1 - decay) / N, those before decay times what they did: mean and
        covariance are those of all codes so weighted, starting from a standard normal distribution.
        """
        codes = codes.float()
        centred = codes - codes.mean(dim=0)
        step = codes.mean(dim=0) - self.code_mean
        within_batch = centred.T @ centred / len(codes)
        # Two groups with different means: the variance within them, and that between them.
        self.code_covariance.mul_(decay).add_((1 - decay) * within_batch)
        self.code_covariance.add_(decay * (1 - decay) * torch.outer(step, step))
        self.code_mean.add_((1 - decay) * step)

    def codes_for(self, latents: Tensor) -> Tensor:
        """Standard normal latents [N, code_dim] -> codes from the Gaussian: mean + L latent with L L^T = covariance."""
        covariance = in_float64(self.code_covariance)
        # A direction that no code uses has no variance; a millionth of the mean one keeps the factorisation safe.
        least = 1e-6 * covariance.diagonal().mean().clamp(min=1e-12)
        factor = torch.linalg.cholesky(covariance + least * torch.eye(len(covariance)).to(covariance))
        return self.code_mean + (in_float64(latents) @ factor.T).to(latents)


class AutoencoderConfig(EncoderDecoderConfig):
    """A plain autoencoder; with `denoising` a denoising one."""

    code_dim: Count
    denoising: NonNegative
    statistics_decay: Share


class AutoencoderFamily(EncoderDecoderFamily):
    """The reconstruction error, and samples from the Gaussian."""

    config_class = AutoencoderConfig
    conditional = False

    def build_autoencoder(self) -> nn.Module:
        data = self.data
        return Autoencoder(data.size, data.channels, self.config.code_dim, self.config.base_channels)

    @property
    def latent_dim(self) -> int:
        return self.config.code_dim

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """Mean squared error between the portrait and what is left of it after its code."""
        seen = reals
        if self.config.denoising > 0:
            seen = reals + self.config.denoising * torch.randn_like(reals)
        with self.precision.autocast():
            codes = self.autoencoder.encoder(seen)
            rebuilt = self.autoencoder.decoder(codes)
        loss = functional.mse_loss(rebuilt.float(), reals)
        self.minimise(loss, self.optimizer)
        self.precision.scaler.update()
        self.autoencoder.observe(codes.detach(), self.config.statistics_decay)
        deviation = self.autoencoder.code_covariance.diagonal().clamp(min=0).sqrt().mean()
        return {"loss_reconstruction": loss, "code_deviation": deviation}

    @torch.no_grad()
    def sample(self, sampler: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        """Decoded codes of the Gaussian over the training codes."""
        return sampler.decoder(sampler.codes_for(latents))

    @torch.no_grad()
    def reconstruct(self, sampler: nn.Module, reals: Tensor, labels: Tensor) -> Tensor:
        return sampler(reals)

    @torch.no_grad()
    def validate(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """The reconstruction error on validation portraits: above the training one it shows overfitting. With
        denoising also that from a noisy portrait, and that of the noisy portrait itself."""
        with self.precision.autocast():
            rebuilt = self.autoencoder(reals)
        scalars = {"loss_validation": functional.mse_loss(rebuilt.float(), reals)}
        if self.config.denoising > 0:
            noisy, restored = self.restore(self.autoencoder, reals)
            scalars["error_noisy_validation"] = functional.mse_loss(noisy, reals)
            scalars["error_restored_validation"] = functional.mse_loss(restored, reals)
        return scalars

    @torch.no_grad()
    def restore(self, sampler: nn.Module, reals: Tensor) -> tuple[Tensor, Tensor] | None:
        if self.config.denoising == 0:
            return None
        noise = torch.randn(reals.shape, generator=torch.Generator().manual_seed(0)).to(reals)
        noisy = (reals + self.config.denoising * noise).clamp(-1, 1)
        return noisy, sampler(noisy)
