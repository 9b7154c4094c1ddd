"""What all adversarial families share: generator, discriminator, and an Adam for each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor, nn

from src.family import DataSpecification, Family, Stateful
from src.gan.diff_augment import DiffAugment
from src.gan.penalties import diversity_loss
from src.schema import Count, Decay, NonNegative, Share, TrainingConfig


class AdversarialFamily(Family):
    """Generator G and discriminator D (Goodfellow et al., 2014). A subclass adds networks, their Adams, and a step."""

    # What logs and checkpoints call D.
    discriminator_name: ClassVar[str] = "discriminator"
    smooth_latents = True

    def __init__(self, config: TrainingConfig, data: DataSpecification, device: torch.device) -> None:
        super().__init__(config, data, device)
        self.generator = self.build_generator().to(device, memory_format=torch.channels_last)
        self.discriminator = self.build_discriminator().to(device, memory_format=torch.channels_last)

    @abstractmethod
    def build_generator(self) -> nn.Module:
        """`(latents [N, Z], labels [N, A]) -> portraits [N, C, H, W]`, on the CPU; of latents alone where the family
        is unconditional."""

    @abstractmethod
    def build_discriminator(self) -> nn.Module:
        """The network that tells reals from fakes, on the CPU."""

    def build_adams(self, rate_generator: float, rate_discriminator: float, betas: tuple[float, float]) -> None:
        """For `build_optimizers`: one Adam per network, with its learning rate and the decay rates of the moments."""
        trainable = [parameter for parameter in self.discriminator.parameters() if parameter.requires_grad]
        self.optimizer_generator = torch.optim.Adam(self.generator.parameters(), rate_generator, betas, fused=True)
        self.optimizer_discriminator = torch.optim.Adam(trainable, rate_discriminator, betas, fused=True)

    @property
    def sampler(self) -> nn.Module:
        return self.generator

    @property
    def latent_dim(self) -> int:
        return self.config.latent_dim

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, self.discriminator_name: self.discriminator}

    @property
    def parts(self) -> dict[str, Stateful]:
        return {
            **self.networks,
            "optimizer_generator": self.optimizer_generator,
            f"optimizer_{self.discriminator_name}": self.optimizer_discriminator,
            "scaler": self.precision.scaler,
        }

    def generate(self, generator: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        """Portraits [N, C, H, W] for latents [N, Z] and, in a conditional family, labels int64 [N, A]."""
        return generator(latents, labels) if self.conditional else generator(latents)

    def fakes(self, labels: Tensor) -> Tensor:
        """Portraits [N, C, H, W] of G in training, for labels int64 [N, A] and random latents."""
        latents = torch.randn(len(labels), self.latent_dim, device=labels.device)
        with self.precision.autocast():
            portraits = self.generate(self.generator, latents, labels)
        return portraits.float()

    @torch.no_grad()
    def sample(self, sampler: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        return self.generate(sampler, latents, labels)


class ConditionalAdversarialConfig(TrainingConfig):
    """What the conditional families share: two learning rates, augmentation, the diversity loss."""

    latent_dim: Count
    base_channels: Count
    embedding_dim: Count
    learning_rate_generator: NonNegative
    learning_rate_discriminator: NonNegative
    beta1: Decay
    beta2: Decay
    augment: str
    augment_probability: Share
    diversity_weight: NonNegative


class ConditionalAdversarialFamily(AdversarialFamily):
    """An adversarial family with labels. A subclass augments what D sees, and adds the diversity loss to G's."""

    def __init__(self, config: ConditionalAdversarialConfig, data: DataSpecification, device: torch.device) -> None:
        super().__init__(config, data, device)
        self.augment = DiffAugment(config.augment, config.augment_probability)

    def build_optimizers(self) -> None:
        config = self.config
        betas = (config.beta1, config.beta2)
        self.build_adams(config.learning_rate_generator, config.learning_rate_discriminator, betas)

    def labels_of_fakes(self, labels: Tensor) -> Tensor:
        """Int64 [N, A]: those of the reals; with the diversity loss every label comes twice, half a batch apart."""
        return labels[: len(labels) // 2].repeat(2, 1) if self.config.diversity_weight > 0 else labels

    def with_diversity(self, loss: Tensor, fakes: Tensor, scalars: dict[str, Tensor]) -> Tensor:
        """G's loss and the diversity loss of fakes under `labels_of_fakes`, which is also noted in the scalars."""
        if self.config.diversity_weight == 0:
            return loss
        scalars["diversity_loss"] = diversity_loss(fakes, self.data.intra_class_distance)
        return loss + self.config.diversity_weight * scalars["diversity_loss"]


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Freeze D's parameters during G's step: gradients still flow through D to G, none are computed for D."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    network.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)
