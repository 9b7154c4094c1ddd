"""From what a denoiser sees to the nearest pixel art: a few exact colours, and every pixel there or not.

A denoiser gives the mean of all portraits that may stand behind the noise. Near the end of the way that is one
portrait, its colours a little off from pixel to pixel; real portraits have one palette each. Put onto the set of such
portraits at every late step, the sample goes on from there, and the last step leaves nothing to repair (projected
diffusion; Christopher et al., 2024, for other sets).
"""

from __future__ import annotations

import torch
from torch import Tensor

# By so much the distance within which colours become one grows, as often as there are too many.
GROWTH = 1.25


def onto_palettes(portraits: Tensor, colours: int, distance: float) -> Tensor:
    """Every portrait in at most `colours` colours of its own and binary alpha.

    Args:
        portraits: [N, 4, H, W] in [-1, 1], colours premultiplied by alpha.
        colours: the most a portrait keeps.
        distance: colours closer than this, in a scale that is 2 long a channel, become one.

    Returns:
        [N, 4, H, W]; alpha is -1 or 1, and what is transparent is -1 in all channels.
    """
    return torch.stack([_onto_palette(portrait, colours, distance) for portrait in portraits])


def _onto_palette(portrait: Tensor, colours: int, distance: float) -> Tensor:
    # What is not a number, from a network that has diverged, is not there: it is near to no colour, at any distance.
    opaque = (portrait[3] > 0) & portrait.isfinite().all(dim=0)
    projected = torch.full_like(portrait, -1.0)
    if opaque.any():
        pixels = portrait[:3, opaque].T
        palette = own_palette(pixels, colours, distance)
        projected[:3, opaque] = palette[torch.cdist(pixels, palette).argmin(dim=1)].T
        projected[3, opaque] = 1.0
    return projected


def own_palette(pixels: Tensor, colours: int, distance: float) -> Tensor:
    """The colours of one portrait, the commonest first: float [K, 3], K at most `colours`.

    The colour with most pixels within the distance stands for all of them, as their mean; then the next of what is
    left. A blend along an edge has few like it and comes late: it takes one of the colours on its two sides. Where
    there are too many colours, the distance grows until there are not: what is rare is not dropped for what is common.

    Args:
        pixels: [M, 3], M at least 1.
        colours: the most there may be.
        distance: in the pixels' own scale.
    """
    apart = torch.cdist(pixels, pixels)
    while True:
        palette, everything = _commonest(pixels, apart < distance, colours)
        if everything:
            return palette
        distance *= GROWTH


def _commonest(pixels: Tensor, near: Tensor, colours: int) -> tuple[Tensor, bool]:
    """The commonest colours, at most so many, and whether they stand for all pixels.

    Args:
        pixels: [M, 3].
        near: bool [M, M].
        colours: the most there may be.
    """
    left = torch.ones(len(pixels), dtype=torch.bool, device=pixels.device)
    # How many of the pixels that are left are near each pixel.
    company = near.sum(dim=1)
    palette = []
    while left.any() and len(palette) < colours:
        alike = near[torch.where(left, company, -1).argmax()] & left
        palette.append(pixels[alike].mean(dim=0))
        left &= ~alike
        company -= near[:, alike].sum(dim=1)
    return torch.stack(palette), not left.any()
