"""Adversarial losses. Logits are [N]; positive means real. Every loss is a mean over the batch."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional


class AdversarialLoss(Protocol):
    """A pair of losses: what D minimises on reals and fakes, and what G minimises on fakes."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor: ...

    def generator(self, fake_logits: Tensor) -> Tensor: ...


class Hinge:
    """Hinge loss (Lim & Ye, 2017; Miyato et al., 2018): D stops pushing once a logit is beyond its margin of 1."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return functional.relu(1 - real_logits).mean() + functional.relu(1 + fake_logits).mean()

    def generator(self, fake_logits: Tensor) -> Tensor:
        return -fake_logits.mean()


class NonSaturating:
    """Non-saturating logistic loss (Goodfellow et al., 2014), with softplus for numerical stability."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()

    def generator(self, fake_logits: Tensor) -> Tensor:
        return functional.softplus(-fake_logits).mean()


def cross_entropy(logits: Tensor, target: float, other: float = 0.0, flipped_share: float = 0.0) -> Tensor:
    """Mean binary cross-entropy of logits [N] against a target, the same for all but for a random share of them.

    Args:
        logits: [N]; positive means real.
        target: what they are called: 1 is real, 0 is fake, 0.9 a soft label (Salimans et al., 2016).
        other: what the flipped ones are called.
        flipped_share: probability, for each, of being flipped (noisy labels; Chintala et al., 2016).

    Returns:
        A scalar.
    """
    logits = logits.float()
    targets = torch.full_like(logits, target)
    if flipped_share > 0:
        flipped = torch.rand(len(logits), device=logits.device) < flipped_share
        targets = targets.masked_fill(flipped, other)
    return functional.binary_cross_entropy_with_logits(logits, targets)


LOSSES: dict[str, AdversarialLoss] = {"hinge": Hinge(), "non_saturating": NonSaturating()}
