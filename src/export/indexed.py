"""Indexed PNG: a palette and a number for every pixel; number 0 is transparency. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from src.files import replacing
from src.images import colour_numbers, colours_of_numbers, write_png
from src.palettes.oklab import srgb_to_oklab

MOST_VISIBLE = 255
"""Colours of an indexed PNG beside the transparent one."""


def visible_colours(rgba: np.ndarray) -> np.ndarray:
    """The colours of one or more pictures, uint8 [..., 4] with binary alpha, as uint8 [K, 3], dark to light."""
    colours = colours_of_numbers(np.unique(colour_numbers(rgba)[rgba[..., 3] > 0]))
    return colours[np.argsort(srgb_to_oklab(colours)[:, 0], kind="stable")]


def index(rgba: np.ndarray, palette: np.ndarray) -> Image.Image:
    """A picture of the mode `P` whose number 0 is transparent and whose number i + 1 is the palette's colour i.

    Args:
        rgba: uint8 [H, W, 4] with binary alpha; each visible colour is one of the palette.
        palette: uint8 [K, 3], K at most 255.
    """
    codes, packed = colour_numbers(palette), colour_numbers(rgba)
    order = np.argsort(codes, kind="stable")
    place = np.searchsorted(codes, packed, sorter=order).clip(max=max(len(codes) - 1, 0))
    numbers = np.where(rgba[..., 3] > 0, order[place] + 1, 0) if len(codes) else np.zeros(rgba.shape[:2])
    return _numbered(numbers, palette)


def quantized(rgba: np.ndarray) -> Image.Image:
    """As `index`, of a picture with any number of colours: similar ones become one (median cut), 255 are left."""
    few = Image.fromarray(rgba[..., :3]).quantize(MOST_VISIBLE, dither=Image.Dither.NONE)
    palette = np.array(few.getpalette(), np.uint8).reshape(-1, 3)[:MOST_VISIBLE]
    return _numbered(np.where(rgba[..., 3] > 0, np.asarray(few, np.int64) + 1, 0), palette)


def _numbered(numbers: np.ndarray, palette: np.ndarray) -> Image.Image:
    """Numbers int [H, W] from 0 to 255 as a picture: 0 is transparent, the others are of the palette uint8 [K, 3]."""
    picture = Image.fromarray(numbers.astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, *palette.reshape(-1).tolist()])
    picture.info["transparency"] = 0
    return picture


def write_picture(path: Path, rgba: np.ndarray, palette: np.ndarray | None = None) -> bool:
    """Write a PNG: indexed where 255 colours are enough, else with red, green, blue and alpha.

    Args:
        path: where; missing folders are made.
        rgba: uint8 [H, W, 4] with binary alpha.
        palette: uint8 [K, 3], for pictures that share one; None: the picture's own colours, dark to light.

    Returns:
        Whether it is indexed.
    """
    palette = visible_colours(rgba) if palette is None else palette
    if len(palette) > MOST_VISIBLE:
        write_png(path, rgba)
        return False
    with replacing(path) as temporary:
        index(rgba, palette).save(temporary, format="PNG")
    return True
