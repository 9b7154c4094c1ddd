"""The moving average against its formula."""

import pytest
import torch
from torch import nn

from src.gan.moving_average import MovingAverage


def test_half_life_in_images():
    """After one half-life of steps away from zero towards one, the average stands half-way."""
    network = nn.Linear(3, 3)
    nn.init.zeros_(network.weight)
    average = MovingAverage(network, half_life_kimg=1.0, rampup=1.0)
    average.update(network, 1_000_000, 100)  # the first update copies
    nn.init.ones_(network.weight)
    for _ in range(10):  # 10 * 100 images are one half-life
        average.update(network, 1_000_000, 100)
    torch.testing.assert_close(average.network.weight, torch.full((3, 3), 0.5), rtol=1e-5, atol=1e-5)


def test_rampup_shortens_the_half_life_of_early_steps():
    network = nn.Linear(1, 1)
    average = MovingAverage(network, half_life_kimg=10.0, rampup=0.05)
    average.update(network, 2000, 100)  # 5 % of 2,000 images are one batch
    assert average.decay == pytest.approx(0.5)
    average.update(network, 10_000_000, 100)
    assert average.decay == pytest.approx(0.5 ** (100 / 10_000))
    average = MovingAverage(network, half_life_kimg=10.0, rampup=0.0)
    average.update(network, 100, 100)  # there is none
    assert average.decay == pytest.approx(0.5 ** (100 / 10_000))


def test_the_formula_over_random_steps_buffers_included():
    network = nn.BatchNorm1d(4)
    average = MovingAverage(network, half_life_kimg=0.3, rampup=1.0)
    average.update(network, 10_000, 50)
    expected = {name: value.clone() for name, value in network.state_dict().items()}
    decay = 0.5 ** (50 / 300)
    for _ in range(5):
        with torch.no_grad():
            network.weight.normal_()
        network(torch.randn(8, 4) * 2 + 1)
        average.update(network, 10_000, 50)
        for name, value in network.state_dict().items():
            expected[name] = expected[name] * decay + value * (1 - decay) if value.is_floating_point() else value
    for name, value in average.network.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6)
    assert average.network.num_batches_tracked == 5


def test_the_average_is_frozen_and_in_evaluation_mode():
    average = MovingAverage(nn.BatchNorm1d(2), 1.0, 1.0)
    assert not average.network.training
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
