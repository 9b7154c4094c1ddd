"""`acgan`: the auxiliary classifier GAN (Odena et al., 2017), after the TinyHero project's conditional DCGAN.

D does not get the labels: it predicts them, one head an attribute, and G learns to be recognised. How it fails: what is
easiest to recognise is one typical figure a label, and the paper's losses ask for no more. The diversity loss does, and
augmentation keeps D from memorising a small set; both can be switched off. Labels are right early on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from src.family import evaluation_mode
from src.gan.adversarial import ConditionalAdversarialConfig, ConditionalAdversarialFamily, frozen
from src.gan.conditional_dcgan import ConditionalDCGANGenerator, check_size, dcgan_weights, strided_layers
from src.gan.losses import auxiliary_loss
from src.schema import NonNegative, Share
from src.zoo.cross_entropy import cross_entropy


class AuxiliaryClassifierDiscriminator(nn.Module):
    """Strided convolutions to 4x4; on top of them one head for real or fake and one for every attribute.

    The labels are not an input: unlike a conditional discriminator it has to read them off the portrait.

    Args:
        size: side of the portraits in pixels, a power of two from 8.
        image_channels: C of the portraits, 4 for RGBA.
        class_counts: the number of classes of each attribute; empty for data without labels, then no such head.
        base_channels: channels after the first layer; twice as many after each further one.
        dropout: share of the features that training drops before the heads.

    Raises:
        ValueError: another size.
    """

    def __init__(
        self,
        size: int,
        image_channels: int,
        class_counts: Sequence[int],
        base_channels: int = 64,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_size(size, 8)
        levels = size.bit_length() - 3
        channels = [image_channels, *[base_channels * 2**level for level in range(levels)]]
        self.layers = nn.Sequential(*strided_layers(channels), nn.Flatten(), nn.Dropout(dropout))
        features = channels[-1] * 4 * 4
        self.real_or_fake = nn.Linear(features, 1)
        self.classifiers = nn.ModuleList([nn.Linear(features, count) for count in class_counts])
        self.apply(dcgan_weights)

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Portraits [N, C, size, size] in [-1, 1] -> logits [N], positive means real, and for each attribute the
        logits [N, K] of its K classes."""
        features = self.layers(images)
        return self.real_or_fake(features).squeeze(1), [classifier(features) for classifier in self.classifiers]


class ACGANConfig(ConditionalAdversarialConfig):
    """A conditional GAN's fields, and the classifiers'."""

    dropout: Share
    # Past a half, fakes win.
    real_target: Annotated[float, Field(gt=0.5, le=1)]
    auxiliary_weight: NonNegative


class ACGAN(ConditionalAdversarialFamily):
    """G, D with its classifiers, and the step that trains both."""

    config_class = ACGANConfig

    def build_generator(self) -> nn.Module:
        config, data = self.config, self.data
        sizes = config.latent_dim, config.base_channels, config.embedding_dim
        return ConditionalDCGANGenerator(data.size, data.channels, data.labels.sizes, *sizes)

    def build_discriminator(self) -> nn.Module:
        config, data = self.config, self.data
        return AuxiliaryClassifierDiscriminator(
            data.size, data.channels, data.labels.sizes, config.base_channels, config.dropout
        )

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        weight = self.config.auxiliary_weight

        # Fakes, once for both networks.
        fake_labels = self.labels_of_fakes(labels)
        fakes = self.fakes(fake_labels)

        # D learns to tell reals from fakes, and to predict the classes of both. Apart: batch normalisation over both
        # would give the answer away.
        with self.precision.autocast():
            real_logits, real_classes = self.discriminator(self.augment(reals))
            fake_logits, fake_classes = self.discriminator(self.augment(fakes.detach()))
        loss_discriminator = cross_entropy(real_logits, self.config.real_target) + cross_entropy(fake_logits, 0.0)
        loss_auxiliary_real = auxiliary_loss(real_classes, labels)
        loss_auxiliary_fake = auxiliary_loss(fake_classes, fake_labels)
        auxiliary = loss_auxiliary_real + loss_auxiliary_fake
        self.minimise(loss_discriminator + weight * auxiliary, self.optimizer_discriminator)

        # G learns to be taken for real, and for the labels that were requested.
        with frozen(self.discriminator), self.precision.autocast():
            logits, classes = self.discriminator(self.augment(fakes))
        loss_generator = cross_entropy(logits, 1.0)
        scalars = {
            "loss_discriminator": loss_discriminator,
            "loss_generator": loss_generator,
            "loss_auxiliary_real": loss_auxiliary_real,
            "loss_auxiliary_fake": loss_auxiliary_fake,
            "logit_real": real_logits.mean(),
            "logit_fake": fake_logits.mean(),
        }
        loss = self.with_diversity(loss_generator + weight * auxiliary_loss(classes, fake_labels), fakes, scalars)
        self.minimise(loss, self.optimizer_generator)
        self.precision.scaler.update()
        return scalars

    @torch.no_grad()
    def validate(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """On validation portraits: D's mean logit, and the share whose class it predicts rightly, an attribute each. G
        is only asked to please this classifier, so it can learn no more about labels than the classifier knows."""
        with evaluation_mode(self.discriminator), self.precision.autocast():
            logits, classes = self.discriminator(reals)
        scalars = {"logit_validation": logits.float().mean()}
        for column, name in enumerate(self.data.labels.names):
            right = classes[column].argmax(dim=1) == labels[:, column]
            scalars[f"accuracy_validation_{name}"] = right.float().mean()
        return scalars
