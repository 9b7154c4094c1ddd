"""Each portrait snapped to its own colours: pixel art from a generator whose pixels are free. No torch.

A GAN with a free RGBA output draws hundreds of nearly equal shades. A set's palette takes a hero's own hues from it;
the hero's own commonest shades do not.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from src.images import orphans
from src.palettes.oklab import srgb_to_oklab
from src.palettes.snap import cluster_palette, colour_table, snap

SPECK_PIXELS = 3
"""Opaque islands of at most so many pixels are removed, and transparent holes of as many filled."""

SPECK_DISTANCE = 0.08
"""A single pixel is a speck if it is this near in OKLab to the colour around it: farther off, it may be an eye."""


def snap_to_own_colours(portraits: np.ndarray, count: int) -> np.ndarray:
    """Portraits with at most `count` colours each, which are their own, without specks.

    Args:
        portraits: uint8 [N, H, W, 4] with binary alpha.
        count: at least 1.
    """
    snapped = [snap(each, cluster_palette(colour_table(each[None]), count)) for each in map(clean_alpha, portraits)]
    return np.stack([without_specks(each) for each in snapped])


def clean_alpha(portrait: np.ndarray) -> np.ndarray:
    """A portrait uint8 [H, W, 4] without opaque islands and transparent holes of a few pixels."""
    cleaned = portrait.copy()
    opaque = portrait[..., 3] > 0
    cleaned[_small_parts(opaque)] = 0
    holes = _small_parts(~opaque)
    if holes.any() and cleaned[..., 3].any():
        # A hole gets the nearest opaque pixel.
        row, column = ndimage.distance_transform_edt(cleaned[..., 3] == 0, return_distances=False, return_indices=True)
        cleaned[holes] = cleaned[row, column][holes]
    return cleaned


def without_specks(portrait: np.ndarray) -> np.ndarray:
    """A portrait uint8 [H, W, 4] whose single pixels of nearly the colour around them have that colour."""
    orphan, commonest = orphans(portrait)
    offset = srgb_to_oklab(portrait[..., :3]) - srgb_to_oklab(commonest[..., :3])
    near = (np.linalg.norm(offset, axis=-1) < SPECK_DISTANCE) & (commonest[..., 3] > 0)
    return np.where((orphan & near)[..., None], commonest, portrait)


def _small_parts(mask: np.ndarray) -> np.ndarray:
    """The connected parts (also across corners) of a bool [H, W] that have at most `SPECK_PIXELS` pixels."""
    part, count = ndimage.label(mask, structure=np.ones((3, 3)))
    sizes = np.bincount(part.reshape(-1), minlength=count + 1)
    return mask & (sizes[part] <= SPECK_PIXELS)
