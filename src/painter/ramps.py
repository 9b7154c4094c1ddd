"""Colour ramps: a handful of steps from shadow to light, hue-shifted, worked out in OKLCh.

Shadows drift towards violet-blue and lights towards yellow, as pigments lit by a warm sun do. A ramp is named and
listed under the palette category it belongs to; `tint` moves it by a hair, so that two heroes of one ramp need not look
dyed alike.
OKLab: Ottosson, "A perceptual colour space for image processing", 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from src.painter import canvas as materials

COOL_HUE, WARM_HUE = 285.0, 95.0


@dataclass(frozen=True)
class Ramp:
    """The middle step of a ramp in OKLCh and how far its ends lie apart.

    Args:
        lightness: of the base step, 0 .. 1.
        chroma: of the base step, 0 .. about 0.3.
        hue: degrees.
        spread: lightness between shadow and light.
        shift: degrees of hue shift towards the ends.
    """

    lightness: float
    chroma: float
    hue: float
    spread: float = 0.30
    shift: float = 18.0


def hue_gap(first: Ramp, second: Ramp) -> float:
    """Degrees between two ramps' hues, 0 .. 180."""
    return abs((first.hue - second.hue + 180) % 360 - 180)


def _towards(hue: float, target: float, degrees: float) -> float:
    """`hue` turned towards `target` the short way round, by at most `degrees`."""
    gap = (target - hue + 180) % 360 - 180
    return hue + max(-degrees, min(degrees, gap))


