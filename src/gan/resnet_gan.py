"""`resnet_gan`: the main model. ResNet generator with conditional normalisation, projection discriminator,
spectral normalisation, hinge loss, TTUR, lazy R1, DiffAugment, fading instance noise, diversity loss."""

from __future__ import annotations

from torch import nn

from src.gan.conditional_gan import ConditionalGAN, ConditionalGANConfig
from src.gan.resnet import ResNetDiscriminator, ResNetGenerator
from src.schema import Count


class ResNetGANConfig(ConditionalGANConfig):
    patch_size: Count


class ResNetGAN(ConditionalGAN):
    """See `ConditionalGAN` for the training step."""

    config_class = ResNetGANConfig
    layered_latents = True

    def build_generator(self) -> nn.Module:
        config, data = self.config, self.data
        sizes = config.latent_dim, config.base_channels, config.embedding_dim, config.patch_size
        return ResNetGenerator(data.size, data.channels, data.labels.sizes, *sizes)

    def build_discriminator(self) -> nn.Module:
        config, data = self.config, self.data
        sizes = config.base_channels, config.spectral_norm, config.patch_size
        return ResNetDiscriminator(data.size, data.channels, data.labels.sizes, *sizes)

    @property
    def discriminator_blocks(self) -> list[nn.Module]:
        return list(self.discriminator.blocks)
