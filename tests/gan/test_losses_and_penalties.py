"""Losses and penalties against closed forms."""

import math

import pytest
import torch
from torch import nn

from src.config import load_config
from src.errors import InputError
from src.gan.losses import LOSSES
from src.gan.penalties import diversity_loss, squared_gradient


def test_hinge_against_hand_worked_values():
    loss = LOSSES["hinge"]
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.0])
    assert loss.discriminator(real, fake).item() == pytest.approx((0 + 0.5) / 2 + (0 + 1) / 2)
    assert loss.generator(fake).item() == pytest.approx(1.5)


def test_non_saturating_is_the_logistic_loss():
    loss = LOSSES["non_saturating"]
    real, fake = torch.tensor([2.0]), torch.tensor([-1.0])
    sigmoid = lambda x: 1 / (1 + math.exp(-x))  # noqa: E731
    expected = -math.log(sigmoid(2)) - math.log(1 - sigmoid(-1))
    assert loss.discriminator(real, fake).item() == pytest.approx(expected, rel=1e-5)
    assert loss.generator(fake).item() == pytest.approx(-math.log(sigmoid(-1)), rel=1e-5)


def test_an_unknown_loss_names_those_there_are():
    with pytest.raises(InputError, match="hinge, non_saturating"):
        load_config("resnet_gan", "smoke", overrides={"loss": "wasserstien"})


class LinearDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 6, 6))

    def forward(self, images, labels):
        return (images * self.weight).sum(dim=(1, 2, 3))


def test_r1_of_a_linear_discriminator_is_its_squared_weight():
    discriminator = LinearDiscriminator()
    penalty = squared_gradient(discriminator, torch.randn(5, 4, 6, 6), torch.zeros(5, 0))
    torch.testing.assert_close(penalty, discriminator.weight.square().sum())
    penalty.backward()
    torch.testing.assert_close(discriminator.weight.grad, 2 * discriminator.weight.detach())


def test_the_diversity_loss_compares_pairs_of_one_label():
    first = torch.zeros(2, 4, 3, 3)
    same = torch.cat([first, first])
    half = torch.cat([first, first + 0.1])
    far = torch.cat([first, first + 0.5])
    assert diversity_loss(same, 0.2).item() == 1
    assert diversity_loss(half, 0.2).item() == pytest.approx(0.5)
    assert diversity_loss(far, 0.2).item() == 0
