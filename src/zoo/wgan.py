"""`wgan`: portraits without labels, DCGAN networks and the Wasserstein loss, after the TinyHero project.

The discriminator is called critic: it gives scores, and their means over reals and fakes are to differ by the distance
between the two distributions. For that the score has to be 1-Lipschitz in the portrait. A gradient penalty sees to it
(WGAN-GP; Gulrajani et al., 2017), or clipped weights (WGAN; Arjovsky et al., 2017). Cross-entropy with soft and noisy
labels is there to compare.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from src.config import TrainingConfig
from src.errors import InputError
from src.family import DataSpecification, evaluation_mode
from src.gan.adversarial import AdversarialFamily, frozen
from src.gan.losses import cross_entropy
from src.zoo.dcgan import DCGANDiscriminator, DCGANGenerator

LOSSES = ("wasserstein", "cross_entropy")
CONSTRAINTS = ("gradient_penalty", "weight_clipping", "none")


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


@dataclass(frozen=True)
class WGANConfig(TrainingConfig):
    """WGAN-GP's values. Weight clipping: `constraint=weight_clipping`, and the paper's `learning_rate=5e-5`.
    The plain DCGAN: `loss=cross_entropy constraint=none normalisation=batch critic_steps=1 learning_rate=2e-4
    beta1=0.5 beta2=0.999`."""

    # Networks: feature maps at 8x8 in G, after the first layer in the critic.
    latent_dim: int = 100
    generator_channels: int = 256
    critic_channels: int = 64
    # batch, layer, instance or none, in the critic; G always has batch normalisation.
    normalisation: str = "layer"
    dropout_generator: float = 0.0
    dropout_critic: float = 0.0
    # wasserstein or cross_entropy.
    loss: str = "wasserstein"
    # gradient_penalty, weight_clipping or none.
    constraint: str = "gradient_penalty"
    # Weight lambda of the gradient penalty.
    penalty_weight: float = 10.0
    # Bound c of every weight after a critic's step, for weight_clipping.
    clip: float = 0.01
    # Critic's steps for one of the generator's, each on reals of its own: one in so many batches trains G.
    critic_steps: int = 5
    # Cross-entropy only. Soft labels: what a real is called, 1 or less. Noisy labels: the share of portraits that are
    # called the opposite of what they are.
    real_target: float = 1.0
    flipped_share: float = 0.0
    learning_rate: float = 1e-4
    # No momentum: both papers found it to unsettle the critic. Without it Adam is RMSProp, the clipping paper's choice.
    beta1: float = 0.0
    beta2: float = 0.9


def check_combination(config: WGANConfig) -> None:
    """Refuse values that together mean nothing, rather than leave one of them out in silence.

    Raises:
        InputError: one line that says which, and what to do.
    """
    if config.loss not in LOSSES:
        raise InputError(f"unknown loss {config.loss!r}; choose one of: {', '.join(LOSSES)}")
    if config.constraint not in CONSTRAINTS:
        raise InputError(f"unknown constraint {config.constraint!r}; choose one of: {', '.join(CONSTRAINTS)}")
    if not 0.5 < config.real_target <= 1 or not 0 <= config.flipped_share < 0.5:
        raise InputError("real_target must lie in (0.5, 1] and flipped_share in [0, 0.5): past a half, fakes win")
    if config.loss == "wasserstein":
        if config.real_target != 1 or config.flipped_share > 0:
            raise InputError("soft and noisy labels need loss=cross_entropy: the Wasserstein loss has no labels")
        if config.constraint == "none":
            raise InputError(
                "the Wasserstein loss grows without bound unless the critic is held: use constraint=gradient_penalty "
                "or constraint=weight_clipping"
            )
    elif config.constraint == "weight_clipping":
        raise InputError(
            "constraint=weight_clipping belongs to loss=wasserstein; with cross_entropy use gradient_penalty or none"
        )
    if config.constraint == "gradient_penalty" and config.normalisation == "batch":
        raise InputError(
            "a gradient penalty needs scores that depend on one portrait each, which normalisation=batch prevents: "
            "use layer, instance or none"
        )


class WGAN(AdversarialFamily):
    """The critic's step at every batch, and the generator's at every so many."""

    discriminator_name = "critic"

    config_class = WGANConfig
    conditional = False
    profiles = {  # noqa: RUF012
        # Seconds: proves that everything runs, draws nothing.
        "smoke": {
            "kimg": 0.128,
            "batch_size": 16,
            "latent_dim": 12,
            "generator_channels": 16,
            "critic_channels": 4,
            "critic_steps": 2,
            "log_kimg": 0.032,
            "sample_kimg": 0.064,
            "checkpoint_kimg": 0.064,
        },
        # About ten minutes on two cores; more with --kimg. The paper trains G for 100,000 steps and more; so short a
        # run makes the most of its few with small batches, longer strides and fewer of the critic's steps.
        "cpu": {
            "kimg": 100.0,
            "batch_size": 16,
            "critic_steps": 3,
            "learning_rate": 4e-4,
            "generator_channels": 128,
            "critic_channels": 32,
            "sample_kimg": 5.0,
            "checkpoint_kimg": 5.0,
        },
        "rtx2070": {
            "kimg": 5000.0,
            "batch_size": 64,
            "generator_channels": 512,
            "critic_channels": 128,
            "ema_half_life_kimg": 20.0,
            "log_kimg": 10.0,
            "sample_kimg": 200.0,
            "checkpoint_kimg": 200.0,
            "evaluate_kimg": 200.0,
        },
    }

    def __init__(self, config: WGANConfig, data: DataSpecification, device: torch.device) -> None:
        check_combination(config)
        super().__init__(config, data, device)

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
        return {name: value.detach().float() for name, value in scalars.items()}

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
