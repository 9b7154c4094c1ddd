"""The conditional GAN's training step, shared by every GAN family; a family chooses networks and values."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from src.config import Count, Decay, NonNegative, Positive, Share, TrainingConfig
from src.device import Precision
from src.family import DataSpecification, Family, Stateful
from src.gan.diff_augment import DiffAugment, instance_noise
from src.gan.losses import make_loss
from src.gan.penalties import diversity_loss, squared_gradient


class ConditionalGANConfig(TrainingConfig):
    """Every piece of the recipe can be switched off by its value: a weight of 0, an empty list, a false."""

    latent_dim: Count
    base_channels: Count
    embedding_dim: Count
    spectral_norm: bool
    loss: Literal["hinge", "non_saturating"]
    learning_rate_generator: NonNegative
    learning_rate_discriminator: NonNegative
    beta1: Decay
    beta2: Decay
    r1_gamma: NonNegative
    r1_interval: Count
    augment: str
    augment_probability: Share
    instance_noise: NonNegative
    instance_noise_kimg: Positive
    diversity_weight: NonNegative


class ConditionalGAN(Family):
    """Generator and discriminator, their two optimizers, and the step that trains both.

    A subclass says which networks (`build_generator`, `build_discriminator`), and whether D may see reals and fakes
    as one batch (`joint_batches`): with batch normalisation in D it must not.
    """

    config_class = ConditionalGANConfig
    joint_batches = True

    def __init__(self, config: ConditionalGANConfig, data: DataSpecification, device: torch.device) -> None:
        self.config = config
        self.data = data
        self.precision = Precision(device, config.precision)
        self.loss = make_loss(config.loss)
        self.augment = DiffAugment(config.augment, config.augment_probability)
        self.generator = self.build_generator().to(device, memory_format=torch.channels_last)
        self.discriminator = self.build_discriminator().to(device, memory_format=torch.channels_last)
        betas = (config.beta1, config.beta2)
        self.optimizer_generator = torch.optim.Adam(
            self.generator.parameters(), config.learning_rate_generator, betas, fused=True
        )
        self.optimizer_discriminator = torch.optim.Adam(
            self.discriminator.parameters(), config.learning_rate_discriminator, betas, fused=True
        )

    @abstractmethod
    def build_generator(self) -> nn.Module:
        """`(latents [N, Z], labels [N, A]) -> portraits [N, C, H, W]`, on the CPU."""

    @abstractmethod
    def build_discriminator(self) -> nn.Module:
        """`(portraits [N, C, H, W], labels [N, A]) -> logits [N]`, on the CPU."""

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
        noise = self.noise_strength(images_seen)

        # Draw fakes once, for both networks. With the diversity loss every label comes twice, half a batch apart.
        fake_labels = labels
        if config.diversity_weight > 0:
            fake_labels = labels[: len(labels) // 2].repeat(2, 1)
        latents = torch.randn(len(fake_labels), self.latent_dim, device=reals.device)
        with self.precision.autocast():
            fakes = self.generator(latents, fake_labels)
        fakes = fakes.float()

        # D learns to tell reals from fakes ...
        self.optimizer_discriminator.zero_grad(set_to_none=True)
        seen_reals = instance_noise(self.augment(reals), noise)
        seen_fakes = instance_noise(self.augment(fakes.detach()), noise)
        with self.precision.autocast():
            real_logits, fake_logits = self.discriminate(seen_reals, labels, seen_fakes, fake_labels)
            loss_discriminator = self.loss.discriminator(real_logits, fake_logits)
        scaler.scale(loss_discriminator).backward()
        scalars = {
            "loss_discriminator": loss_discriminator,
            "logit_real": real_logits.mean(),
            "logit_fake": fake_logits.mean(),
        }
        # ... and, now and then, to be flat around the reals. In fp32: second derivatives underflow in short formats.
        step = images_seen // config.batch_size
        if config.r1_gamma > 0 and step % config.r1_interval == 0:
            penalty = squared_gradient(self.discriminator, seen_reals, labels)
            scaler.scale(config.r1_interval * config.r1_gamma / 2 * penalty).backward()
            scalars["r1"] = penalty
        scaler.step(self.optimizer_discriminator)

        # G learns to be taken for real. D is frozen: its gradients would be thrown away.
        self.optimizer_generator.zero_grad(set_to_none=True)
        self.discriminator.requires_grad_(False)
        with self.precision.autocast():
            fake_logits = self.discriminator(instance_noise(self.augment(fakes), noise), fake_labels)
            loss_generator = self.loss.generator(fake_logits)
        scalars["loss_generator"] = loss_generator
        if config.diversity_weight > 0:
            loss_diversity = diversity_loss(fakes, self.data.intra_class_distance)
            loss_generator = loss_generator + config.diversity_weight * loss_diversity
            scalars["diversity_loss"] = loss_diversity
        scaler.scale(loss_generator).backward()
        scaler.step(self.optimizer_generator)
        self.discriminator.requires_grad_(True)

        scaler.update()
        return {name: value.detach().float() for name, value in scalars.items()}

    def discriminate(self, reals: Tensor, labels: Tensor, fakes: Tensor, fake_labels: Tensor) -> tuple[Tensor, Tensor]:
        """D's logits on reals and fakes, in one pass where D allows it."""
        if not self.joint_batches:
            return self.discriminator(reals, labels), self.discriminator(fakes, fake_labels)
        logits = self.discriminator(torch.cat([reals, fakes]), torch.cat([labels, fake_labels]))
        return logits.float().split([len(reals), len(fakes)])

    @torch.no_grad()
    def sample(self, sampler: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        return sampler(latents, labels)

    @torch.no_grad()
    def watch(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """D's mean logit on validation portraits, changed like those it learns from: below the mean on those it shows
        how far D has memorised them."""
        seen_reals = instance_noise(self.augment(reals), self.noise_strength(images_seen))
        self.discriminator.eval()
        with self.precision.autocast():
            logits = self.discriminator(seen_reals, labels)
        self.discriminator.train()
        return {"logit_validation": logits.float().mean()}

    def noise_strength(self, images_seen: int) -> float:
        """Instance noise fades linearly to nothing."""
        return self.config.instance_noise * max(0.0, 1 - images_seen / (1000 * self.config.instance_noise_kimg))

    @property
    def parts(self) -> dict[str, Stateful]:
        return {
            **self.networks,
            "optimizer_generator": self.optimizer_generator,
            "optimizer_discriminator": self.optimizer_discriminator,
            "scaler": self.precision.scaler,
        }
