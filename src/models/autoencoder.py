"""Autoencoder: a portrait through a short vector and back; and one Gaussian over the vectors, to draw from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from src.models.convolutional import ConvolutionalDecoder, ConvolutionalEncoder

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
        covariance = self.code_covariance.double()
        # A direction that no code uses has no variance; a millionth of the mean one keeps the factorisation safe.
        least = 1e-6 * covariance.diagonal().mean().clamp(min=1e-12)
        factor = torch.linalg.cholesky(covariance + least * torch.eye(len(covariance)).to(covariance))
        return (self.code_mean + latents.double() @ factor.T).to(latents.dtype)
