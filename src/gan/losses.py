"""Adversarial losses. Logits are [N]; positive means real. Every loss is a mean over the batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


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


LOSSES: dict[str, Hinge | NonSaturating] = {"hinge": Hinge(), "non_saturating": NonSaturating()}


def auxiliary_loss(classes: Sequence[Tensor], labels: Tensor) -> Tensor:
    """Cross-entropy of the class logits, summed over the attributes, averaged over the batch.

    Args:
        classes: [N, K] for each attribute.
        labels: int64 [N, A].

    Returns:
        A scalar; 0 where there are no attributes.
    """
    loss = torch.zeros((), device=labels.device)
    for column, logits in enumerate(classes):
        loss = loss + functional.cross_entropy(logits.float(), labels[:, column])
    return loss
