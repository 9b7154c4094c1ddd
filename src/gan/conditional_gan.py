"""The conditional GAN's training step, shared by `resnet_gan` and `cdcgan`, which choose networks and values."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from src.family import DataSpecification, Stateful, evaluation_mode
from src.gan.adaptive_augmentation import AdaptiveAugment
from src.gan.adversarial import AdversarialFamily, frozen
from src.gan.diff_augment import DiffAugment, instance_noise
from src.gan.losses import LOSSES
from src.gan.penalties import diversity_loss, squared_gradient
from src.schema import Count, CountOrZero, Decay, NonNegative, Positive, Share, TrainingConfig


class ConditionalGANConfig(TrainingConfig):
    """Every piece of the recipe can be switched off by its value: a weight of 0, an empty text, a false."""

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
    augment_target: Share
    augment_move_kimg: Positive
    instance_noise: NonNegative
    instance_noise_kimg: Positive
    diversity_weight: NonNegative
    frozen_blocks: CountOrZero


class ConditionalGAN(AdversarialFamily):
    """The step that trains both networks: D `(portraits [N, C, H, W], labels [N, A]) -> logits [N]`, and G.

    A subclass says which networks, and whether D may see reals and fakes as one batch (`joint_batches`): with batch
    normalisation in D it must not.
    """

    config_class = ConditionalGANConfig
    joint_batches = True

    def __init__(self, config: ConditionalGANConfig, data: DataSpecification, device: torch.device) -> None:
        super().__init__(config, data, device)
        self.loss = LOSSES[config.loss]
        self.augment = DiffAugment(config.augment, config.augment_probability)
        if config.augment_target > 0:
            self.augment = AdaptiveAugment(self.augment, config.augment_target, config.augment_move_kimg, device)
        # FreezeD (Mo et al., 2020): D's first blocks, which look at details, stay as the weights of another set were.
        for block in self.discriminator_blocks[: config.frozen_blocks]:
            block.requires_grad_(False)

    @property
    @abstractmethod
    def discriminator_blocks(self) -> list[nn.Module]:
        """D's convolutions or blocks of them, from the portrait on."""

    def build_optimizers(self) -> None:
        config = self.config
        betas = (config.beta1, config.beta2)
        self.build_adams(config.learning_rate_generator, config.learning_rate_discriminator, betas)

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        config, scaler = self.config, self.precision.scaler
        noise = self.noise_strength(images_seen)

        # Fakes, once for both networks. With the diversity loss every label comes twice, half a batch apart.
        fake_labels = labels
        if config.diversity_weight > 0:
            fake_labels = labels[: len(labels) // 2].repeat(2, 1)
        fakes = self.fakes(fake_labels)

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

        # G learns to be taken for real.
        with frozen(self.discriminator), self.precision.autocast():
            fake_logits = self.discriminator(instance_noise(self.augment(fakes), noise), fake_labels)
            loss_generator = self.loss.generator(fake_logits)
        scalars["loss_generator"] = loss_generator
        if config.diversity_weight > 0:
            loss_diversity = diversity_loss(fakes, self.data.intra_class_distance)
            loss_generator = loss_generator + config.diversity_weight * loss_diversity
            scalars["diversity_loss"] = loss_diversity
        self.minimise(loss_generator, self.optimizer_generator)

        scaler.update()
        if isinstance(self.augment, AdaptiveAugment):
            self.augment.adapt(real_logits.detach().sign().mean(), len(reals))
            scalars["augment_probability"] = self.augment.probability.clone()
        return {name: value.detach().float() for name, value in scalars.items()}

    def discriminate(self, reals: Tensor, labels: Tensor, fakes: Tensor, fake_labels: Tensor) -> tuple[Tensor, Tensor]:
        """D's logits on reals and fakes, in one pass where D allows it."""
        if not self.joint_batches:
            return self.discriminator(reals, labels), self.discriminator(fakes, fake_labels)
        logits = self.discriminator(torch.cat([reals, fakes]), torch.cat([labels, fake_labels]))
        return logits.float().split([len(reals), len(fakes)])

    @torch.no_grad()
    def validate(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """D's mean logit on validation portraits, changed like those it learns from: below the mean on those it shows
        how far D has memorised them."""
        seen_reals = instance_noise(self.augment(reals), self.noise_strength(images_seen))
        with evaluation_mode(self.discriminator), self.precision.autocast():
            logits = self.discriminator(seen_reals, labels)
        return {"logit_validation": logits.float().mean()}

    @property
    def parts(self) -> dict[str, Stateful]:
        adaptive = isinstance(self.augment, AdaptiveAugment)
        return {**super().parts, **({"augment_probability": self.augment} if adaptive else {})}

    def noise_strength(self, images_seen: int) -> float:
        """Instance noise fades linearly to nothing."""
        return self.config.instance_noise * max(0.0, 1 - images_seen / (1000 * self.config.instance_noise_kimg))
