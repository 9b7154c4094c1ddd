"""The Wasserstein GAN: penalty, clipping, the critic's steps, soft and noisy labels."""

import math

import pytest
import torch
from torch import nn

from src.config import load_config
from src.errors import InputError
from src.family import DataSpecification
from src.labels import LabelSpecification
from src.zoo.cross_entropy import cross_entropy
from src.zoo.wgan import WGAN, gradient_penalty
from tests.conftest import with_optimizers

DATA = DataSpecification(16, 4, LabelSpecification(), 0.3)
LABELS = torch.zeros(16, 0, dtype=torch.int64)


def build(**values):
    values = {"precision": "fp32", **values}
    return with_optimizers(WGAN(load_config("wgan", "smoke", overrides=values), DATA, torch.device("cpu")))


def train(family, steps):
    scalars = []
    for step in range(steps):
        torch.manual_seed(step)
        scalars.append(family.train_step(torch.rand(16, 4, 16, 16) * 2 - 1, LABELS, step * 16))
    return scalars


class LinearCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 6, 6))

    def forward(self, images):
        return (images * self.weight).sum(dim=(1, 2, 3))


def test_the_penalty_of_a_linear_critic_is_worked_out_by_hand():
    critic = LinearCritic()
    penalty = gradient_penalty(critic, torch.randn(5, 4, 6, 6), torch.randn(5, 4, 6, 6))
    norm = critic.weight.detach().norm()
    torch.testing.assert_close(penalty, (norm - 1) ** 2)
    penalty.backward()
    torch.testing.assert_close(critic.weight.grad, 2 * (norm - 1) * critic.weight.detach() / norm)


class QuadraticCritic(nn.Module):
    """Score |x|^2 / 2, whose gradient at x is x: the penalty tells where it was taken."""

    def forward(self, images):
        return images.square().sum(dim=(1, 2, 3)) / 2


def test_the_penalty_is_taken_between_a_real_and_its_fake():
    fakes, reals = torch.zeros(2000, 1, 1, 1), torch.full((2000, 1, 1, 1), 3.0)
    # Gradient norms are 3 u with u uniform in [0, 1]: the mean of (3 u - 1)^2 is 3 - 3 + 1 = 1.
    assert gradient_penalty(QuadraticCritic(), reals, fakes).item() == pytest.approx(1.0, abs=0.1)


def test_the_penalty_draws_the_critic_s_slope_to_one():
    critic = LinearCritic()
    optimizer = torch.optim.SGD(critic.parameters(), 0.1)
    for _ in range(50):
        optimizer.zero_grad()
        gradient_penalty(critic, torch.randn(5, 4, 6, 6), torch.randn(5, 4, 6, 6)).backward()
        optimizer.step()
    assert critic.weight.norm().item() == pytest.approx(1.0, abs=1e-3)


def test_a_step_with_the_penalty_reports_it_beside_the_loss():
    family, again = build(), build()
    for name in family.networks:
        again.networks[name].load_state_dict(family.networks[name].state_dict())
    reals = torch.rand(16, 4, 16, 16) * 2 - 1
    torch.manual_seed(3)
    scalars = family.train_step(reals, LABELS, 0)
    torch.manual_seed(3)
    fakes = again.generator(torch.randn(16, family.latent_dim)).detach()
    torch.testing.assert_close(
        scalars["loss_critic"], (again.discriminator(fakes).mean() - again.discriminator(reals).mean()).detach()
    )
    torch.testing.assert_close(
        scalars["gradient_penalty"], gradient_penalty(again.discriminator, reals, fakes).detach(), rtol=1e-4, atol=1e-6
    )


def test_clipping_bounds_every_weight_of_the_critic_and_none_of_the_generator():
    family = build(constraint="weight_clipping", clip=0.01, critic_steps=1, learning_rate=0.05)
    scalars = train(family, 3)
    assert "gradient_penalty" not in scalars[0]
    for name, parameter in family.discriminator.named_parameters():
        assert parameter.abs().max() <= 0.01, name
    assert max(parameter.abs().max() for parameter in family.generator.parameters()) > 0.02


def test_without_clipping_weights_go_beyond_that_bound():
    family = build(critic_steps=1, learning_rate=0.05)
    train(family, 3)
    assert max(parameter.abs().max() for parameter in family.discriminator.parameters()) > 0.02


