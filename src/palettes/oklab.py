"""Colour conversions: sRGB to linear light, OKLab and CIELAB, and the warm-cool scale of a colour.

OKLab is Ottosson, "A perceptual color space for image processing" (2020). The warm-cool scale is that of Ou, Luo,
Woodcock and Wright, "A study of colour emotion and colour preference. Part I" (2004), fitted to observers' answers in
CIELAB. No torch here.
"""

from __future__ import annotations

import numpy as np

# The published matrices: linear sRGB -> cone response -> OKLab, and linear sRGB -> CIE XYZ relative to the D65 white.
RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
LMS_TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_RGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = _RGB_TO_XYZ.sum(axis=1)


def srgb_to_linear(rgb: np.ndarray) -> np.ndarray:
    """sRGB uint8 `[..., 3]` -> linear light, float64 0 to 1 (IEC 61966-2-1)."""
    value = np.arange(256) / 255
    table = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return table[rgb]


def srgb_to_oklab(rgb: np.ndarray) -> np.ndarray:
    """sRGB uint8 `[..., 3]` -> OKLab float64 `[..., 3]`: lightness 0 to 1, a (green to red) and b (blue to yellow)."""
    return np.cbrt(srgb_to_linear(rgb) @ RGB_TO_LMS.T) @ LMS_TO_OKLAB.T


def oklab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """OKLab float [..., 3] -> the nearest sRGB uint8 [..., 3]; what no screen shows is clipped."""
    linear = np.clip((lab @ np.linalg.inv(LMS_TO_OKLAB).T) ** 3 @ np.linalg.inv(RGB_TO_LMS).T, 0, 1)
    value = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(255 * value).astype(np.uint8)


def srgb_to_cielab(rgb: np.ndarray) -> np.ndarray:
    """sRGB uint8 `[..., 3]` -> CIELAB (D65) float64 `[..., 3]`: L* 0 to 100, a*, b*."""
    ratio = srgb_to_linear(rgb) @ _RGB_TO_XYZ.T / _WHITE
    delta = 6 / 29
    x, y, z = np.moveaxis(np.where(ratio > delta**3, np.cbrt(ratio), ratio / (3 * delta**2) + 4 / 29), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def temperature(rgb: np.ndarray) -> np.ndarray:
    """Warm-cool scale of single colours: WC = -0.5 + 0.02 C*^1.07 cos(h - 50 degrees) (Ou et al., 2004).

    Args:
        rgb: sRGB uint8 `[..., 3]`.

    Returns:
        float64 `[...]`, positive for warm colours.
    """
    lab = srgb_to_cielab(rgb)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    hue = np.arctan2(lab[..., 2], lab[..., 1])
    return -0.5 + 0.02 * chroma**1.07 * np.cos(hue - np.radians(50))
