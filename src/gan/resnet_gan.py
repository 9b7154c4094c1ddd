"""`resnet_gan`: the study's flagship. ResNet generator with conditional normalisation, projection discriminator,
spectral normalisation, hinge loss, TTUR, lazy R1, DiffAugment, fading instance noise."""

from __future__ import annotations

from torch import nn

from src.gan.conditional_gan import ConditionalGAN
from src.gan.resnet import ResNetDiscriminator, ResNetGenerator


class ResNetGAN(ConditionalGAN):
    """See `ConditionalGAN` for the training step."""

    profiles = {  # noqa: RUF012
        # Seconds: proves that everything runs, draws nothing.
        "smoke": {
            "kimg": 0.128,
            "batch_size": 16,
            "base_channels": 4,
            "log_kimg": 0.032,
            "sample_kimg": 0.064,
            "checkpoint_kimg": 0.064,
        },
        # About ten minutes on two cores; more with --kimg.
        "cpu": {"kimg": 30.0, "sample_kimg": 5.0, "checkpoint_kimg": 5.0},
        # Twice as wide: the study at full size. 26 GFLOP an image, so 9,500 kimg are the 2.5e17 floating-point
        # operations of about a day on that card.
        "rtx2070": {
            "kimg": 9500.0,
            "batch_size": 64,
            "base_channels": 64,
            "ema_half_life_kimg": 20.0,
            "log_kimg": 10.0,
            "sample_kimg": 200.0,
            "checkpoint_kimg": 200.0,
            "evaluate_kimg": 200.0,
        },
    }

    def build_generator(self) -> nn.Module:
        config, data = self.config, self.data
        return ResNetGenerator(
            data.size, data.channels, data.labels.sizes, config.latent_dim, config.base_channels, config.embedding_dim
        )

    def build_discriminator(self) -> nn.Module:
        config, data = self.config, self.data
        return ResNetDiscriminator(
            data.size, data.channels, data.labels.sizes, config.base_channels, config.spectral_norm
        )
