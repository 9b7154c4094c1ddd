"""What palette category a portrait has, worked out from its pixels.

Three measures of the colours that matter (no background, no outline, skin counted little), then an ordered rule:

1. median lightness is low                         -> `dark`
2. upper-quartile chroma is near grey              -> `neutral`
3. upper-quartile chroma is middling               -> `muted`
4. mean temperature is above zero                  -> `warm`, else `cool`

Lightness and chroma are those of OKLab, temperature is the warm-cool scale of Ou et al.: see `oklab.py`.

The thresholds are round numbers, chosen where the rule agreed best with the themes that artists had picked for 2,500
sprites (two in three, where always guessing the commonest theme is right for one in four). No torch here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.images import colour_numbers, colours_of_numbers
from src.palettes.oklab import srgb_to_oklab, temperature

PALETTES = ("cool", "dark", "muted", "neutral", "warm")
"""The categories, in index order."""

DARK_BELOW_LIGHTNESS = 0.42
NEUTRAL_BELOW_CHROMA = 0.04
MUTED_BELOW_CHROMA = 0.07
WARM_ABOVE_TEMPERATURE = 0.0

# A portrait is ambiguous where moving one measure by this much changes its category.
LIGHTNESS_MARGIN = 0.02
CHROMA_MARGIN = 0.005
TEMPERATURE_MARGIN = 0.1

# An outline is dark and thin: pixels below this lightness are left out, the darkest first, but never more than this
# share of what is visible: more darkness than that is the hero's own (a black robe).
OUTLINE_BELOW_LIGHTNESS = 0.30
OUTLINE_MOST_SHARE = 0.35

# Skin, of whatever shade, and bare leather and wood are warm under any palette: a pixel of their hue and chroma counts
# for a quarter. OKLab hue in degrees.
SKIN_HUE = (30.0, 85.0)
SKIN_CHROMA = (0.03, 0.13)
SKIN_ABOVE_LIGHTNESS = 0.30
SKIN_WEIGHT = 0.25

# The mean temperature weighs colours by their chroma (a near-grey says little), but no further than this, so that a
# small bright gem does not outweigh a cloak.
TEMPERATURE_FULL_WEIGHT_CHROMA = 0.10


@dataclass(frozen=True)
class PaletteMeasures:
    """The measures of one portrait (each a float) or of N (each an array `[N]`).

    Args:
        lightness: median OKLab lightness, 0 black to 1 white.
        chroma: 75th percentile of OKLab chroma, 0 grey to about 0.32.
        temperature: chroma-weighted mean on the warm-cool scale, about -2 cool to 3 warm; a grey is -0.5.
    """

    lightness: float | np.ndarray
    chroma: float | np.ndarray
    temperature: float | np.ndarray


def measure(rgba: np.ndarray) -> PaletteMeasures:
    """The palette measures of one portrait or of many.

    Args:
        rgba: uint8 `[H, W, 4]` or `[N, H, W, 4]`; pixels with alpha 0 are background. A portrait without any visible
            pixel measures as black.
    """
    if rgba.ndim == 3:
        return PaletteMeasures(*_measure_one(rgba))
    values = np.array([_measure_one(image) for image in rgba]).reshape(-1, 3)
    return PaletteMeasures(*values.T)


def _measure_one(rgba: np.ndarray) -> tuple[float, float, float]:
    """Lightness, chroma, temperature. Works on the few distinct colours of pixel art, not on its pixels."""
    rgb, count = _distinct_colours(rgba)
    if not len(rgb):
        return 0.0, 0.0, -0.5
    oklab = srgb_to_oklab(rgb)
    lightness = oklab[:, 0]
    chroma = np.hypot(oklab[:, 1], oklab[:, 2])
    weight = _weights(oklab, count)
    temperature_weight = weight * np.minimum(chroma, TEMPERATURE_FULL_WEIGHT_CHROMA)
    # The tiny addend lets an all-black portrait, which has no chroma at all, measure as a grey.
    mean_temperature = (temperature_weight @ temperature(rgb) - 0.5e-12) / (temperature_weight.sum() + 1e-12)
    return (
        weighted_quantile(lightness, weight, 0.5),
        weighted_quantile(chroma, weight, 0.75),
        float(mean_temperature),
    )


def _distinct_colours(rgba: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The visible colours, uint8 `[K, 3]`, and the number of pixels of each, `[K]`, of any array `[..., 4]`."""
    numbers, count = np.unique(colour_numbers(rgba[rgba[..., 3] > 0]), return_counts=True)
    return colours_of_numbers(numbers), count


def _weights(oklab: np.ndarray, count: np.ndarray) -> np.ndarray:
    """How much each colour matters, `[K]`: its pixels without those of the outline, those of skin counted little."""
    return (count - _outline_pixels(oklab[:, 0], count)) * np.where(_is_skin_like(oklab), SKIN_WEIGHT, 1.0)


