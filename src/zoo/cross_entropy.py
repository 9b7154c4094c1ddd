"""The loss of the original GANs (Goodfellow et al., 2014), with soft and noisy labels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


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
