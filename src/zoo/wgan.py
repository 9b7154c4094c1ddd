"""`wgan`: portraits without labels, DCGAN networks and the Wasserstein loss, after the TinyHero project.

The critic's score has to be 1-Lipschitz in the portrait. A gradient penalty sees to it (WGAN-GP; Gulrajani et al.,
2017), or clipped weights (WGAN; Arjovsky et al., 2017). Cross-entropy with soft and noisy labels is there to compare.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from src.config import Count, Decay, NonNegative, Share, TrainingConfig
from src.device import Precision
from src.family import DataSpecification, Family, Stateful
from src.gan.losses import cross_entropy
from src.zoo.dcgan import DCGANDiscriminator, DCGANGenerator


class WGANConfig(TrainingConfig):
    """WGAN-GP; by its values the WGAN with clipped weights or a plain DCGAN.

    Values that together mean nothing are refused, rather than one of them left out in silence.
    """

    latent_dim: Count
    generator_channels: Count
    critic_channels: Count
    normalisation: Literal["batch", "layer", "instance", "none"]
    dropout_generator: Share
    dropout_critic: Share
    loss: Literal["wasserstein", "cross_entropy"]
    constraint: Literal["gradient_penalty", "weight_clipping", "none"]
    penalty_weight: NonNegative
    clip: NonNegative
    critic_steps: Count
    # Past a half, fakes win.
    real_target: Annotated[float, Field(gt=0.5, le=1)]
    flipped_share: Annotated[float, Field(ge=0, lt=0.5)]
    learning_rate: NonNegative
    beta1: Decay
    beta2: Decay

    @model_validator(mode="after")
    def _means_something(self) -> WGANConfig:
        if self.loss == "wasserstein":
            if self.real_target != 1 or self.flipped_share > 0:
                raise ValueError("soft and noisy labels need loss=cross_entropy: the Wasserstein loss has no labels")
            if self.constraint == "none":
                raise ValueError(
                    "the Wasserstein loss grows without bound unless the critic is held: use "
                    "constraint=gradient_penalty or constraint=weight_clipping"
                )
        elif self.constraint == "weight_clipping":
            raise ValueError(
                "constraint=weight_clipping belongs to loss=wasserstein; with cross_entropy use gradient_penalty or "
                "none"
            )
        if self.constraint == "gradient_penalty" and self.normalisation == "batch":
            raise ValueError(
                "a gradient penalty needs scores that depend on one portrait each, which normalisation=batch prevents: "
                "use layer, instance or none"
            )
        return self


class WGAN(Family):
    """Generator, critic, an Adam for each, and the step that trains one or both."""

    config_class = WGANConfig
    conditional = False

    def __init__(self, config: WGANConfig, data: DataSpecification, device: torch.device) -> None:
        self.config = config
        self.data = data
        self.precision = Precision(device, config.precision)
        generator = DCGANGenerator(
            data.size, data.channels, config.latent_dim, config.generator_channels, config.dropout_generator
        )
        critic = DCGANDiscriminator(
            data.size, data.channels, config.critic_channels, config.normalisation, config.dropout_critic
        )
        self.generator = generator.to(device, memory_format=torch.channels_last)
        self.critic = critic.to(device, memory_format=torch.channels_last)
        betas = (config.beta1, config.beta2)
        self.optimizer_generator = torch.optim.Adam(
            self.generator.parameters(), config.learning_rate, betas, fused=True
        )
        self.optimizer_critic = torch.optim.Adam(self.critic.parameters(), config.learning_rate, betas, fused=True)

    @property
    def sampler(self) -> nn.Module:
        return self.generator

    @property
    def latent_dim(self) -> int:
        return self.config.latent_dim

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "critic": self.critic}

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        scalars = self._train_critic(reals)
        # So that every one of the critic's steps has reals of its own, as in the papers, G waits for the last of them.
        step = images_seen // self.config.batch_size
        if (step + 1) % self.config.critic_steps == 0:
            scalars |= self._train_generator(len(reals), reals.device)
        self.precision.scaler.update()
        return {name: value.detach().float() for name, value in scalars.items()}

    def _train_critic(self, reals: Tensor) -> dict[str, Tensor]:
        config, scaler = self.config, self.precision.scaler
        latents = torch.randn(len(reals), self.latent_dim, device=reals.device)
        with torch.no_grad(), self.precision.autocast():
            fakes = self.generator(latents)
        fakes = fakes.float()

        self.optimizer_critic.zero_grad(set_to_none=True)
        with self.precision.autocast():
            real_scores, fake_scores = self.critic(reals), self.critic(fakes)
        real_scores, fake_scores = real_scores.float(), fake_scores.float()
        if config.loss == "wasserstein":
            # The critic pushes the mean scores of reals and fakes apart; how far it gets is the distance.
            loss_critic = fake_scores.mean() - real_scores.mean()
        else:
            loss_critic = cross_entropy(real_scores, config.real_target, 0.0, config.flipped_share)
            loss_critic = loss_critic + cross_entropy(fake_scores, 0.0, config.real_target, config.flipped_share)
        scaler.scale(loss_critic).backward()
        scalars = {
            "loss_critic": loss_critic,
            "score_real": real_scores.mean(),
            "score_fake": fake_scores.mean(),
        }
        if config.constraint == "gradient_penalty":
            penalty = gradient_penalty(self.critic, reals, fakes)
            scaler.scale(config.penalty_weight * penalty).backward()
            scalars["gradient_penalty"] = penalty
        scaler.step(self.optimizer_critic)
        if config.constraint == "weight_clipping":
            with torch.no_grad():
                for parameter in self.critic.parameters():
                    parameter.clamp_(-config.clip, config.clip)
        return scalars

    def _train_generator(self, count: int, device: torch.device) -> dict[str, Tensor]:
        """G raises the critic's score of its samples. The critic is frozen: its gradients would be thrown away."""
        scaler = self.precision.scaler
        self.optimizer_generator.zero_grad(set_to_none=True)
        self.critic.requires_grad_(False)
        latents = torch.randn(count, self.latent_dim, device=device)
        with self.precision.autocast():
            fake_scores = self.critic(self.generator(latents))
        fake_scores = fake_scores.float()
        wasserstein = self.config.loss == "wasserstein"
        loss_generator = -fake_scores.mean() if wasserstein else cross_entropy(fake_scores, 1.0)
        scaler.scale(loss_generator).backward()
        scaler.step(self.optimizer_generator)
        self.critic.requires_grad_(True)
        return {"loss_generator": loss_generator}

    @torch.no_grad()
    def sample(self, sampler: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        return sampler(latents)

    @torch.no_grad()
    def watch(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """The critic's mean score of validation portraits: below the mean on those it learns from it shows how far the
        critic has memorised them."""
        self.critic.eval()
        with self.precision.autocast():
            scores = self.critic(reals)
        self.critic.train()
        return {"score_validation": scores.float().mean()}

    @property
    def parts(self) -> dict[str, Stateful]:
        return {
            **self.networks,
            "optimizer_generator": self.optimizer_generator,
            "optimizer_critic": self.optimizer_critic,
            "scaler": self.precision.scaler,
        }


def gradient_penalty(critic: nn.Module, reals: Tensor, fakes: Tensor) -> Tensor:
    """Mean of (|gradient of the score| - 1)^2 at points between reals and fakes (Gulrajani et al., 2017), without the
    factor lambda.

    The norm is over C, H and W of each portrait, so each score must depend on its own portrait alone: no batch
    normalisation in the critic. Second derivatives are taken: call it in fp32, outside autocast.

    Args:
        critic: `portraits [N, C, H, W] -> scores [N]`.
        reals: [N, C, H, W].
        fakes: [N, C, H, W].

    Returns:
        A scalar that can be differentiated with respect to the critic's parameters.
    """
    share = torch.rand(len(reals), 1, 1, 1, device=reals.device)
    between = torch.lerp(fakes.detach(), reals, share).requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()
