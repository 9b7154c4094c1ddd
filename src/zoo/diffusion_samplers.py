"""From noise to portraits: samplers of diffusion models as plain functions of a denoiser, noise and a schedule.

A denoiser `(x_t [N, C, H, W], steps int64 [N]) -> x0 [N, C, H, W]` predicts the portrait behind the noise; what exactly
its network predicts and how labels steer it is none of the samplers' business.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from src.zoo.noise_schedule import NoiseSchedule

Denoiser = Callable[[Tensor, Tensor], Tensor]


def guided(conditional: Tensor, unconditional: Tensor, weight: float) -> Tensor:
    """Classifier-free guidance (Ho & Salimans, 2022): 0 is without labels, 1 as learned, more exaggerates the labels.

    In the paper's own count the weight is one less.
    """
    return unconditional + weight * (conditional - unconditional)


def ddim_steps(total: int, count: int) -> list[int]:
    """`count` steps evenly spread over `total`, falling, the first of them the very last step, which is all noise."""
    return [round(total * (count - index) / count) - 1 for index in range(count)]


def sample_ddim(denoise: Denoiser, noise: Tensor, schedule: NoiseSchedule, count: int = 50) -> Tensor:
    """Deterministic sampling in few steps (DDIM with eta 0; Song et al., 2021, eq. 12).

    Each step splits x_t into the portrait and the noise that the denoiser sees in it, and mixes the two anew with the
    weights of the next step; the last one keeps the portrait.

    Args:
        denoise: see above.
        noise: standard normal [N, C, H, W]; the portrait is a function of it.
        count: network calls, at most the schedule's length.

    Returns:
        Portraits [N, C, H, W].
    """
    noisy = noise
    steps = ddim_steps(len(schedule), min(count, len(schedule)))
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        here = torch.full((len(noisy),), step, device=noisy.device)
        x0 = denoise(noisy, here)
        if following is None:
            return x0
        epsilon = schedule.to_epsilon(x0, noisy, here)
        noisy = schedule.q_sample(x0, torch.full_like(here, following), epsilon)
    return noisy


def sample_dpm(denoise: Denoiser, noise: Tensor, schedule: NoiseSchedule, count: int = 12) -> Tensor:
    """The same in fewer steps (DPM-Solver++(2M); Lu et al., 2022, algorithm 2).

    A step of DDIM takes the portrait to stay what it is; here it moves on as it did in the step before. Args and
    returned value as for `sample_ddim`.
    """
    steps = ddim_steps(len(schedule), min(count, len(schedule)))
    # The logarithm of the signal-to-noise ratio: but for a factor, the time in which the paper counts.
    times = (schedule.alpha_bars.log() - (1 - schedule.alpha_bars).log())[steps].tolist()
    noisy, before = noise, None
    for index, step in enumerate(steps):
        here = torch.full((len(noisy),), step, device=noisy.device)
        x0 = denoise(noisy, here)
        if index + 1 == len(steps):
            return x0
        ahead = x0
        if before is not None:
            stretch = (times[index + 1] - times[index]) / (times[index] - times[index - 1])
            ahead = x0 + 0.5 * stretch * (x0 - before)
        epsilon = schedule.to_epsilon(ahead, noisy, here)
        noisy, before = schedule.q_sample(ahead, torch.full_like(here, steps[index + 1]), epsilon), x0
    return noisy


def sample_ddpm(
    denoise: Denoiser, noise: Tensor, schedule: NoiseSchedule, generators: Sequence[np.random.RandomState]
) -> Tensor:
    """Ancestral sampling through every step (Ho et al., 2020, algorithm 2, with the posterior's variance).

    Each step draws x_(t-1) from q(x_(t-1) | x_t, x0), a normal distribution whose mean lies between the two (eq. 7).

    Args:
        denoise: see above.
        noise: standard normal [N, C, H, W].
        generators: one a sample, from which it gets fresh noise at every step; see `generators_for`.

    Returns:
        Portraits [N, C, H, W].
    """
    noisy = noise
    for step in range(len(schedule) - 1, 0, -1):
        x0 = denoise(noisy, torch.full((len(noisy),), step, device=noisy.device))
        alpha_bar, alpha_bar_before = schedule.alpha_bars[step], schedule.alpha_bars[step - 1]
        alpha = alpha_bar / alpha_bar_before
        beta = 1 - alpha
        mean = (alpha_bar_before.sqrt() * beta * x0 + alpha.sqrt() * (1 - alpha_bar_before) * noisy) / (1 - alpha_bar)
        variance = beta * (1 - alpha_bar_before) / (1 - alpha_bar)
        fresh = np.stack([generator.standard_normal(noise.shape[1:]) for generator in generators])
        noisy = mean + variance.sqrt() * torch.from_numpy(fresh).to(noise)
    return denoise(noisy, torch.zeros(len(noisy), dtype=torch.int64, device=noisy.device))


def generators_for(noise: Tensor) -> list[np.random.RandomState]:
    """A generator for each sample of [N, ...], seeded by the noise that it starts from.

    So a sample remains a function of its latent: whatever other samples are drawn with it, and on any machine.
    RandomState's stream is frozen for good (NEP 19).
    """
    digests = (hashlib.sha256(sample.tobytes()).digest() for sample in noise.cpu().float().numpy())
    return [np.random.RandomState(np.frombuffer(digest, dtype=np.uint32)) for digest in digests]
