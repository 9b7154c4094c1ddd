"""How much like pixel art a portrait is, in a few numbers that each mean something by themselves.

Each is worth little alone: real portraits have soft ramps and single pixels too. So a set's values are laid beside
those of real portraits. Colours are compared in OKLab (Ottosson, 2020).
"""

from __future__ import annotations

import numpy as np

from src.data.clean import remove_orphans
from src.images import ALPHA_THRESHOLD, colour_numbers, colours_of_numbers, count_colours, grown, with_binary_alpha
from src.palettes.category import OUTLINE_BELOW_LIGHTNESS
from src.palettes.oklab import srgb_to_oklab

OFF_PALETTE_DISTANCE = 0.02
"""A colour further than this in OKLab from every colour of the palette is off it: a just noticeable difference."""

SOFT_DISTANCE = 0.04
"""Neighbouring pixels that differ by less than this, but do differ, are a soft gradient: artists' ramps have larger
steps."""


def colours_of(images: np.ndarray) -> np.ndarray:
    """The opaque colours that occur, sRGB uint8 [K, 3], sorted: of the training reals, the palette to keep to."""
    return colours_of_numbers(np.unique(colour_numbers(images[images[..., 3] >= ALPHA_THRESHOLD])))


def measure_pixel_art(images: np.ndarray, palette: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """The measures of each portrait.

    Args:
        images: uint8 [N, H, W, 4]; partial alpha is measured, then made binary for all other measures.
        palette: sRGB uint8 [K, 3], see `colours_of`; without one `off_palette` is left out.

    Returns:
        Measure -> float64 [N]. All but the first are shares, 0 to 1, and 0 where there is nothing to take a share of:
        `colours`, the number of distinct opaque colours; `partial_alpha`, of visible pixels neither opaque nor
        transparent; `orphans`, of opaque pixels that `src.data.clean` would replace as orphans; `flat`, of adjacent
        opaque pairs of exactly one colour; `blur`, of adjacent opaque pairs that differ by less than `SOFT_DISTANCE`;
        `outline`, of opaque pixels beside transparency (by one of four sides, the picture's border aside) as dark as
        the outline of the palette rule; `off_palette`, of opaque pixels.
    """
    partial = (images[..., 3] > 0) & (images[..., 3] < 255)
    visible = images[..., 3] > 0
    measures = {"colours": [], "partial_alpha": _share(partial, visible), "orphans": []}
    pictures = with_binary_alpha(images)
    opaque = pictures[..., 3] > 0
    # Over the few distinct colours, not the pixels: the cube roots of OKLab are what costs.
    packed = colour_numbers(pictures)
    distinct, number = np.unique(packed, return_inverse=True)
    number = number.reshape(packed.shape)
    oklab = srgb_to_oklab(colours_of_numbers(distinct)).astype(np.float32)

    changed = np.zeros(opaque.shape, bool)
    for index, picture in enumerate(pictures):
        changed[index] = (remove_orphans(picture) != picture).any(axis=-1)
    measures["colours"] = np.array([count_colours(picture) for picture in pictures], np.float64)
    measures["orphans"] = _share(changed & opaque, opaque)
    measures["flat"], measures["blur"] = _pairs(number, oklab, opaque)
    rim = opaque & grown(~opaque)  # a bust that is cut off by the border has no rim there
    measures["outline"] = _share((oklab[:, 0] < OUTLINE_BELOW_LIGHTNESS)[number] & rim, rim)
    if palette is not None:
        measures["off_palette"] = _share(_is_off(oklab, palette)[number] & opaque, opaque)
    return measures


def distribution_distance(values: np.ndarray, reference: np.ndarray) -> float:
    """The largest difference between the cumulative distributions of two samples [N], [M] (Kolmogorov-Smirnov): 0
    equal, 1 apart."""
    from scipy.stats import ks_2samp

    return float(ks_2samp(values, reference).statistic)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Share of the pixels `whole` [N, H, W] that are `part`, [N]."""
    return part.sum(axis=(1, 2)) / np.maximum(whole.sum(axis=(1, 2)), 1)


def _pairs(number: np.ndarray, oklab: np.ndarray, opaque: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of adjacent opaque pairs that are of one colour and that differ a little, each [N]."""
    pairs, equal, soft = np.zeros((3, len(number)))
    everything = (slice(None),) * 3
    for axis in (1, 2):
        one, other = list(everything), list(everything)
        one[axis], other[axis] = slice(1, None), slice(None, -1)
        one, other = tuple(one), tuple(other)
        both = opaque[one] & opaque[other]
        same = number[one] == number[other]
        differing = both & ~same
        near = np.zeros(both.shape, bool)
        step = oklab[number[one][differing]] - oklab[number[other][differing]]
        near[differing] = (step**2).sum(axis=-1) < SOFT_DISTANCE**2
        for total, mask in ((pairs, both), (equal, both & same), (soft, near)):
            total += mask.sum(axis=(1, 2))
    return equal / np.maximum(pairs, 1), soft / np.maximum(pairs, 1)


def _is_off(oklab: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Which colours [K, 3] lie further than `OFF_PALETTE_DISTANCE` from every colour of the palette, bool [K]."""
    from scipy.spatial import cKDTree

    tree = cKDTree(srgb_to_oklab(palette))
    nearest, _ = tree.query(oklab, distance_upper_bound=OFF_PALETTE_DISTANCE)
    return ~np.isfinite(nearest)
