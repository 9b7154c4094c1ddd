"""Noise schedules against their papers' formulas, and the way there and back between x0, epsilon and v."""

import math

import numpy as np
import pytest
import torch

from src.zoo.noise_schedule import SCHEDULES, linear_betas, make_schedule


def test_linear_schedule_against_the_formula():
    betas = np.linspace(1e-4, 0.02, 1000)
    np.testing.assert_allclose(linear_betas(1000).numpy(), betas, rtol=1e-12)
    schedule = make_schedule("linear", 1000)
    np.testing.assert_allclose(schedule.alpha_bars.numpy(), np.cumprod(1 - betas), rtol=1e-5)
    # Ho et al.: what is left of the portrait at the end is as good as nothing.
    assert schedule.alpha_bars[-1].item() == pytest.approx(4.04e-5, rel=0.01)


def test_linear_schedule_ends_in_noise_with_fewer_steps_too():
    np.testing.assert_allclose(linear_betas(250).numpy(), np.linspace(4e-4, 0.08, 250), rtol=1e-12)
    assert make_schedule("linear", 250).alpha_bars[-1].item() == pytest.approx(3.0e-5, rel=0.5)


def test_cosine_schedule_against_the_formula():
    schedule = make_schedule("cosine", 1000)

    def f(step):
        return math.cos((step / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2

    for step in (0, 1, 250, 500, 900, 990):
        assert schedule.alpha_bars[step].item() == pytest.approx(f(step + 1) / f(0), rel=1e-5)
    # The last beta is cut to 0.999, or nothing at all would be left and the portrait could not be divided out.
    assert schedule.alpha_bars[-1].item() == pytest.approx(schedule.alpha_bars[-2].item() * 0.001, rel=1e-4)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_step_adds_noise(name):
    alpha_bars = make_schedule(name, 1000).alpha_bars
    assert len(alpha_bars) == 1000 and alpha_bars.dtype == torch.float32
    assert (alpha_bars.diff() < 0).all() and alpha_bars[0] < 1 and alpha_bars[-1] > 0


@pytest.mark.parametrize("step", [0, 300, 999])
def test_moments_of_noisy_portraits(step):
    schedule = make_schedule("linear", 1000)
    x0 = torch.full((4000, 1, 2, 2), 0.7)
    noisy = schedule.q_sample(x0, torch.full((4000,), step), torch.randn_like(x0))
    alpha_bar = schedule.alpha_bars[step].item()
    # 16,000 values: five standard errors.
    assert noisy.mean().item() == pytest.approx(0.7 * math.sqrt(alpha_bar), abs=5 * math.sqrt((1 - alpha_bar) / 16000))
    assert noisy.var().item() == pytest.approx(1 - alpha_bar, rel=5 * math.sqrt(2 / 16000))


def test_noisy_portraits_are_what_single_steps_make_of_them():
    """Mixing in one go has the mean and variance of going step by step (Ho et al., eq. 2 and 4)."""
    betas = linear_betas(1000)
    mean, variance = 1.0, 0.0
    for beta in betas[:400].tolist():
        mean, variance = mean * math.sqrt(1 - beta), variance * (1 - beta) + beta
    signal, noise = make_schedule("linear", 1000).signal_and_noise(torch.tensor([399]))
    assert signal.item() == pytest.approx(mean, rel=1e-5)
    assert noise.item() ** 2 == pytest.approx(variance, rel=1e-5)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_the_way_there_and_back(name, prediction):
    schedule = make_schedule(name, 1000)
    x0, epsilon = torch.rand(5, 4, 3, 3) * 2 - 1, torch.randn(5, 4, 3, 3)
    steps = torch.tensor([0, 10, 400, 700, 900])
    noisy = schedule.q_sample(x0, steps, epsilon)
    target = schedule.target(prediction, x0, steps, epsilon)
    torch.testing.assert_close(schedule.to_x0(prediction, target, noisy, steps), x0, rtol=0, atol=1e-4)
    torch.testing.assert_close(schedule.to_epsilon(x0, noisy, steps), epsilon, rtol=0, atol=1e-3)


def test_v_against_its_formula():
    schedule = make_schedule("cosine", 1000)
    x0, epsilon = torch.rand(1, 1, 1, 1), torch.randn(1, 1, 1, 1)
    angle = math.acos(math.sqrt(schedule.alpha_bars[600].item()))
    # v is the velocity along the circle from portrait to noise (Salimans & Ho, appendix D).
    expected = math.cos(angle) * epsilon - math.sin(angle) * x0
    torch.testing.assert_close(schedule.target("v", x0, torch.tensor([600]), epsilon), expected, rtol=1e-4, atol=1e-5)
