"""`wgan`: portraits without labels, DCGAN networks and the Wasserstein loss, after the TinyHero project.

The discriminator is called critic: it gives scores, and their means over reals and fakes are to differ by the distance
between the two distributions. For that the score has to be 1-Lipschitz in the portrait. A gradient penalty sees to it
(WGAN-GP; Gulrajani et al., 2017), or clipped weights (WGAN; Arjovsky et al., 2017). Cross-entropy with soft and noisy
labels is there to compare.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from src.family import evaluation_mode
from src.gan.adversarial import AdversarialFamily, frozen
from src.schema import Count, Decay, NonNegative, Share, TrainingConfig
from src.zoo.cross_entropy import cross_entropy
from src.zoo.dcgan import DCGANDiscriminator, DCGANGenerator


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


class WGAN(AdversarialFamily):
    """The critic's step at every batch, and the generator's at every so many."""

    config_class = WGANConfig
    conditional = False
    discriminator_name = "critic"

    def build_generator(self) -> nn.Module:
        config, data = self.config, self.data
        return DCGANGenerator(
            data.size, data.channels, config.latent_dim, config.generator_channels, config.dropout_generator
        )

    def build_discriminator(self) -> nn.Module:
        config, data = self.config, self.data
        return DCGANDiscriminator(
            data.size, data.channels, config.critic_channels, config.normalisation, config.dropout_critic
        )

    def build_optimizers(self) -> None:
        rate = self.config.learning_rate
        self.build_adams(rate, rate, (self.config.beta1, self.config.beta2))

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        scalars = self.critic_step(reals, labels)
        # So that every one of the critic's steps has reals of its own, as in the papers, G waits for the last of them.
        step = images_seen // self.config.batch_size
        if (step + 1) % self.config.critic_steps == 0:
            scalars |= self.generator_step(labels)
        self.precision.scaler.update()
        return scalars

    def critic_step(self, reals: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The critic learns to score reals above fakes, and stays Lipschitz."""
        config, scaler, critic = self.config, self.precision.scaler, self.discriminator
        with torch.no_grad():
            fakes = self.fakes(labels)

        self.optimizer_discriminator.zero_grad(set_to_none=True)
        with self.precision.autocast():
            real_scores, fake_scores = critic(reals), critic(fakes)
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
            penalty = gradient_penalty(critic, reals, fakes)
            scaler.scale(config.penalty_weight * penalty).backward()
            scalars["gradient_penalty"] = penalty
        scaler.step(self.optimizer_discriminator)
        if config.constraint == "weight_clipping":
            with torch.no_grad():
                for parameter in critic.parameters():
                    parameter.clamp_(-config.clip, config.clip)
        return scalars

    def generator_step(self, labels: Tensor) -> dict[str, Tensor]:
        """G learns to raise the critic's score of its samples."""
        with frozen(self.discriminator), self.precision.autocast():
            fake_scores = self.discriminator(self.fakes(labels)).float()
        wasserstein = self.config.loss == "wasserstein"
        loss_generator = -fake_scores.mean() if wasserstein else cross_entropy(fake_scores, 1.0)
        self.minimise(loss_generator, self.optimizer_generator)
        return {"loss_generator": loss_generator}

    @torch.no_grad()
    def validate(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """The critic's mean score of validation portraits: below the mean on those it learns from it shows how far the
        critic has memorised them."""
        with evaluation_mode(self.discriminator), self.precision.autocast():
            scores = self.discriminator(reals)
        return {"score_validation": scores.float().mean()}
