"""Exponential moving average of a network's weights: the generator that samples come from."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class MovingAverage:
    """A running average whose half-life is counted in images (Karras et al., 2018; ramp-up of StyleGAN2-ADA, 2020).

    Args:
        network: what to average; parameters and buffers (the statistics of batch normalisation) alike.
        half_life_kimg: after so many thousand images an old weight counts half.
        rampup: the half-life is at most this share of the images seen, so that the first samples are not the
            untrained network's; 0: no such limit, for networks that are trained already.
    """

    def __init__(self, network: nn.Module, half_life_kimg: float, rampup: float) -> None:
        self.half_life_kimg = half_life_kimg
        self.rampup = rampup
        self.decay = 0.0
        self.averaged = AveragedModel(network, multi_avg_fn=self._blend, use_buffers=True)
        self.averaged.requires_grad_(False).eval()

    @property
    def network(self) -> nn.Module:
        """The averaged network, in evaluation mode."""
        return self.averaged.module

    def update(self, network: nn.Module, images_seen: int, batch_size: int) -> None:
        """After a step: average = decay * average + (1 - decay) * network. The first update copies the network."""
        half_life = self.half_life_kimg * 1000
        if self.rampup:
            half_life = min(half_life, images_seen * self.rampup)
        self.decay = 0.5 ** (batch_size / max(half_life, 1e-8))
        self.averaged.update_parameters(network)

    def state_dict(self) -> dict[str, Tensor]:
        return self.averaged.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.averaged.load_state_dict(state)

    def _blend(self, averages: list[Tensor], currents: list[Tensor], _count: Tensor) -> None:
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, currents, 1 - self.decay)
        else:
            # Counters, such as the number of batches a normalisation has seen, have no average.
            for average, current in zip(averages, currents, strict=True):
                average.copy_(current)
