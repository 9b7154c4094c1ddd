"""Penalties added to the adversarial losses."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def squared_gradient(discriminator: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Squared norm of D's gradient at reals (R1) or fakes (R2; Mescheder et al., 2018), without the factor gamma / 2.

    The square is summed over C, H and W and averaged over the batch; code that averages over pixels needs another
    gamma. Call it outside autocast where that is fp16: second derivatives underflow there.

    Args:
        discriminator: `(images [N, C, H, W], labels [N, A]) -> logits [N]`.
        images: [N, C, H, W].
        labels: int64 [N, A].

    Returns:
        A scalar that can be differentiated with respect to D's parameters.
    """
    images = images.detach().requires_grad_(True)
    logits = discriminator(images, labels)
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def diversity_loss(fakes: Tensor, real_distance: float) -> Tensor:
    """How much closer together samples of one label are than portraits of one label: 0 is as varied, 1 all the same.

    After the diversity-sensitive loss of Yang et al. (2019), but relative to the distance between portraits instead of
    that between latents: a conditional GAN on a small set otherwise gives one figure a label cell, whatever the latent.

    Args:
        fakes: [N, C, H, W], N even; sample i and sample i + N/2 share their labels.
        real_distance: mean absolute difference between two training portraits of one label cell, same scale.

    Returns:
        A scalar in [0, 1].
    """
    first, second = fakes.chunk(2)
    distance = (first - second).abs().mean()
    return functional.relu(1 - distance / real_distance)
