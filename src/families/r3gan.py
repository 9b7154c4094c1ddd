"""`r3gan`: relativistic pairing loss with R1 and R2, networks without normalisation, a palette head.

The recipe is R3GAN's (Huang et al., "The GAN is dead; long live the GAN!", 2024), cut to a small set and small
hardware: lazy penalties, conditioning ramped in (Shahbazi et al., 2022), augmentation that keeps the pixel grid with a
strength that adapts itself (Karras et al., 2020), and a penalty on samples of one label that are all alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.configuration import TrainingConfig
from src.device import Precision
from src.families.augmentation import DiffAugment
from src.families.interface import DataSpecification, Family, ScalarState, Stateful
from src.families.penalties import squared_gradient, variety_penalty
from src.families.schedule import cosine
from src.models.norm_free import NormFreeDiscriminator, NormFreeGenerator


@dataclass(frozen=True)
class R3GANConfig(TrainingConfig):
    """Pairs of `..._first` and `..._last` go from one to the other within `schedule_kimg`."""

    # Networks.
    latent_dim: int = 120
    base_channels: int = 64
    blocks: int = 1
    embedding_dim: int = 64
    # The most colours of one portrait, and the attribute that steers nothing but colours; 0 for free pixels.
    colours: int = 31
    colour_attribute: str = "palette"
    # A palette head's choice goes from soft to exact within so many kimg: early on, every entry gets a gradient.
    harden_kimg: float = 5.0
    # One schedule (half a cosine) for everything that changes.
    schedule_kimg: float = 500.0
    learning_rate_first: float = 2e-4
    learning_rate_last: float = 5e-5
    beta2_first: float = 0.9
    beta2_last: float = 0.99
    # R1 and R2 = gamma / 2 * squared gradient norm at reals and fakes, every so many steps with that many times the
    # weight. R3GAN's values at 64x64 are for batches of 256; smaller ones need more.
    gamma_first: float = 2.0
    gamma_last: float = 0.5
    penalty_interval: int = 4
    # Labels begin to count after a while: on a small set strong conditions from the start make samples collapse.
    label_ramp_kimg: float = 10.0
    # Augmentation: kinds, the largest probability, and how fast it moves (from 0 to 1 within so many kimg) to keep D's
    # advantage on training portraits at its target.
    augment: str = "flip,translation,cutout"
    augment_most: float = 0.5
    augment_move_kimg: float = 100.0
    augment_target: float = 0.6
    # Weight of the variety penalty: samples of one label as far apart as portraits of one label are.
    variety_weight: float = 2.0


class R3GAN(Family):
    """Generator, discriminator, their optimizers, and the step that trains both."""

    config_class = R3GANConfig
    profiles = {  # noqa: RUF012
        "smoke": {
            "kimg": 0.128,
            "batch_size": 16,
            "base_channels": 4,
            "colours": 7,
            "log_kimg": 0.032,
            "sample_kimg": 0.064,
            "checkpoint_kimg": 0.064,
        },
        "cpu": {"kimg": 30.0, "sample_kimg": 5.0, "checkpoint_kimg": 5.0},
        "rtx2070": {
            "kimg": 9000.0,
            "batch_size": 64,
            "base_channels": 128,
            "schedule_kimg": 3000.0,
            "harden_kimg": 20.0,
            "ema_half_life_kimg": 50.0,
            "log_kimg": 10.0,
            "sample_kimg": 200.0,
            "checkpoint_kimg": 200.0,
            "judge_kimg": 200.0,
        },
    }

    def __init__(self, config: R3GANConfig, data: DataSpecification, device: torch.device) -> None:
        self.config = config
        self.data = data
        self.precision = Precision(device, config.precision)
        self.augment = DiffAugment(config.augment, config.augment_most)
        self.augment_probability = torch.zeros((), device=device)
        sizes = data.labels.sizes
        colour_columns = [i for i, name in enumerate(data.labels.names) if name == config.colour_attribute]
        generator = NormFreeGenerator(
            data.size,
            sizes,
            colour_columns,
            config.latent_dim,
            config.base_channels,
            config.blocks,
            config.embedding_dim,
            config.colours,
        )
        discriminator = NormFreeDiscriminator(data.size, data.channels, sizes, config.base_channels, config.blocks)
        self.generator = generator.to(device, memory_format=torch.channels_last)
        self.discriminator = discriminator.to(device, memory_format=torch.channels_last)
        rate, betas = config.learning_rate_first, (0.0, config.beta2_first)
        self.optimizer_generator = torch.optim.Adam(self.generator.parameters(), rate, betas, fused=True)
        self.optimizer_discriminator = torch.optim.Adam(self.discriminator.parameters(), rate, betas, fused=True)

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
        self.follow_schedule(images_seen)

        # Fakes have the labels of the reals they are paired with. A quarter of the labels is drawn once more, for the
        # variety penalty; D does not see those.
        repeated = len(labels) // 4 if config.variety_weight > 0 else 0
        fake_labels = torch.cat([labels, labels[:repeated]])
        latents = torch.randn(len(fake_labels), config.latent_dim, device=reals.device)
        with self.precision.autocast():
            fakes = self.generator(latents, fake_labels).float()
        fakes, again = fakes[: len(labels)], fakes[len(labels) :]

        # D: every real should score higher than the fake it is paired with.
        self.optimizer_discriminator.zero_grad(set_to_none=True)
        seen_reals, seen_fakes = self.augmented(reals), self.augmented(fakes.detach())
        with self.precision.autocast():
            logits = self.discriminator(torch.cat([seen_reals, seen_fakes]), labels.repeat(2, 1)).float()
        real_logits, fake_logits = logits.chunk(2)
        loss_discriminator = functional.softplus(fake_logits - real_logits).mean()
        scaler.scale(loss_discriminator).backward()
        scalars = {
            "loss_discriminator": loss_discriminator,
            "logit_real": real_logits.mean(),
            "logit_fake": fake_logits.mean(),
        }
        # Now and then D learns to be flat around reals (R1) and around fakes (R2).
        if images_seen // config.batch_size % config.penalty_interval == 0:
            gamma = cosine(config.gamma_first, config.gamma_last, images_seen, config.schedule_kimg)
            with self.precision.penalty_autocast():
                r1 = squared_gradient(self.discriminator, seen_reals, labels)
                r2 = squared_gradient(self.discriminator, seen_fakes, labels)
            scaler.scale(config.penalty_interval * gamma / 2 * (r1 + r2)).backward()
            scalars |= {"r1": r1, "r2": r2}
        scaler.step(self.optimizer_discriminator)

        # G: every fake should score higher than the real it is paired with.
        self.optimizer_generator.zero_grad(set_to_none=True)
        self.discriminator.requires_grad_(False)
        with self.precision.autocast():
            fake_logits = self.discriminator(self.augmented(fakes), labels).float()
        # The reals' logits are constants here: those of D's own step will do.
        loss_generator = functional.softplus(real_logits.detach() - fake_logits).mean()
        scalars["loss_generator"] = loss_generator
        if repeated:
            pairs = torch.cat([fakes[:repeated], again])
            sameness = variety_penalty(pairs, self.data.within_label_distance)
            loss_generator = loss_generator + config.variety_weight * sameness
            scalars["sameness"] = sameness
        scaler.scale(loss_generator).backward()
        scaler.step(self.optimizer_generator)
        self.discriminator.requires_grad_(True)
        scaler.update()

        scalars["advantage"] = self.adapt_augmentation(logits.detach())
        scalars["augment_probability"] = self.augment_probability.clone()
        return {name: value.detach().float() for name, value in scalars.items()}

    def follow_schedule(self, images_seen: int) -> None:
        """Set what changes with the images seen: optimizers, the label's strength, the head's hardness."""
        config = self.config
        for optimizer in (self.optimizer_generator, self.optimizer_discriminator):
            for group in optimizer.param_groups:
                group["lr"] = cosine(
                    config.learning_rate_first, config.learning_rate_last, images_seen, config.schedule_kimg
                )
                group["betas"] = (0.0, cosine(config.beta2_first, config.beta2_last, images_seen, config.schedule_kimg))
        strength = cosine(0.0, 1.0, images_seen, config.label_ramp_kimg)
        self.generator.label_strength.fill_(strength)
        self.discriminator.label_strength.fill_(strength)
        if config.colours:
            self.generator.head.hardness.fill_(cosine(0.0, 1.0, images_seen, config.harden_kimg))

    def augmented(self, portraits: Tensor) -> Tensor:
        """What D sees of portraits [N, 4, H, W]."""
        return self.augment(portraits, self.augment_probability)

    def adapt_augmentation(self, logits: Tensor) -> Tensor:
        """Move the probability of augmentation by D's advantage, 2 P(real scores higher than its fake) - 1: above the
        target D has learnt the set by heart, so more; below it, less. ADA's heuristic on pairs instead of signs, since
        relativistic logits have no zero.

        Args:
            logits: [2N], reals then fakes.

        Returns:
            The advantage in [-1, 1].
        """
        config = self.config
        real_logits, fake_logits = logits.chunk(2)
        advantage = (real_logits - fake_logits).sign().mean()
        step = config.batch_size / (1000 * config.augment_move_kimg)
        moved = self.augment_probability + step * (advantage - config.augment_target).sign()
        self.augment_probability.copy_(moved.clamp(0, config.augment_most))
        return advantage

    @torch.no_grad()
    def draw(self, sampler: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        return sampler(latents, labels)

    @torch.no_grad()
    def watch(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """D's mean logit on held-out portraits: below the mean on reals it shows how far D has memorised them."""
        with self.precision.autocast():
            logits = self.discriminator(self.augmented(reals), labels)
        return {"logit_held_out": logits.float().mean()}

    @property
    def parts(self) -> dict[str, Stateful]:
        return {
            **self.networks,
            "optimizer_generator": self.optimizer_generator,
            "optimizer_discriminator": self.optimizer_discriminator,
            "scaler": self.precision.scaler,
            "augment_probability": ScalarState(self.augment_probability),
        }
