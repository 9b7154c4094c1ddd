"""`acgan`: the auxiliary classifier GAN (Odena et al., 2017), after the TinyHero project's conditional DCGAN. D is not
told the labels: it names them, one head an attribute, and G is to be recognised.

How it fails: what is easiest to recognise is one typical figure a label, and nothing in the losses asks for more, so
diversity within a label is low, often for good. Labels are obeyed early."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from src.config import Count, Decay, NonNegative, Share, TrainingConfig
from src.device import Precision
from src.family import DataSpecification, Family, Stateful
from src.gan.conditional_dcgan import ConditionalDCGANGenerator
from src.gan.losses import cross_entropy


class AuxiliaryClassifierDiscriminator(nn.Module):
    """Strided convolutions to 4x4; on top of them one head for real or fake and one for every attribute.

    The labels are not an input: unlike a conditional discriminator it has to read them off the portrait.

    Args:
        size: side of the portraits in pixels, a power of two from 8.
        image_channels: C of the portraits, 4 for RGBA.
        class_counts: the number of classes of each attribute; empty for data without labels, then no such head.
        base_channels: channels after the first layer; twice as many after each further one.
        dropout: share of the features that training drops before the heads.
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
        levels = size.bit_length() - 3
        channels = [image_channels, *[base_channels * 2**level for level in range(levels)]]
        layers: list[nn.Module] = []
        for level, (c_in, c_out) in enumerate(itertools.pairwise(channels)):
            layers.append(nn.Conv2d(c_in, c_out, 4, 2, 1))
            if level > 0:
                # No running statistics: reals and fakes have different ones, and a mean of both would fit neither.
                layers.append(nn.BatchNorm2d(c_out, track_running_stats=False))
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(dropout))
        features = channels[-1] * 4 * 4
        self.real_or_fake = nn.Linear(features, 1)
        self.classifiers = nn.ModuleList([nn.Linear(features, count) for count in class_counts])
        self.apply(_initialise)

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Portraits [N, C, size, size] in [-1, 1] -> logits [N], positive means real, and for each attribute the
        logits [N, K] of its K classes."""
        features = self.layers(images)
        return self.real_or_fake(features).squeeze(1), [classifier(features) for classifier in self.classifiers]


def _initialise(module: nn.Module) -> None:
    """Weights from a normal distribution of deviation 0.02, the DCGAN paper's choice."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


class ACGANConfig(TrainingConfig):
    """A DCGAN's fields, and the classifiers'."""

    latent_dim: Count
    base_channels: Count
    embedding_dim: Count
    dropout: Share
    # Past a half, fakes win.
    real_target: Annotated[float, Field(gt=0.5, le=1)]
    auxiliary_weight: NonNegative
    learning_rate_generator: NonNegative
    learning_rate_discriminator: NonNegative
    beta1: Decay
    beta2: Decay


class ACGAN(Family):
    """Generator, discriminator with its classifiers, an Adam for each, and the step that trains both."""

    config_class = ACGANConfig

    def __init__(self, config: ACGANConfig, data: DataSpecification, device: torch.device) -> None:
        self.config = config
        self.data = data
        self.precision = Precision(device, config.precision)
        generator = ConditionalDCGANGenerator(
            data.size, data.channels, data.labels.sizes, config.latent_dim, config.base_channels, config.embedding_dim
        )
        discriminator = AuxiliaryClassifierDiscriminator(
            data.size, data.channels, data.labels.sizes, config.base_channels, config.dropout
        )
        self.generator = generator.to(device, memory_format=torch.channels_last)
        self.discriminator = discriminator.to(device, memory_format=torch.channels_last)
        betas = (config.beta1, config.beta2)
        self.optimizer_generator = torch.optim.Adam(
            self.generator.parameters(), config.learning_rate_generator, betas, fused=True
        )
        self.optimizer_discriminator = torch.optim.Adam(
            self.discriminator.parameters(), config.learning_rate_discriminator, betas, fused=True
        )

    @property
    def sampler(self) -> nn.Module:
        return self.generator

    @property
    def latent_dim(self) -> int:
        return self.config.latent_dim

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        config, scaler = self.config, self.precision.scaler

        # Draw fakes under the batch's labels once, for both networks.
        latents = torch.randn(len(reals), self.latent_dim, device=reals.device)
        with self.precision.autocast():
            fakes = self.generator(latents, labels)
        fakes = fakes.float()

        # D learns to tell reals from fakes, and to name the classes of both. Apart: batch normalisation over both
        # would give the answer away.
        self.optimizer_discriminator.zero_grad(set_to_none=True)
        with self.precision.autocast():
            real_logits, real_classes = self.discriminator(reals)
            fake_logits, fake_classes = self.discriminator(fakes.detach())
        loss_discriminator = cross_entropy(real_logits, config.real_target) + cross_entropy(fake_logits, 0.0)
        loss_auxiliary_real = auxiliary_loss(real_classes, labels)
        loss_auxiliary_fake = auxiliary_loss(fake_classes, labels)
        auxiliary = loss_auxiliary_real + loss_auxiliary_fake
        scaler.scale(loss_discriminator + config.auxiliary_weight * auxiliary).backward()
        scaler.step(self.optimizer_discriminator)

        # G learns to be taken for real and for what it was asked to draw. D is frozen: its gradients would be thrown
        # away.
        self.optimizer_generator.zero_grad(set_to_none=True)
        self.discriminator.requires_grad_(False)
        with self.precision.autocast():
            logits, classes = self.discriminator(fakes)
        loss_generator = cross_entropy(logits, 1.0)
        scaler.scale(loss_generator + config.auxiliary_weight * auxiliary_loss(classes, labels)).backward()
        scaler.step(self.optimizer_generator)
        self.discriminator.requires_grad_(True)

        scaler.update()
        scalars = {
            "loss_discriminator": loss_discriminator,
            "loss_generator": loss_generator,
            "loss_auxiliary_real": loss_auxiliary_real,
            "loss_auxiliary_fake": loss_auxiliary_fake,
            "logit_real": real_logits.mean(),
            "logit_fake": fake_logits.mean(),
        }
        return {name: value.detach().float() for name, value in scalars.items()}

    @torch.no_grad()
    def sample(self, sampler: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        return sampler(latents, labels)

    @torch.no_grad()
    def watch(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """On validation portraits: D's mean logit, and the share whose class it names rightly, an attribute each. G is
        only asked to please this classifier, so it can learn no more about labels than the classifier knows."""
        self.discriminator.eval()
        with self.precision.autocast():
            logits, classes = self.discriminator(reals)
        self.discriminator.train()
        scalars = {"logit_validation": logits.float().mean()}
        for column, name in enumerate(self.data.labels.names):
            right = classes[column].argmax(dim=1) == labels[:, column]
            scalars[f"accuracy_validation_{name}"] = right.float().mean()
        return scalars

    @property
    def parts(self) -> dict[str, Stateful]:
        return {
            **self.networks,
            "optimizer_generator": self.optimizer_generator,
            "optimizer_discriminator": self.optimizer_discriminator,
            "scaler": self.precision.scaler,
        }


def auxiliary_loss(classes: Sequence[Tensor], labels: Tensor) -> Tensor:
    """Cross-entropy of the class logits, summed over the attributes, averaged over the batch.

    Args:
        classes: [N, K] for each attribute.
        labels: int64 [N, A].

    Returns:
        A scalar; 0 where there are no attributes.
    """
    loss = torch.zeros((), device=labels.device)
    for column, logits in enumerate(classes):
        loss = loss + functional.cross_entropy(logits.float(), labels[:, column])
    return loss
