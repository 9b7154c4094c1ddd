"""What all adversarial families share: two networks that play against each other, and an Adam for each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor, nn

from src.family import DataSpecification, Family, Stateful
from src.schema import TrainingConfig


class AdversarialFamily(Family):
    """Generator G and discriminator D (Goodfellow et al., 2014).

    A subclass adds which networks, with what Adam, and what a step is.
    """

    # What logs and checkpoints call D.
    discriminator_name: ClassVar[str] = "discriminator"

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
        """For `build_optimizers`: an Adam for each network, their learning rates and decay rates of the moments."""
        learning = [parameter for parameter in self.discriminator.parameters() if parameter.requires_grad]
        self.optimizer_generator = torch.optim.Adam(self.generator.parameters(), rate_generator, betas, fused=True)
        self.optimizer_discriminator = torch.optim.Adam(learning, rate_discriminator, betas, fused=True)

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


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Context in which what passes a network gives its parameters no gradients: in G's step those of D would be worked
    out for nothing."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    network.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
