"""`cdcgan`: the baseline. Conditional DCGAN with the logistic loss; no spectral normalisation, no penalties."""

from __future__ import annotations

from torch import nn

from src.gan.conditional_dcgan import ConditionalDCGANDiscriminator, ConditionalDCGANGenerator
from src.gan.conditional_gan import ConditionalGAN


class ConditionalDCGAN(ConditionalGAN):
    """See `ConditionalGAN` for the training step."""

    # Batch normalisation in D: statistics of a batch that mixes reals and fakes would give the answer away.
    joint_batches = False

    def build_generator(self) -> nn.Module:
        config, data = self.config, self.data
        sizes = config.latent_dim, config.base_channels, config.embedding_dim
        return ConditionalDCGANGenerator(data.size, data.channels, data.labels.sizes, *sizes)

    def build_discriminator(self) -> nn.Module:
        config, data = self.config, self.data
        sizes = config.base_channels, config.embedding_dim, config.spectral_norm
        return ConditionalDCGANDiscriminator(data.size, data.channels, data.labels.sizes, *sizes)

    @property
    def discriminator_blocks(self) -> list[nn.Module]:
        return [layer for layer in self.discriminator.layers if isinstance(layer, nn.Conv2d)]
