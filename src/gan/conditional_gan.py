"""The conditional GAN's training step, shared by `resnet_gan` and `cdcgan`, which choose networks and values."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from src.family import DataSpecification, Stateful, evaluation_mode
from src.gan.adaptive_augmentation import AdaptiveAugment
from src.gan.adversarial import ConditionalAdversarialConfig, ConditionalAdversarialFamily, frozen
from src.gan.diff_augment import instance_noise, saturated
from src.gan.losses import LOSSES, auxiliary_loss
from src.gan.penalties import squared_gradient
from src.schema import Count, CountOrZero, NonNegative, Positive, Share


class ConditionalGANConfig(ConditionalAdversarialConfig):
    """Optional pieces are off at 0, at an empty string, or at false."""

    spectral_norm: bool
    loss: Literal["hinge", "non_saturating"]
    r1_gamma: NonNegative
    r1_rise_kimg: NonNegative
    r1_interval: Count
    augment_target: Share
    augment_move_kimg: Positive
    instance_noise: NonNegative
    instance_noise_kimg: Positive
    chroma_gain: NonNegative
    frozen_blocks: CountOrZero


class ConditionalGAN(ConditionalAdversarialFamily):
    """The step that trains both networks: D `(portraits [N, C, H, W], labels [N, A]) -> logits [N]`, and G.

    A subclass says which networks, and whether D may see reals and fakes as one batch (`joint_batches`): with batch
    normalisation in D it must not.
    """

    config_class = ConditionalGANConfig
    joint_batches = True
    # Of the loss of D's class logits, where it has some.
    auxiliary_weight: float = 0.0

    def __init__(self, config: ConditionalGANConfig, data: DataSpecification, device: torch.device) -> None:
        super().__init__(config, data, device)
        self.loss = LOSSES[config.loss]
        if config.augment_target > 0:
            self.augment = AdaptiveAugment(self.augment, config.augment_target, config.augment_move_kimg, device)
        # FreezeD (Mo et al., 2020): D's first blocks, which look at details, stay as the weights of another set were.
        for block in self.discriminator_blocks[: config.frozen_blocks]:
            block.requires_grad_(False)

    @property
    @abstractmethod
    def discriminator_blocks(self) -> list[nn.Module]:
        """D's convolutions or blocks of them, from the portrait on."""

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        config, scaler = self.config, self.precision.scaler

        # Fakes, once for both networks.
        fake_labels = self.labels_of_fakes(labels)
        fakes = self.fakes(fake_labels)

        # Discriminator.
        self.optimizer_discriminator.zero_grad(set_to_none=True)
        seen_reals = self.as_seen(reals, images_seen)
        seen_fakes = self.as_seen(fakes.detach(), images_seen)
        with self.precision.autocast():
            real_logits, fake_logits, classes = self.discriminate_both(seen_reals, labels, seen_fakes, fake_labels)
            loss_discriminator = self.loss.discriminator(real_logits, fake_logits)
        # Classes are learned from reals alone: from fakes D would learn G's mistakes.
        loss_auxiliary = auxiliary_loss(classes, labels)
        scaler.scale(loss_discriminator + self.auxiliary_weight * loss_auxiliary).backward()
        scalars = {
            "loss_discriminator": loss_discriminator,
            "logit_real": real_logits.mean(),
            "logit_fake": fake_logits.mean(),
        }
        # Lazy R1 (StyleGAN2; Karras et al., 2020). In fp32: second derivatives underflow in fp16.
        step = images_seen // config.batch_size
        if config.r1_gamma > 0 and step % config.r1_interval == 0:
            penalty = squared_gradient(self.discriminator, seen_reals, labels)
            scaler.scale(config.r1_interval * self.r1_gamma(images_seen) / 2 * penalty).backward()
            scalars["r1"] = penalty
        scaler.step(self.optimizer_discriminator)

        # Generator.
        with frozen(self.discriminator), self.precision.autocast():
            fake_logits, classes = self.discriminate(self.as_seen(fakes, images_seen), fake_labels)
            loss_generator = self.loss.generator(fake_logits)
        scalars["loss_generator"] = loss_generator
        if self.auxiliary_weight > 0:
            scalars["loss_auxiliary_real"] = loss_auxiliary
            scalars["loss_auxiliary_fake"] = auxiliary_loss(classes, fake_labels)
            loss_generator = loss_generator + self.auxiliary_weight * scalars["loss_auxiliary_fake"]
        self.minimise(self.with_diversity(loss_generator, fakes, scalars), self.optimizer_generator)

        scaler.update()
        if isinstance(self.augment, AdaptiveAugment):
            self.augment.adapt(real_logits.sign().mean(), config.batch_size)
            scalars["augment_probability"] = self.augment.probability.clone()
        return scalars

    def as_seen(self, images: Tensor, images_seen: int) -> Tensor:
        """Portraits [N, C, H, W] as D sees them: augmented, in stronger colours, and with noise."""
        seen = saturated(self.augment(images), self.config.chroma_gain)
        # Noise last: in stronger colours it would hide what these show.
        return instance_noise(seen, self.noise_strength(images_seen))

    def discriminate(self, images: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
        """D's logits [N], and the logits [N, K] of each attribute's classes where D predicts them."""
        return self.discriminator(images, labels), []

    def discriminate_both(
        self, reals: Tensor, labels: Tensor, fakes: Tensor, fake_labels: Tensor
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """D's logits on reals and fakes, in one pass where D allows it, and the class logits of the reals."""
        if not self.joint_batches:
            real_logits, classes = self.discriminate(reals, labels)
            return real_logits, self.discriminate(fakes, fake_labels)[0], classes
        logits, classes = self.discriminate(torch.cat([reals, fakes]), torch.cat([labels, fake_labels]))
        real_logits, fake_logits = logits.float().split([len(reals), len(fakes)])
        return real_logits, fake_logits, [of_attribute[: len(reals)] for of_attribute in classes]

    @torch.no_grad()
    def validate(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """D's mean logit on validation portraits, augmented like those it learns from. A gap below `logit_real` is
        overfitting."""
        with evaluation_mode(self.discriminator), self.precision.autocast():
            logits = self.discriminator(self.as_seen(reals, images_seen), labels)
        return {"logit_validation": logits.float().mean()}

    @property
    def parts(self) -> dict[str, Stateful]:
        adaptive = isinstance(self.augment, AdaptiveAugment)
        return {**super().parts, **({"augment_probability": self.augment} if adaptive else {})}

    def r1_gamma(self, images_seen: int) -> float:
        """R1's weight rises linearly: a smooth D learns slowly at first, and later keeps G from swinging."""
        rise = 1000 * self.config.r1_rise_kimg
        return self.config.r1_gamma * (min(1.0, images_seen / rise) if rise > 0 else 1.0)

    def noise_strength(self, images_seen: int) -> float:
        """Instance noise fades linearly to nothing."""
        return self.config.instance_noise * max(0.0, 1 - images_seen / (1000 * self.config.instance_noise_kimg))
