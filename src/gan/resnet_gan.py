"""`resnet_gan`: the main model. ResNet generator with conditional normalisation, projection discriminator,
spectral normalisation, hinge loss, TTUR, lazy R1, DiffAugment, fading instance noise, diversity loss; a palette head
and a classifier beside the projection, where they are switched on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from src.family import DataSpecification
from src.gan.conditional_gan import ConditionalGAN, ConditionalGANConfig
from src.gan.resnet import ResNetDiscriminator, ResNetGenerator
from src.palettes.head import colours_note
from src.schema import Count, CountOrZero, NonNegative


class ResNetGANConfig(ConditionalGANConfig):
    patch_size: Count
    colours: CountOrZero
    colour_attribute: str
    harden_kimg: NonNegative
    auxiliary_weight: NonNegative


class ResNetGAN(ConditionalGAN):
    """See `ConditionalGAN` for the training step."""

    config_class = ResNetGANConfig
    layered_latents = True

    def __init__(self, config: ResNetGANConfig, data: DataSpecification, device: torch.device) -> None:
        super().__init__(config, data, device)
        self.auxiliary_weight = config.auxiliary_weight

    def build_generator(self) -> nn.Module:
        config, data = self.config, self.data
        sizes = config.latent_dim, config.base_channels, config.embedding_dim, config.patch_size, config.colours
        colour_columns = [column for column, name in enumerate(data.labels.names) if name == config.colour_attribute]
        return ResNetGenerator(data.size, data.channels, data.labels.sizes, *sizes, colour_columns)

    def build_discriminator(self) -> nn.Module:
        config, data = self.config, self.data
        sizes = config.base_channels, config.spectral_norm, config.patch_size
        return ResNetDiscriminator(
            data.size, data.channels, data.labels.sizes, *sizes, classifiers=config.auxiliary_weight > 0
        )

    @property
    def discriminator_blocks(self) -> list[nn.Module]:
        return list(self.discriminator.blocks)

    def prepare_images(self, images: np.ndarray) -> tuple[np.ndarray, str]:
        return images, colours_note(images, self.config.colours)

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        if self.config.colours:
            hardness = images_seen / (1000 * self.config.harden_kimg) if self.config.harden_kimg > 0 else 1.0
            self.generator.head.hardness.fill_(min(1.0, hardness))
        return super().train_step(reals, labels, images_seen)

    def discriminate(self, images: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
        if self.auxiliary_weight == 0:
            return super().discriminate(images, labels)
        features = self.discriminator.features(images)
        return self.discriminator.head(features, labels), self.discriminator.classify(features)
