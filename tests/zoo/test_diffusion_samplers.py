"""Samplers on distributions whose perfect denoiser is known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from src.zoo.diffusion_samplers import ddim_steps, generators_for, guided, sample_ddim, sample_ddpm, sample_dpm
from src.zoo.noise_schedule import SCHEDULES, make_schedule

MEAN, DEVIATION = 0.3, 0.4


def gaussian_denoiser(schedule):
    """E[x0 | x_t] where every pixel is normal with `MEAN` and `DEVIATION` (normal prior, normal likelihood)."""

    def denoise(noisy, steps):
        signal, noise = schedule.signal_and_noise(steps)
        gain = signal * DEVIATION**2 / (signal**2 * DEVIATION**2 + noise**2)
        return MEAN + gain * (noisy - signal * MEAN)

    return denoise


@pytest.mark.parametrize("name", SCHEDULES)
def test_one_planted_portrait_is_found_from_any_noise(name):
    schedule = make_schedule(name, 100)
    portrait = torch.rand(1, 4, 4, 4) * 2 - 1

    def denoise(noisy, steps):
        return portrait.expand_as(noisy)

    noise = torch.randn(3, 4, 4, 4)
    for count in (1, 7, 100):
        for sample in (sample_ddim, sample_dpm):
            torch.testing.assert_close(sample(denoise, noise, schedule, count), portrait.expand_as(noise))
    sampled = sample_ddpm(denoise, noise, schedule, generators_for(noise))
    torch.testing.assert_close(sampled, portrait.expand_as(noise))


@pytest.mark.parametrize("name", SCHEDULES)
def test_ddim_draws_a_gaussian(name):
    schedule = make_schedule(name, 1000)
    noise = torch.randn(200, 1, 10, 10)
    sampled = sample_ddim(gaussian_denoiser(schedule), noise, schedule, 200)
    # 20,000 values: standard errors 0.003 and 0.002; 200 steps deviate by less than 0.01.
    assert sampled.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert sampled.std().item() == pytest.approx(DEVIATION, abs=0.02)
    # Deterministic: a sample is a straight function of its noise.
    assert torch.corrcoef(torch.stack([sampled.flatten(), noise.flatten()]))[0, 1] > 0.9999


@pytest.mark.parametrize("count", [12, 16, 25])
def test_dpm_is_nearer_to_the_end_of_many_steps_than_ddim_is(count):
    schedule = make_schedule("cosine", 1000)
    noise = torch.randn(200, 1, 10, 10)
    # 1,000 steps of either follow the same way to its end.
    end = sample_ddim(gaussian_denoiser(schedule), noise, schedule, 1000)
    off = {
        sample: (sample(gaussian_denoiser(schedule), noise, schedule, count) - end).square().mean().sqrt().item()
        for sample in (sample_ddim, sample_dpm)
    }
    assert off[sample_dpm] < 0.5 * off[sample_ddim]
    assert (sample_dpm(gaussian_denoiser(schedule), noise, schedule, 1000) - end).abs().max() < 0.02


def test_dpm_against_the_paper():
    """Its third point against Lu et al., algorithm 2, written with lambda, h and r."""
    schedule = make_schedule("linear", 4)
    signal, noise = (weights.flatten().double() for weights in schedule.signal_and_noise(torch.arange(4)))
    lambdas = (signal / noise).log()
    answers = iter([0.5, -0.2, 0.3, 0.1])
    seen = []

    def denoise(portraits, steps):
        seen.append(portraits.item())
        return torch.full_like(portraits, next(answers))

    sample_dpm(denoise, torch.full((1, 1, 1, 1), 1.5), schedule, 4)
    h_before, h = lambdas[2] - lambdas[3], lambdas[1] - lambdas[2]
    r = h_before / h
    first = noise[2] / noise[3] * 1.5 - signal[2] * torch.expm1(-h_before) * 0.5
    d = (1 + 1 / (2 * r)) * -0.2 - 1 / (2 * r) * 0.5
    second = noise[1] / noise[2] * first - signal[1] * torch.expm1(-h) * d
    assert seen[1:3] == pytest.approx([first.item(), second.item()], rel=1e-4)


@pytest.mark.parametrize("name", SCHEDULES)
def test_ddpm_draws_a_gaussian(name):
    schedule = make_schedule(name, 300)
    noise = torch.randn(50, 1, 20, 20)
    sampled = sample_ddpm(gaussian_denoiser(schedule), noise, schedule, generators_for(noise))
    assert sampled.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert sampled.std().item() == pytest.approx(DEVIATION, abs=0.02)
    # Fresh noise at every step: nearly nothing of the first noise is left.
    assert torch.corrcoef(torch.stack([sampled.flatten(), noise.flatten()]))[0, 1].abs() < 0.05


def test_ddpm_mean_and_variance_against_the_paper():
    """One step of the sampler against Ho et al., eq. 7, written with betas."""
    schedule = make_schedule("linear", 2)
    beta = [min(500 * 1e-4, 0.999), 0.999]
    alpha_bar = [1 - beta[0], (1 - beta[0]) * (1 - beta[1])]
    x0, noisy, fresh = 0.5, 1.5, -0.8
    seen = []

    def denoise(portraits, steps):
        seen.append((portraits.item(), steps.item()))
        return torch.full_like(portraits, x0)

    constant = SimpleNamespace(standard_normal=lambda shape: np.full(shape, fresh))
    sample_ddpm(denoise, torch.full((1, 1, 1, 1), noisy), schedule, [constant])
    mean = (
        alpha_bar[0] ** 0.5 * beta[1] / (1 - alpha_bar[1]) * x0
        + (1 - beta[1]) ** 0.5 * (1 - alpha_bar[0]) / (1 - alpha_bar[1]) * noisy
    )
    deviation = ((1 - alpha_bar[0]) / (1 - alpha_bar[1]) * beta[1]) ** 0.5
    assert [step for _, step in seen] == [1, 0]
    assert seen[1][0] == pytest.approx(mean + deviation * fresh, rel=1e-4)


def test_ddim_steps_begin_at_pure_noise_and_are_even():
    assert ddim_steps(1000, 4) == [999, 749, 499, 249]
    assert ddim_steps(10, 10) == list(range(9, -1, -1))


def test_ddim_calls_the_denoiser_as_often_as_asked():
    schedule = make_schedule("cosine", 20)
    seen = []

    def denoise(noisy, steps):
        seen.append(steps[0].item())
        return torch.zeros_like(noisy)

    sample_ddim(denoise, torch.randn(2, 1, 2, 2), schedule, 5)
    assert seen == [19, 15, 11, 7, 3]
    seen.clear()
    sample_ddim(denoise, torch.randn(2, 1, 2, 2), schedule, 50)
    assert seen == list(range(19, -1, -1))


def test_guidance_weights():
    conditional, unconditional = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    torch.testing.assert_close(guided(conditional, unconditional, 1.0), conditional)
    torch.testing.assert_close(guided(conditional, unconditional, 0.0), unconditional)
    torch.testing.assert_close(guided(conditional, unconditional, 3.0), 3 * conditional - 2 * unconditional)


def test_a_sample_of_ddpm_is_a_function_of_its_own_noise():
    schedule, noise = make_schedule("cosine", 20), torch.randn(5, 4, 2, 2)

    def sampled(noise):
        return sample_ddpm(lambda noisy, steps: noisy / 2, noise, schedule, generators_for(noise))

    together = sampled(noise)
    assert together.shape == noise.shape and together.dtype == noise.dtype
    assert torch.equal(together, sampled(noise))
    assert torch.equal(together[3:4], sampled(noise[3:4]))
    assert not torch.equal(together[0], together[1])


def test_generators_give_standard_normal_numbers_of_their_own():
    first, second = generators_for(torch.randn(2, 4))
    numbers = np.stack([generator.standard_normal(20_000) for generator in (first, second)])
    assert abs(numbers.mean()) < 0.03 and abs(numbers.std() - 1) < 0.03
    assert abs(np.corrcoef(numbers)[0, 1]) < 0.03
