"""Sets whose faults are known: a measure that does not see them is not to be believed about samples either.

All are made of training portraits. Copies are what no distance between distributions can find fault with: only the
copy check can.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from src.images import with_binary_alpha

BLUR_SIGMA = 1.0
"""Of the Gaussian, in pixels: one art pixel bleeds into its neighbours, the figure stays what it is."""

GRAIN = 12.0
"""Standard deviation of what is added to each colour channel, in steps of 255: what young generators leave on flats."""

BLOCKS = 4
"""A shuffled portrait is cut into this many by this many blocks."""


def blurred(images: np.ndarray) -> np.ndarray:
    """Portraits under a Gaussian blur of premultiplied colours; alpha is made binary again.

    Args:
        images: uint8 [N, H, W, 4], transparent pixels black.
    """
    sigmas = (0, BLUR_SIGMA, BLUR_SIGMA, 0)
    pixels = gaussian_filter(images.astype(np.float32), sigmas, mode="constant", truncate=3)
    # Premultiplied colours are divided by alpha, so that blurring does not darken the silhouette's edge.
    opacity = (pixels[..., 3:] / 255).clip(min=1e-6)
    colours = np.concatenate([pixels[..., :3] / opacity, pixels[..., 3:]], axis=-1)
    return with_binary_alpha(colours.round().clip(0, 255).astype(np.uint8))


def grained(images: np.ndarray, seed: int) -> np.ndarray:
    """Portraits with normally distributed grain on every opaque pixel's red, green and blue; alpha stays.

    Args:
        images: uint8 [N, H, W, 4], binary alpha.
        seed: of the grain.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    result = images.copy()
    for portrait in result:
        opaque = portrait[..., 3] > 0
        grain = random.normal(0.0, GRAIN, (int(opaque.sum()), 3))
        portrait[opaque, :3] = (portrait[opaque, :3] + grain).round().clip(0, 255)
    return result


def shuffled(images: np.ndarray, seed: int) -> np.ndarray:
    """Portraits whose blocks change places, each in an order of its own: every pixel is kept, no figure is left.

    Args:
        images: uint8 [N, H, W, 4], H and W multiples of `BLOCKS`.
        seed: of the orders.
    """
    count, height, width, channels = images.shape
    tall, wide = height // BLOCKS, width // BLOCKS
    cut = images.reshape(count, BLOCKS, tall, BLOCKS, wide, channels).swapaxes(2, 3)
    cut = cut.reshape(count, BLOCKS**2, tall, wide, channels)
    random = np.random.RandomState(seed)
    mixed = np.stack([portrait[random.permutation(BLOCKS**2)] for portrait in cut])
    return mixed.reshape(count, BLOCKS, BLOCKS, tall, wide, channels).swapaxes(2, 3).reshape(images.shape)


def mirrored(images: np.ndarray) -> np.ndarray:
    """Portraits [N, H, W, 4] seen in a mirror."""
    return np.ascontiguousarray(images[:, :, ::-1])


def recoloured(images: np.ndarray, seed: int) -> np.ndarray:
    """Portraits whose red, green and blue change places, in one of the five other orders each: a palette swap.

    Args:
        images: uint8 [N, H, W, 4].
        seed: of the orders.
    """
    orders = np.array([(0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
    chosen = orders[np.random.RandomState(seed).randint(len(orders), size=len(images))]
    colours = np.take_along_axis(images[..., :3], chosen[:, None, None], axis=-1)
    return np.concatenate([colours, images[..., 3:]], axis=-1)


def copies(images: np.ndarray, seed: int) -> np.ndarray:
    """Copies as a generator makes them that memorises: a third plain, a third mirrored, a third recoloured.

    Args:
        images: uint8 [N, H, W, 4].
        seed: of the recolouring.
    """
    result = images.copy()
    result[1::3] = mirrored(result[1::3])
    result[2::3] = recoloured(result[2::3], seed)
    return result
