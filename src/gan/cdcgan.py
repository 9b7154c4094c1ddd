"""`cdcgan`: the baseline. Conditional DCGAN with the logistic loss; no spectral normalisation, no penalties."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from src.gan.conditional_dcgan import ConditionalDCGANDiscriminator, ConditionalDCGANGenerator
from src.gan.conditional_gan import ConditionalGAN, ConditionalGANConfig
from src.gan.resnet_gan import ResNetGAN


@dataclass(frozen=True)
class ConditionalDCGANConfig(ConditionalGANConfig):
    """The DCGAN paper's values; every piece of the flagship's recipe can be switched on."""

    base_channels: int = 64
    spectral_norm: bool = False
    loss: str = "non_saturating"
    learning_rate_generator: float = 2e-4
    learning_rate_discriminator: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    r1_gamma: float = 0.0
    augment: str = ""
    instance_noise: float = 0.0
    diversity_weight: float = 0.0


class ConditionalDCGAN(ConditionalGAN):
    """See `ConditionalGAN` for the training step."""

    config_class = ConditionalDCGANConfig
    profiles = ResNetGAN.profiles
    # Batch normalisation in D: statistics of a batch that mixes reals and fakes would give the answer away.
    joint_batches = False

    def build_generator(self) -> nn.Module:
        config, data = self.config, self.data
        return ConditionalDCGANGenerator(
            data.size, data.channels, data.labels.sizes, config.latent_dim, config.base_channels, config.embedding_dim
        )

    def build_discriminator(self) -> nn.Module:
        config, data = self.config, self.data
        return ConditionalDCGANDiscriminator(
            data.size,
            data.channels,
            data.labels.sizes,
            config.base_channels,
            config.embedding_dim,
            config.spectral_norm,
        )
