"""Fewer colours a portrait: colours are merged one by one, where it is seen least. No torch."""

from __future__ import annotations

import numpy as np

from src.palettes.oklab import srgb_to_oklab


def reduce_colours(images: np.ndarray, most: int) -> tuple[np.ndarray, int]:
    """Portraits with at most `most` colours each.

    Again and again the colour goes whose pixels, given to the colour nearest to it, change the picture least: pixels
    times squared distance in OKLab (Ottosson, 2020; the agglomeration is Ward's, 1963, with one of the two colours kept
    as it is). A highlight of one pixel stays if it is far from all others. No colour is invented.

    Args:
        images: uint8 [N, H, W, 4] with binary alpha.
        most: at least 1.

    Returns:
        Portraits, the same array where none had too many, and how many had.
    """
    reduced, count = images, 0
    for index, image in enumerate(images):
        visible = image[..., 3] > 0
        colours, place, pixels = np.unique(image[visible][:, :3], axis=0, return_inverse=True, return_counts=True)
        if len(colours) <= most:
            continue
        if not count:
            reduced = images.copy()
        count += 1
        reduced[index][visible, :3] = colours[_survivors(colours, pixels, most)[place.reshape(-1)]]
    return reduced, count


def reduce_palette(colours: np.ndarray, most: int) -> np.ndarray:
    """At most `most` of a palette's colours, uint8 [K, 3], spread over all of it."""
    if len(colours) <= most:
        return colours
    return colours[np.unique(_survivors(colours, np.ones(len(colours)), most))]


def _survivors(colours: np.ndarray, pixels: np.ndarray, most: int) -> np.ndarray:
    """For each colour [K, 3] the number of the one that stands for it in the end."""
    lab = srgb_to_oklab(colours)
    squared = ((lab[:, None] - lab[None]) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    nearest, least = squared.argmin(axis=1), squared.min(axis=1)
    weight = pixels.astype(np.float64)
    stands_for = np.arange(len(colours))
    for _ in range(len(colours) - most):
        goes = int(np.argmin(weight * least))
        heir = nearest[goes]
        weight[heir] += weight[goes]
        stands_for[stands_for == goes] = heir
        weight[goes] = np.inf
        squared[goes, :] = squared[:, goes] = least[goes] = np.inf
        # Only colours that were nearest to it have another nearest one now.
        changed = np.flatnonzero(nearest == goes)
        nearest[changed], least[changed] = squared[changed].argmin(axis=1), squared[changed].min(axis=1)
    return stands_for
