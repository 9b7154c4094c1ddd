"""Adaptive augmentation (ADA; Karras et al., 2020): as much as keeps D from memorising the set, and no more."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from src.gan.diff_augment import DiffAugment


class AdaptiveAugment:
    """DiffAugment whose probability follows ADA's overfitting heuristic r_t, from 0 up to a largest one.

    Args:
        augment: the augmentations, with the largest probability.
        target: of r_t; above it D has memorised the set.
        move_kimg: thousands of images in which the probability can move from 0 to 1.
        device: where the probability is kept: no step waits for its value.
    """

    def __init__(self, augment: DiffAugment, target: float, move_kimg: float, device: torch.device) -> None:
        self.augment, self.target, self.move_kimg = augment, target, move_kimg
        self.probability = torch.zeros((), device=device)

    def __call__(self, images: Tensor) -> Tensor:
        """[N, 4, H, W] -> [N, 4, H, W], differentiable."""
        return self.augment(images, self.probability)

    @torch.no_grad()
    def adapt(self, overfitting: Tensor, count: int) -> None:
        """Move the probability after a step.

        Args:
            overfitting: r_t, a scalar in [-1, 1]: the mean sign of D's logits on reals, or what corresponds to it.
            count: images of the step, of all processes together.
        """
        moved = self.probability + count / (1000 * self.move_kimg) * (overfitting - self.target).sign()
        self.probability.copy_(moved.clamp(0, self.augment.probability))

    def state_dict(self) -> dict[str, object]:
        return {"value": self.probability.clone()}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        self.probability.copy_(state["value"])