def _rgb(lightness: float, chroma: float, hue: float) -> tuple[int, int, int]:
    """OKLCh to 8-bit sRGB; chroma gives way where the colour lies outside sRGB."""
    # The published digits; `src.palettes.oklab` inverts its matrices, and one in 5,576 of these colours would differ.
    radians = hue * (np.pi / 180)
    for keep in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0):
        a, b = keep * chroma * np.cos(radians), keep * chroma * np.sin(radians)
        long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
        medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
        short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
        linear = np.array(
            [
                4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
                -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
                -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
            ]
        )
        if linear.min() >= -1e-3 and linear.max() <= 1 + 1e-3:
            break
    linear = np.clip(linear, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (int(value) for value in np.floor(255 * encoded + 0.5))
    return red, green, blue


@lru_cache(maxsize=4096)
def steps(ramp: Ramp, tint: int = 0) -> tuple[tuple[int, int, int], ...]:
    """The five colours of a ramp, line, shadow, base, light, highlight: 8-bit sRGB.

    Args:
        tint: -3 .. 3; turns the hue by 3 degrees and moves the lightness by 0.008 a step.
    """
    base = min(0.93, max(0.12, ramp.lightness + 0.008 * tint))
    hue = ramp.hue + 3 * tint
    half = ramp.spread / 2
    up = min(half, (0.97 - base) / 1.7)
    down = min(half, (base - 0.10) / 1.9)
    return (
        _rgb(base - 1.75 * down, 0.75 * ramp.chroma, _towards(hue, COOL_HUE, 1.5 * ramp.shift)),
        _rgb(base - 0.9 * down, 0.95 * ramp.chroma, _towards(hue, COOL_HUE, ramp.shift)),
        _rgb(base, ramp.chroma, hue),
        _rgb(base + 0.8 * up, 0.95 * ramp.chroma, _towards(hue, WARM_HUE, 0.7 * ramp.shift)),
        _rgb(base + 1.6 * up, 0.70 * ramp.chroma, _towards(hue, WARM_HUE, 1.2 * ramp.shift)),
    )


SKIN_RAMPS = {
    "porcelain": Ramp(0.86, 0.045, 55, 0.24),
    "rosy": Ramp(0.82, 0.070, 42, 0.26),
    "peach": Ramp(0.80, 0.075, 58, 0.26),
    "sand": Ramp(0.76, 0.075, 68, 0.26),
    "olive": Ramp(0.69, 0.075, 74, 0.26),
    "tan": Ramp(0.64, 0.085, 58, 0.26),
    "bronze": Ramp(0.56, 0.085, 52, 0.26),
    "umber": Ramp(0.47, 0.070, 48, 0.24),
    "ebony": Ramp(0.37, 0.050, 45, 0.22),
    "ashen": Ramp(0.72, 0.020, 280, 0.28),
    "moss": Ramp(0.62, 0.085, 130, 0.28),
    "dusk": Ramp(0.58, 0.060, 295, 0.28),
}

# Palette category -> ramp name -> ramp. What a category looks like is decided here and nowhere else.
CLOTH_RAMPS: dict[str, dict[str, Ramp]] = {
    "cool": {
        "cobalt": Ramp(0.48, 0.170, 262),
        "azure": Ramp(0.58, 0.150, 248),
        "teal": Ramp(0.55, 0.105, 195),
        "emerald": Ramp(0.55, 0.140, 158),
        "violet": Ramp(0.48, 0.170, 295),
        "sea": Ramp(0.62, 0.115, 220),
        "indigo": Ramp(0.46, 0.175, 276),
        "forest": Ramp(0.50, 0.120, 150),
        "ice": Ramp(0.74, 0.100, 232),
        "orchid": Ramp(0.55, 0.160, 305),
    },
    "warm": {
        "crimson": Ramp(0.48, 0.185, 24),
        "scarlet": Ramp(0.55, 0.200, 30),
        "flame": Ramp(0.63, 0.180, 46),
        "amber": Ramp(0.70, 0.150, 72),
        "gold": Ramp(0.76, 0.150, 86),
        "rust": Ramp(0.50, 0.140, 40),
        "copper": Ramp(0.57, 0.130, 52),
        "coral": Ramp(0.66, 0.150, 32),
        "wine": Ramp(0.48, 0.160, 15),
        "honey": Ramp(0.68, 0.140, 78),
    },
    "muted": {
        "sage": Ramp(0.56, 0.052, 140),
        "slate": Ramp(0.52, 0.050, 245),
        "mauve": Ramp(0.54, 0.052, 325),
        "clay": Ramp(0.55, 0.060, 45),
        "moss_cloth": Ramp(0.50, 0.058, 120),
        "dusty_blue": Ramp(0.60, 0.055, 250),
        "old_rose": Ramp(0.60, 0.058, 15),
        "khaki": Ramp(0.60, 0.058, 95),
        "faded_teal": Ramp(0.54, 0.050, 195),
        "heather": Ramp(0.54, 0.055, 300),
    },
    "neutral": {
        "linen": Ramp(0.80, 0.014, 85, 0.34, 6),
        "ash": Ramp(0.60, 0.006, 270, 0.34, 6),
        "stone": Ramp(0.66, 0.012, 80, 0.34, 6),
        "silver_cloth": Ramp(0.74, 0.008, 250, 0.34, 6),
        "pewter": Ramp(0.54, 0.009, 265, 0.32, 6),
        "chalk": Ramp(0.86, 0.008, 95, 0.34, 6),
        "smoke": Ramp(0.56, 0.008, 60, 0.32, 6),
        "bone": Ramp(0.77, 0.016, 90, 0.34, 6),
    },
    "dark": {
        "raven": Ramp(0.25, 0.020, 275, 0.22),
        "night": Ramp(0.26, 0.065, 270, 0.22),
        "blood": Ramp(0.27, 0.085, 22, 0.22),
        "pitch": Ramp(0.23, 0.010, 60, 0.22),
        "deep_wood": Ramp(0.27, 0.050, 150, 0.22),
        "plum": Ramp(0.27, 0.070, 320, 0.22),
        "charcoal": Ramp(0.28, 0.008, 260, 0.24),
        "abyss": Ramp(0.27, 0.050, 215, 0.22),
        "soot_brown": Ramp(0.26, 0.035, 50, 0.22),
    },
}

HAIR_RAMPS: dict[str, dict[str, Ramp]] = {
    "cool": {
        "blue_black": Ramp(0.34, 0.085, 268, 0.28),
        "sapphire": Ramp(0.48, 0.140, 262),
        "seafoam": Ramp(0.64, 0.095, 185),
        "silver_blue": Ramp(0.74, 0.070, 250, 0.36),
        "lavender": Ramp(0.62, 0.110, 300),
        "pine": Ramp(0.45, 0.090, 160),
        "frost": Ramp(0.82, 0.045, 235, 0.40),
    },
    "warm": {
        "ginger": Ramp(0.60, 0.150, 50),
        "auburn": Ramp(0.44, 0.110, 38),
        "straw": Ramp(0.78, 0.120, 88),
        "chestnut": Ramp(0.42, 0.080, 52),
        "blaze": Ramp(0.52, 0.180, 30),
        "wheat": Ramp(0.72, 0.110, 80),
        "cream": Ramp(0.86, 0.055, 88, 0.40),
    },
    "muted": {
        "mouse": Ramp(0.46, 0.040, 65),
        "ash_blond": Ramp(0.68, 0.055, 85),
        "taupe": Ramp(0.52, 0.035, 50),
        "dun": Ramp(0.40, 0.045, 60),
        "grey_rose": Ramp(0.58, 0.045, 10),
        "grey_green": Ramp(0.52, 0.045, 150),
        "pearl": Ramp(0.78, 0.030, 70, 0.38),
    },
    "neutral": {
        "white_hair": Ramp(0.86, 0.008, 260, 0.40, 6),
        "iron": Ramp(0.50, 0.008, 260, 0.34, 6),
        "salt": Ramp(0.68, 0.010, 80, 0.36, 6),
        "black": Ramp(0.30, 0.008, 270, 0.26, 6),
        "granite": Ramp(0.42, 0.010, 60, 0.32, 6),
    },
    "dark": {
        "ink": Ramp(0.23, 0.025, 275, 0.24),
        "coal": Ramp(0.22, 0.008, 60, 0.22),
        "dark_walnut": Ramp(0.27, 0.045, 50, 0.22),
        "black_cherry": Ramp(0.26, 0.070, 15, 0.22),
        "midnight": Ramp(0.26, 0.065, 265, 0.22),
        "storm": Ramp(0.41, 0.015, 260, 0.34),
    },
}

# What age makes of hair, by palette category.
GREY_HAIR: dict[str, tuple[str, ...]] = {
    "cool": ("frost", "silver_blue"),
    "warm": ("cream",),
    "muted": ("pearl", "ash_blond"),
    "neutral": ("white_hair", "salt"),
    "dark": ("storm",),
}

METAL_RAMPS: dict[str, dict[str, Ramp]] = {
    "cool": {
        "blued_steel": Ramp(0.60, 0.090, 250, 0.52),
        "mithril": Ramp(0.70, 0.085, 225, 0.48),
        "verdigris": Ramp(0.58, 0.088, 180, 0.46),
    },
    "warm": {
        "brass": Ramp(0.66, 0.110, 82, 0.50),
        "bronze": Ramp(0.56, 0.100, 60, 0.48),
        "red_steel": Ramp(0.57, 0.105, 32, 0.46),
    },
    "muted": {
        "worn_steel": Ramp(0.60, 0.050, 235, 0.46),
        "old_bronze": Ramp(0.55, 0.050, 78, 0.44),
        "tarnish": Ramp(0.58, 0.050, 150, 0.44),
    },
    "neutral": {
        "steel": Ramp(0.66, 0.012, 255, 0.52, 6),
        "iron": Ramp(0.54, 0.008, 260, 0.46, 6),
        "silver": Ramp(0.76, 0.010, 250, 0.46, 6),
    },
    "dark": {
        "black_iron": Ramp(0.29, 0.014, 265, 0.30),
        "gunmetal": Ramp(0.30, 0.026, 240, 0.30),
        "scorched": Ramp(0.29, 0.030, 40, 0.28),
    },
}

LEATHER_RAMPS: dict[str, dict[str, Ramp]] = {
    "cool": {
        "slate_hide": Ramp(0.42, 0.060, 240, 0.30),
        "plum_hide": Ramp(0.40, 0.070, 310, 0.30),
        "moss_hide": Ramp(0.42, 0.060, 165, 0.30),
    },
    "warm": {
        "saddle": Ramp(0.46, 0.085, 55, 0.32),
        "oxblood": Ramp(0.38, 0.090, 28, 0.30),
        "buff": Ramp(0.60, 0.090, 72, 0.34),
    },
    "muted": {
        "umber_hide": Ramp(0.44, 0.045, 62, 0.30),
        "grey_hide": Ramp(0.46, 0.030, 300, 0.30),
        "olive_hide": Ramp(0.46, 0.050, 105, 0.30),
    },
    "neutral": {
        "weathered": Ramp(0.48, 0.014, 70, 0.32, 6),
        "lead_hide": Ramp(0.42, 0.010, 265, 0.30, 6),
        "pale_hide": Ramp(0.62, 0.016, 80, 0.32, 6),
    },
    "dark": {
        "tarred": Ramp(0.26, 0.030, 50, 0.22),
        "ink_hide": Ramp(0.25, 0.030, 280, 0.22),
        "bog_hide": Ramp(0.27, 0.030, 140, 0.22),
    },
}

TRIM_RAMPS: dict[str, dict[str, Ramp]] = {
    "cool": {
        "ice_trim": Ramp(0.78, 0.090, 205, 0.36),
        "lilac_trim": Ramp(0.74, 0.100, 305, 0.36),
        "mint_trim": Ramp(0.80, 0.090, 165, 0.36),
    },
    "warm": {
        "gold_trim": Ramp(0.78, 0.140, 88, 0.36),
        "rose_trim": Ramp(0.70, 0.140, 25, 0.36),
        "flame_trim": Ramp(0.72, 0.150, 58, 0.36),
    },
    "muted": {
        "straw_trim": Ramp(0.68, 0.058, 90, 0.34),
        "blush_trim": Ramp(0.66, 0.055, 20, 0.34),
        "mist_trim": Ramp(0.70, 0.050, 220, 0.34),
    },
    "neutral": {
        "ivory_trim": Ramp(0.82, 0.012, 95, 0.36, 6),
        "nickel_trim": Ramp(0.74, 0.008, 250, 0.36, 6),
        "dove_trim": Ramp(0.66, 0.012, 60, 0.34, 6),
    },
    "dark": {
        "old_gold_trim": Ramp(0.40, 0.060, 75, 0.30),
        "ember_trim": Ramp(0.38, 0.090, 28, 0.30),
        "steel_trim": Ramp(0.42, 0.030, 240, 0.30),
    },
}

OUTLINES: dict[str, tuple[int, int, int]] = {
    "cool": _rgb(0.17, 0.040, 275),
    "warm": _rgb(0.17, 0.035, 20),
    "muted": _rgb(0.18, 0.018, 300),
    "neutral": _rgb(0.17, 0.006, 280),
    "dark": _rgb(0.11, 0.015, 285),
}

IRIS_COLOURS: dict[str, tuple[int, int, int]] = {
    "brown": _rgb(0.42, 0.080, 50),
    "hazel": _rgb(0.55, 0.090, 85),
    "blue": _rgb(0.55, 0.130, 250),
    "green": _rgb(0.56, 0.120, 150),
    "grey": _rgb(0.55, 0.020, 250),
    "violet": _rgb(0.50, 0.140, 300),
    "amber": _rgb(0.66, 0.140, 75),
}

EYE_WHITE = (240, 240, 244)


def colour_table(
    palette: str,
    skin: str,
    hair: str,
    cloth: str,
    second: str,
    metal: str,
    leather: str,
    trim: str,
    iris: str,
    tint: int,
) -> np.ndarray:
    """Material and shade to colour: uint8 `[12, 5, 4]`, at most 32 opaque colours; material 0 is transparent.

    Skin, hair and cloth keep a line of their own (the selective outline); the lesser materials share the outline colour
    and let go of their highlight, which is what keeps a portrait within its palette.

    Raises:
        KeyError: a ramp that the palette category does not have.
    """
    table = np.zeros((materials.MATERIAL_COUNT, 5, 4), dtype=np.uint8)
    table[1:, :, 3] = 255
    table[materials.OUTLINE, :, :3] = OUTLINES[palette]
    table[materials.SKIN, :, :3] = steps(SKIN_RAMPS[skin], 0)
    table[materials.HAIR, :, :3] = steps(HAIR_RAMPS[palette][hair], tint)
    table[materials.CLOTH, :, :3] = steps(CLOTH_RAMPS[palette][cloth], tint)
    shared = {
        materials.SECOND: steps(CLOTH_RAMPS[palette][second], -tint),
        materials.METAL: steps(METAL_RAMPS[palette][metal], 0),
        materials.LEATHER: steps(LEATHER_RAMPS[palette][leather], tint),
        materials.TRIM: steps(TRIM_RAMPS[palette][trim], tint),
    }
    for material, colours in shared.items():
        table[material, :, :3] = colours
        table[material, materials.LINE, :3] = OUTLINES[palette]
    for material in (materials.SECOND, materials.LEATHER, materials.TRIM):
        table[material, materials.HIGHLIGHT] = table[material, materials.LIGHT]
    table[materials.WHITE, :, :3] = EYE_WHITE
    table[materials.IRIS, :, :3] = IRIS_COLOURS[iris]
    tone = SKIN_RAMPS[skin]
    table[materials.LIP, :, :3] = _rgb(tone.lightness - 0.19, tone.chroma + 0.080, 18)
    return table
