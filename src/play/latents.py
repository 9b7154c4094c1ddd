"""Heroes of families whose latents are smooth (the GANs): the latent of a picture, near ones, ways between two, mixes.

The latent of a picture is found by optimisation (GAN inversion; Zhu et al., 2016): the distance is of the pixels and of
their means over larger and larger blocks, for no network that knows photographs says what matters in pixel art.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from src.data.packed import to_signed
from src.errors import InputError
from src.progress import track
from src.sampling import LoadedModel, Sampled, in_batches, requested_labels

STARTS, OPTIMISED = 256, 2
"""Random latents, and labels where they are open, of which the nearest few are optimised."""
STEPS, LEARNING_RATE = 80, 0.1
BLOCKS = (1, 2, 4, 8)
NORM_WEIGHT = 0.02
"""Of what keeps a latent as long as those that the model has met."""


@dataclass(frozen=True)
class Latent:
    """A hero of such a family.

    Args:
        numbers: float32 [latent_dim].
        labels: int64 [A].
    """

    numbers: Tensor
    labels: Tensor


def latent_of_seed(model: LoadedModel, seed: int, requested: Mapping[str, str] | None = None) -> Latent:
    """The latent and labels of the hero that `sample` gives."""
    latents, labels = requested_labels(model, 1, seed, requested or {})
    return Latent(latents[0], labels[0])


def latent_of_picture(
    model: LoadedModel, portrait: np.ndarray, requested: Mapping[str, str] | None = None, seed: int = 0
) -> Latent:
    """The latent whose sample is most similar to a portrait uint8 [S, S, 4].

    Args:
        model: of a family with smooth latents.
        requested: class names by attribute; the others are those of the most similar start.
        seed: of the starts.

    Raises:
        InputError: another family.
    """
    _smooth(model)
    model.sampler.requires_grad_(False)
    target = to_signed(torch.from_numpy(portrait)[None])
    latents, labels = requested_labels(model, STARTS, seed, requested or {})
    with torch.no_grad():
        batches = zip(latents.split(64), labels.split(64), strict=True)
        found = [distance(model.family.generate(model.sampler, *batch), target) for batch in batches]
    nearest = torch.cat(found).argsort()[:OPTIMISED]
    labels, latents = labels[nearest], latents[nearest].clone().requires_grad_()
    optimizer = torch.optim.Adam([latents], LEARNING_RATE)
    best = [(math.inf, latents[0].detach(), labels[0])]
    for step in track(range(STEPS), "finding the latent", delay=2.0):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / STEPS)
        distances = distance(model.family.generate(model.sampler, latents, labels), target)
        place = int(distances.argmin())
        best.append((distances[place].item(), latents[place].detach().clone(), labels[place]))
        lengths = latents.square().mean(dim=1)
        loss = (distances + NORM_WEIGHT * (lengths - 1).square()).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    _, numbers, its_labels = min(best, key=lambda each: each[0])
    return Latent(numbers, its_labels)


def distance(portraits: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference, of pixels and of means over blocks: [N, C, S, S] in [-1, 1] -> [N]."""
    away = portraits - target
    blocks = [block for block in BLOCKS if block <= target.shape[-1]]
    return sum(functional.avg_pool2d(away, block).abs().flatten(1).mean(dim=1) for block in blocks) / len(blocks)


def slerp(start: Tensor, end: Tensor, count: int) -> Tensor:
    """[D], [D] -> [count, D] along the great circle between two directions (White, 2016): a mean of two normal latents
    would be shorter than any latent that the model has met."""
    angle = torch.arccos((start @ end / (start.norm() * end.norm())).clamp(-1, 1))
    share = torch.linspace(0, 1, count)[:, None]
    if angle < 1e-3:
        return torch.lerp(start, end, share)
    return (torch.sin((1 - share) * angle) * start + torch.sin(share * angle) * end) / torch.sin(angle)


def between(first: Latent, second: Latent, count: int) -> list[Latent]:
    """`count` latents from one to another, both ends among them; the labels are the nearer end's."""
    steps = enumerate(slerp(first.numbers, second.numbers, count))
    return [Latent(numbers, (first if 2 * step < count else second).labels) for step, numbers in steps]


def near(model: LoadedModel, latent: Latent, count: int, seed: int = 0, distance: float = 0.3) -> list[Latent]:
    """`count` latents about one, those of the seeds from `seed` on each come that share of the way, 0 to 1."""
    others, _ = requested_labels(model, count, seed, {})
    return [Latent(math.sqrt(1 - distance**2) * latent.numbers + distance * other, latent.labels) for other in others]


def crossed(model: LoadedModel, first: Latent, second: Latent) -> Latent:
    """The first hero's coarse layers and labels with the second one's fine layers (style mixing; Karras et al., 2019).

    Raises:
        InputError: a family whose latents are not cut by layers.
    """
    if not model.family.layered_latents:
        raise InputError(f"the latents of {model.family_name} have no layers; use weights of resnet_gan")
    half = len(first.numbers) // 2
    return Latent(torch.cat([first.numbers[:half], second.numbers[half:]]), first.labels)


def shown(model: LoadedModel, latents: list[Latent], origin: Mapping[str, object], seed: int = 0) -> Sampled:
    """The portraits of latents.

    Args:
        origin: how they came about, for the manifest.
        seed: the first one's, there.
    """
    _smooth(model)
    numbers, labels = (torch.stack([getattr(each, name) for each in latents]) for name in ("numbers", "labels"))
    return Sampled(
        in_batches(model.family.sample, model.sampler, numbers, labels),
        tuple(range(seed, seed + len(latents))),
        tuple(model.labels.decode(row) for row in labels.tolist()),
        origins=({**origin},) * len(latents),
    )


def _smooth(model: LoadedModel) -> None:
    if not model.family.smooth_latents:
        raise InputError(f"{model.family_name} has no latent of a picture; use weights of a GAN")
