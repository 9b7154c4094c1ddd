"""The heroes as smooth art: four times the size, edges rounded, blended and antialiased, before a soft backdrop.

A set to try `prepare --smooth` and the families on, in place of painted or photographed faces.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from src.images import neighbours, pixel_numbers

DOUBLINGS = 2
BLUR = 1.6
"""Deviation in pixels of the enlarged picture: less than half a drawn pixel."""


def smooth_picture(rgba: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A painted hero as smooth art.

    Args:
        rgba: uint8 `[H, W, 4]`, binary alpha.
        generator: chooses the backdrop's two colours.

    Returns:
        uint8 `[4 H, 4 W, 3]`.
    """
    for _ in range(DOUBLINGS):
        rgba = scale2x(rgba)
    height, width = rgba.shape[:2]
    above, below = generator.uniform(90, 230, (2, 3))
    backdrop = above + (below - above) * np.linspace(0, 1, height)[:, None, None]
    picture = np.where(rgba[..., 3:] > 0, rgba[..., :3], backdrop)
    # Soft shading: light falls from the upper left, as in the heroes.
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 1.05 - 0.15 * np.hypot(rows + 0.4, columns + 0.4)[..., None]
    soft = gaussian_filter(picture * light, (BLUR, BLUR, 0))
    return soft.round().clip(0, 255).astype(np.uint8)


def scale2x(rgba: np.ndarray) -> np.ndarray:
    """Twice the size with rounded corners and no new colours (Scale2x; Mazzoleni, 2001): uint8 `[H, W, 4]`."""
    centre = pixel_numbers(rgba)
    _, up, _, left, right, _, down, _ = pixel_numbers(neighbours(rgba))
    edge = (up != down) & (left != right)
    result = centre.repeat(2, axis=0).repeat(2, axis=1)
    for row, vertical in enumerate((up, down)):
        for column, horizontal in enumerate((left, right)):
            result[row::2, column::2] = np.where(edge & (vertical == horizontal), vertical, centre)
    return result.view(np.uint8).reshape(*result.shape, 4)
