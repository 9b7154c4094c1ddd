"""One choice among classes after another: from uniform numbers to classes, and what was chosen before may stay."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from src.device import in_float64


class Choices(NamedTuple):
    """What was chosen, and how likely each choice was.

    Args:
        classes: int64, of any shape.
        log_probabilities: of the same shape; each under all that was chosen before it.
    """

    classes: Tensor
    log_probabilities: Tensor

    def at(self, where: object) -> Choices:
        """Some of them, by any index of a tensor."""
        return Choices(self.classes[where], self.log_probabilities[where])


def choose(logits: Tensor, uniforms: Tensor, before: Choices | None = None, keep: float | Tensor = 0.0) -> Choices:
    """Choose one of K classes, N times; or again under other circumstances, where what was chosen may stay.

    An earlier choice stays if it is no more than e^`keep` times less likely than it was. So the same circumstances give
    the same choices, and others change what they make less likely, and only that. Accepting by the ratio of
    probabilities is from speculative sampling (Leviathan et al., 2023); here it is a threshold, not a chance.

    Args:
        logits: [N, K].
        uniforms: [N] in [0, 1], which choose where nothing stays (`inverse_cdf`).
        before: N choices; None: all are new.
        keep: in nats, one number or [N]; infinite: an earlier choice stays, -infinite: it goes.
    """
    classes, log_probabilities = inverse_cdf(logits, uniforms), logits.log_softmax(dim=1)
    if before is not None:
        now = log_probabilities.gather(1, before.classes[:, None]).squeeze(1)
        classes = torch.where(now >= before.log_probabilities - keep, before.classes, classes)
    return Choices(classes, log_probabilities.gather(1, classes[:, None]).squeeze(1))


def inverse_cdf(logits: Tensor, uniforms: Tensor) -> Tensor:
    """The class whose piece of the cumulative distribution holds the uniform number; likelier classes come first.

    Args:
        logits: [N, K].
        uniforms: [N] in [0, 1].

    Returns:
        int64 [N]; uniform numbers give classes with probabilities softmax(logits).
    """
    ordered, classes = logits.sort(dim=1, descending=True, stable=True)
    # Rounding leaves the last sum a little off 1; classes of no probability stand behind it.
    numbers = in_float64(uniforms).clamp(max=1 - 1e-9)[:, None].contiguous()
    place = torch.searchsorted(in_float64(ordered).softmax(dim=1).cumsum(dim=1), numbers, right=True)
    return classes.gather(1, place.clamp(max=logits.shape[1] - 1).to(classes.device)).squeeze(1)


def only_the_likeliest(latents: Tensor, share: float) -> Tensor:
    """Normal latents whose uniform numbers, by the normal distribution's CDF, are those of `latents` times `share`."""
    return torch.special.ndtri(share * torch.special.ndtr(in_float64(latents))).to(latents)