def _outline_pixels(lightness: np.ndarray, count: np.ndarray) -> np.ndarray:
    """How many of each colour's pixels `[K]` are taken for outline, the darkest first until the share is used up."""
    order = np.argsort(lightness, kind="stable")
    darker = np.cumsum(count[order]) - count[order]
    outline = np.empty(len(count))
    outline[order] = np.clip(OUTLINE_MOST_SHARE * count.sum() - darker, 0, count[order])
    return np.where(lightness < OUTLINE_BELOW_LIGHTNESS, outline, 0.0)


def _is_skin_like(oklab: np.ndarray) -> np.ndarray:
    """Boolean `[K]` for colours `[K, 3]`."""
    chroma = np.hypot(oklab[:, 1], oklab[:, 2])
    hue = np.degrees(np.arctan2(oklab[:, 2], oklab[:, 1])) % 360
    return (
        (oklab[:, 0] > SKIN_ABOVE_LIGHTNESS)
        & (chroma > SKIN_CHROMA[0])
        & (chroma < SKIN_CHROMA[1])
        & (hue > SKIN_HUE[0])
        & (hue < SKIN_HUE[1])
    )


def weighted_quantile(values: np.ndarray, weights: np.ndarray, quantile: float) -> float:
    """The smallest of `values` `[K]` at or below which lies the share `quantile` of the total of `weights` `[K]`."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    position = np.searchsorted(cumulative, quantile * cumulative[-1] * (1 - 1e-12))
    return float(values[order][position])


def palette_category(measures: PaletteMeasures) -> str | np.ndarray:
    """The palette category by the rule at the top of this file.

    Returns:
        One of `PALETTES`, or a string array `[N]` for the measures of N portraits.
    """
    names = _decide(measures.lightness, measures.chroma, measures.temperature)
    return str(names) if names.ndim == 0 else names


def _decide(lightness: float | np.ndarray, chroma: float | np.ndarray, warmth: float | np.ndarray) -> np.ndarray:
    return np.select(
        [
            np.asarray(lightness) < DARK_BELOW_LIGHTNESS,
            np.asarray(chroma) < NEUTRAL_BELOW_CHROMA,
            np.asarray(chroma) < MUTED_BELOW_CHROMA,
            np.asarray(warmth) > WARM_ABOVE_TEMPERATURE,
        ],
        ["dark", "neutral", "muted", "warm"],
        "cool",
    )


def is_ambiguous(measures: PaletteMeasures) -> bool | np.ndarray:
    """Whether a small change of one measure (the margins above) gives another category; a boolean array `[N]` for N."""
    light, chroma, warmth = measures.lightness, measures.chroma, measures.temperature
    decided = _decide(light, chroma, warmth)
    doubt = np.zeros(decided.shape, bool)
    for sign in (-1, 1):
        doubt |= _decide(light + sign * LIGHTNESS_MARGIN, chroma, warmth) != decided
        doubt |= _decide(light, chroma + sign * CHROMA_MARGIN, warmth) != decided
        doubt |= _decide(light, chroma, warmth + sign * TEMPERATURE_MARGIN) != decided
    return bool(doubt) if doubt.ndim == 0 else doubt


def dominant_colours(images: np.ndarray, count: int = 8, distance: float = 0.1) -> np.ndarray:
    """The colours that fill most of a set of portraits, outline left out and skin counted little.

    The most used colour is taken and the colours near it with it, then the most used of the rest, and so on: no two
    swatches are alike, and every one is a colour that occurs, not a mean.

    Args:
        images: uint8 `[..., 4]`.
        count: the most colours to give.
        distance: colours nearer than this in OKLab count as one.

    Returns:
        sRGB uint8 `[K, 3]`, K at most `count`, the most used first.
    """
    rgb, pixels = _distinct_colours(images)
    oklab = srgb_to_oklab(rgb)
    left = _weights(oklab, pixels)
    chosen = []
    while len(chosen) < count and left.any():
        best = int(np.argmax(left))
        chosen.append(best)
        left[np.linalg.norm(oklab - oklab[best], axis=1) < distance] = 0
    return rgb[chosen]


def swatches(images: np.ndarray, categories: Sequence[str], count: int = 8) -> dict[str, np.ndarray]:
    """The dominant colours of each category that occurs, in the order of `PALETTES`.

    Args:
        images: uint8 `[N, H, W, 4]`.
        categories: the category of each portrait, N of them.
        count: the most colours a category.

    Returns:
        category -> sRGB uint8 `[K, 3]`.
    """
    names = np.asarray(categories)
    return {name: dominant_colours(images[names == name], count) for name in PALETTES if (names == name).any()}
