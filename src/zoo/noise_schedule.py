"""How a diffusion model destroys portraits step by step: schedules, and conversions among x0, epsilon and v.

A portrait x0 and standard normal noise epsilon are mixed with weights whose squares sum to one:

    x_t = signal_t * x0 + noise_t * epsilon,    signal_t = sqrt(alpha_bar_t),    noise_t = sqrt(1 - alpha_bar_t)

A network may be asked for epsilon (Ho et al., 2020) or for v = signal_t * epsilon - noise_t * x0 (Salimans & Ho, 2022).
With x_t at hand each of the three gives the other two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def linear_betas(steps: int) -> Tensor:
    """Share of variance replaced by noise in each step, float64 [steps] (Ho et al., 2020).

    From 1e-4 to 0.02 over 1,000 steps; with fewer steps each takes proportionally more, so that little is left of the
    portrait at the end all the same.
    """
    scale = 1000 / steps
    return torch.linspace(scale * 1e-4, scale * 0.02, steps, dtype=torch.float64).clamp(max=0.999)


def cosine_betas(steps: int) -> Tensor:
    """The same for alpha_bar = cos^2 of the time, float64 [steps] (Nichol & Dhariwal, 2021).

    The linear schedule has nearly finished with a small picture halfway through; this one spends its steps evenly.
    """
    offset = 0.008
    time = torch.arange(steps + 1, dtype=torch.float64) / steps
    alpha_bars = torch.cos((time + offset) / (1 + offset) * math.pi / 2).square()
    return (1 - alpha_bars[1:] / alpha_bars[:-1]).clamp(max=0.999)


SCHEDULES = {"linear": linear_betas, "cosine": cosine_betas}


@dataclass(frozen=True)
class NoiseSchedule:
    """How much of the portrait is left at each step.

    Args:
        alpha_bars: float32 [T], falling from nearly 1 to nearly 0: share of the variance that is the portrait's.
    """

    alpha_bars: Tensor

    def __len__(self) -> int:
        """The number of steps T."""
        return len(self.alpha_bars)

    def signal_and_noise(self, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Weights of portrait and noise, each [N, 1, 1, 1], at steps int64 [N] in 0 to T - 1."""
        alpha_bars = self.alpha_bars[steps][:, None, None, None]
        return alpha_bars.sqrt(), (1 - alpha_bars).sqrt()

    def q_sample(self, x0: Tensor, steps: Tensor, epsilon: Tensor) -> Tensor:
        """Noisy portraits x_t [N, C, H, W], in one go from x0 and noise of that shape (Ho et al., 2020, eq. 4)."""
        signal, noise = self.signal_and_noise(steps)
        return signal * x0 + noise * epsilon

    def target(self, prediction: str, x0: Tensor, steps: Tensor, epsilon: Tensor) -> Tensor:
        """What a network of that prediction (`epsilon` or `v`) should have said, [N, C, H, W]."""
        if prediction == "epsilon":
            return epsilon
        signal, noise = self.signal_and_noise(steps)
        return signal * epsilon - noise * x0

    def to_x0(self, prediction: str, predicted: Tensor, noisy: Tensor, steps: Tensor) -> Tensor:
        """The portrait [N, C, H, W] behind a predicted `epsilon` or `v` at noisy portraits x_t."""
        signal, noise = self.signal_and_noise(steps)
        if prediction == "epsilon":
            return (noisy - noise * predicted) / signal
        return signal * noisy - noise * predicted

    def to_epsilon(self, x0: Tensor, noisy: Tensor, steps: Tensor) -> Tensor:
        """The noise [N, C, H, W] that made x_t out of x0."""
        signal, noise = self.signal_and_noise(steps)
        return (noisy - signal * x0) / noise


def make_schedule(name: str, steps: int, device: torch.device | str = "cpu") -> NoiseSchedule:
    """The schedule of that name, of `SCHEDULES`, with so many steps."""
    betas = SCHEDULES[name](steps)
    # The product runs in float64: a thousand rounded factors would be a thousand roundings.
    return NoiseSchedule(torch.cumprod(1 - betas, dim=0).float().to(device))