def test_the_generator_is_trained_by_every_third_batch_of_three_critic_steps():
    family = build(critic_steps=3)
    for step in range(7):
        weight = family.generator.first.weight.clone()
        critic_weight = family.discriminator.layers[0].weight.clone()
        scalars = family.train_step(torch.rand(16, 4, 16, 16), LABELS, step * 16)
        moved = not torch.equal(weight, family.generator.first.weight)
        assert moved == (step in (2, 5))
        assert ("loss_generator" in scalars) == moved
        assert not torch.equal(critic_weight, family.discriminator.layers[0].weight)
    assert all(parameter.requires_grad for parameter in family.discriminator.parameters())


@pytest.mark.parametrize("loss", ["wasserstein", "cross_entropy"])
def test_the_generator_raises_the_score_of_its_samples(loss):
    family = build(loss=loss, critic_steps=1, learning_rate=1e-3)
    latents = torch.randn(16, family.latent_dim)
    scores = []
    for _ in range(20):
        scores.append(family.discriminator(family.generator(latents)).mean().item())
        family.generator_step(LABELS)
    assert scores[-1] > scores[0] + 0.05


def test_soft_labels_against_their_formula():
    logits = torch.tensor([0.7, -1.2])
    expected = 0.0
    for logit in (0.7, -1.2):
        p = 1 / (1 + math.exp(-logit))
        expected -= (0.9 * math.log(p) + 0.1 * math.log(1 - p)) / 2
    assert cross_entropy(logits, 0.9).item() == pytest.approx(expected, rel=1e-5)


def test_noisy_labels_flip_the_share_they_are_told_to():
    logits = torch.full((20000,), 1.0)
    right, wrong = cross_entropy(logits, 0.9).item(), cross_entropy(logits, 0.0).item()
    noisy = cross_entropy(logits, 0.9, other=0.0, flipped_share=0.2).item()
    # The standard deviation of the share is 0.003.
    assert (noisy - right) / (wrong - right) == pytest.approx(0.2, abs=0.012)


def test_a_step_uses_soft_and_noisy_labels():
    losses = []
    for values in ({}, {"real_target": 0.7}, {"flipped_share": 0.4}):
        torch.manual_seed(0)
        family = build(loss="cross_entropy", constraint="none", **values)
        # A sure critic: every real far above 0, every fake far below.
        with torch.no_grad():
            family.discriminator.layers[-1].weight.zero_()
            family.discriminator.layers[-1].bias.fill_(4.0)
        losses.append(train(family, 1)[0]["loss_critic"].item())
    # All scores are 4. Reals cost softplus(-4), or that plus 0.3 * 4 with a target of 0.7; fakes softplus(4).
    low, high = math.log1p(math.exp(-4)), math.log1p(math.exp(4))
    assert losses[0] == pytest.approx(low + high, rel=1e-4)
    assert losses[1] == pytest.approx(low + 0.3 * 4 + high, rel=1e-4)
    # Whole portraits are flipped: costs move in steps of 4 / 16, and some were flipped.
    steps = (losses[2] - losses[0]) / 0.25
    assert steps == pytest.approx(round(steps), abs=1e-3)
    assert family.config.flipped_share == 0.4 and round(steps) != 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"real_target": 0.9}, "soft and noisy labels need loss=cross_entropy"),
        ({"flipped_share": 0.05}, "soft and noisy labels need loss=cross_entropy"),
        ({"constraint": "none"}, "grows without bound"),
        ({"constraint": "weight_clipping", "loss": "cross_entropy"}, "belongs to loss=wasserstein"),
        ({"normalisation": "batch"}, "layer, instance or none"),
        ({"loss": "hinge"}, "wasserstein, cross_entropy"),
        ({"constraint": "clip"}, "gradient_penalty, weight_clipping, none"),
        ({"loss": "cross_entropy", "real_target": 0.4}, "real_target must be greater than 0.5, not 0.4"),
        ({"loss": "cross_entropy", "flipped_share": 0.5}, "flipped_share must be less than 0.5, not 0.5"),
    ],
)
def test_combinations_that_mean_nothing_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        build(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"constraint": "weight_clipping", "normalisation": "batch"},
        {"normalisation": "instance"},
        {"normalisation": "none"},
        {"loss": "cross_entropy", "constraint": "none", "normalisation": "batch"},
        {"loss": "cross_entropy", "real_target": 0.9, "flipped_share": 0.05},
        {"dropout_generator": 0.2, "dropout_critic": 0.2},
    ],
)
def test_the_combinations_that_mean_something_train(values):
    for scalars in train(build(**values), 2):
        assert all(torch.isfinite(value) for value in scalars.values())
