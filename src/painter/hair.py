"""Hairstyles: a back behind the shoulders, a crown over the skull, a fringe over the brow; each a short list of points.

A style is a row in `HAIRSTYLES`, put together from the shapes above it, all in head coordinates (`pose.Pose`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.painter.canvas import (
    BASE,
    COLUMNS,
    HAIR,
    LINE,
    MATTE,
    ROWS,
    SHADOW,
    SIZE,
    SKIN,
    TRIM,
    Canvas,
    Point,
    below,
    ellipse,
    polygon,
    polyline,
    smooth,
)
from src.painter.pose import Pose, with_mirror

# Outline of the hair over the skull, left half, from the lowest point up to the middle; (rounded, points).
CROWNS: dict[str, tuple[bool, tuple]] = {
    "sleek": (True, ((-12.8, 24), (-13, 14), (-12.4, 5), (-8, -1.5), (-3, -3))),
    "full": (True, ((-13.5, 24), (-14, 14), (-13.6, 4), (-9, -3), (-3, -5))),
    "cropped": (True, ((-12.3, 20), (-12.4, 13), (-11.8, 5), (-7.5, -0.6), (-3, -1.8))),
    "spiked": (
        False,
        ((-13, 20), (-15, 12), (-13, 11), (-15.5, 3), (-12.5, 3.5), (-12, -4), (-8, -1), (-6, -7), (-3, -3), (-1, -7)),
    ),
    "wild": (
        False,
        ((-14, 26), (-17, 21), (-14.5, 17), (-18, 12), (-15, 8), (-16, 0), (-12, -0.5), (-9, -6), (-6, -3), (-2, -7)),
    ),
    "curls": (
        True,
        ((-13, 25), (-16, 21), (-14, 17), (-17, 12), (-14.5, 8), (-15.5, 2), (-12, 0), (-10, -5), (-6, -4), (-3, -7)),
    ),
    "afro": (True, ((-13, 24), (-17.5, 18), (-19, 9), (-16, -1), (-10, -7), (-3, -9))),
    "swept_up": (True, ((-12.4, 20), (-12.8, 12), (-12.6, 4), (-10, -3), (-4, -5.5))),
    "flat": (False, ((-12.6, 20), (-13, 10), (-13, 1), (-11, -4), (-3, -5))),
}

# Lower edge of the hair over the face, from left to right.
FRINGES: dict[str, tuple] = {
    "parted": (
        (-14, 24),
        (-11, 23),
        (-10.2, 15),
        (-8, 11),
        (-4, 8),
        (-0.5, 4),
        (3, 8),
        (8, 11),
        (10.2, 15),
        (11, 23),
        (14, 24),
    ),
    "side_part": (
        (-14, 22),
        (-11, 20),
        (-10, 13),
        (-8, 9),
        (-5, 4.5),
        (-2, 8),
        (3, 11),
        (8, 12),
        (10.4, 16),
        (11, 22),
        (14, 22),
    ),
    "blunt": (
        (-14, 25),
        (-10.6, 24),
        (-10.4, 12.5),
        (-8, 13),
        (-5, 12.5),
        (0, 13),
        (5, 12.5),
        (8, 13),
        (10.4, 12.5),
        (10.6, 24),
        (14, 25),
    ),
    "tousled": (
        (-14, 20),
        (-11.5, 21),
        (-10.5, 12),
        (-8.5, 14),
        (-7, 9),
        (-4, 13),
        (-2, 9),
        (2, 14),
        (4.5, 9),
        (7, 13),
        (9.5, 10),
        (11.5, 21),
        (14, 20),
    ),
    "swept": (
        (-14, 18),
        (-11.6, 19),
        (-10.6, 10),
        (-7, 6),
        (-2, 7),
        (3, 9.5),
        (7, 13),
        (9.5, 15.5),
        (10.4, 12),
        (11.6, 20),
        (14, 20),
    ),
    "receding": (
        (-14, 17),
        (-11.8, 18),
        (-11, 9),
        (-8, 3),
        (-4, 6),
        (0, 7),
        (4, 6),
        (8, 3),
        (11, 9),
        (11.8, 18),
        (14, 17),
    ),
    "short": ((-14, 17), (-11.8, 18), (-11, 9), (-8, 6.5), (0, 6), (8, 6.5), (11, 9), (11.8, 18), (14, 17)),
    "drawn_back": (
        (-14, 16),
        (-12, 17),
        (-11.5, 10),
        (-9, 6),
        (-5, 3.6),
        (0, 3),
        (5, 3.6),
        (9, 6),
        (11.5, 10),
        (12, 17),
        (14, 16),
    ),
    "over_eye": (
        (-14, 22),
        (-11, 21),
        (-10, 12),
        (-7, 6),
        (-3, 8),
        (2, 13),
        (5, 17),
        (8, 22),
        (10, 25),
        (12, 24),
        (14, 24),
    ),
    "locks": (
        (-14, 30),
        (-10.6, 31),
        (-9.8, 20),
        (-9, 14),
        (-6, 9),
        (-2, 11),
        (0, 6),
        (3, 11),
        (7, 10),
        (9.2, 14),
        (9.8, 20),
        (10.6, 31),
        (14, 30),
    ),
    "tips": (
        (-14, 22),
        (-11, 24),
        (-10, 13),
        (-7, 12),
        (-5.5, 14),
        (-4, 11),
        (-1, 12),
        (0.5, 15),
        (2, 11),
        (6, 12),
        (8, 14),
        (10, 12),
        (11, 24),
        (14, 22),
    ),
}

# What hangs behind, left half from top to bottom; (rounded, points).
BACKS: dict[str, tuple[bool, tuple]] = {
    "nape": (True, ((-6, 2), (-12.5, 8), (-12.5, 20), (-10, 27), (-6, 29))),
    "bob": (True, ((-6, 0), (-14, 8), (-15.5, 20), (-15, 27), (-10, 29))),
    "bob_flipped": (True, ((-6, 0), (-14, 8), (-14, 20), (-17.5, 28), (-12, 29))),
    "long": (True, ((-6, 0), (-14, 8), (-16, 24), (-17, 38), (-15, 46), (-8, 47))),
    "waves": (
        True,
        ((-6, 0), (-15, 7), (-14.5, 14), (-17.5, 20), (-15.5, 27), (-19, 34), (-16.5, 40), (-17, 46), (-8, 46)),
    ),
    "mane": (
        False,
        ((-6, 0), (-16, 8), (-19, 16), (-16.5, 18), (-21, 26), (-17.5, 28), (-21, 37), (-16, 38), (-14, 46), (-6, 42)),
    ),
    "shoulder": (True, ((-6, 0), (-13.5, 8), (-15, 22), (-16, 33), (-11, 36))),
    "twin_tails": (
        True,
        ((-8, 4), (-14, 5), (-19, 9), (-21, 20), (-20, 32), (-17.5, 39), (-16.5, 28), (-15, 16), (-12, 11)),
    ),
    "twin_braids": (
        True,
        ((-8, 12), (-13, 18), (-16, 24), (-16.5, 34), (-15.5, 44), (-12.5, 44), (-12, 34), (-11, 24)),
    ),
}


@dataclass(frozen=True)
class Hairstyle:
    """A row of the table of hairstyles; empty where a part is missing.

    Args:
        crown: key of `CROWNS`.
        fringe: key of `FRINGES`.
        back: key of `BACKS`.
        extra: "bun", "top_knot", "tail", "side_braid", "band", "crest" or nothing.
    """

    crown: str = ""
    fringe: str = ""
    back: str = ""
    extra: str = ""


HAIRSTYLES: dict[str, Hairstyle] = {
    "bald": Hairstyle(),
    "shaven": Hairstyle("cropped", "short"),
    "short_neat": Hairstyle("sleek", "side_part", "nape"),
    "short_swept": Hairstyle("swept_up", "swept", "nape"),
    "tousled": Hairstyle("full", "tousled", "nape"),
    "spiky": Hairstyle("spiked", "tousled", "nape"),
    "mohawk": Hairstyle("", "", "", "crest"),
    "flat_top": Hairstyle("flat", "short"),
    "receding": Hairstyle("cropped", "receding", "nape"),
    "curly_short": Hairstyle("curls", "tips", "nape"),
    "afro": Hairstyle("afro", "short"),
    "bowl": Hairstyle("sleek", "blunt", "nape"),
    "pixie": Hairstyle("sleek", "over_eye", "nape"),
    "bob_blunt": Hairstyle("full", "blunt", "bob"),
    "bob_parted": Hairstyle("sleek", "parted", "bob_flipped"),
    "shoulder_parted": Hairstyle("sleek", "parted", "shoulder"),
    "shoulder_swept": Hairstyle("full", "swept", "shoulder"),
    "long_parted": Hairstyle("sleek", "parted", "long"),
    "long_blunt": Hairstyle("full", "blunt", "long"),
    "long_locks": Hairstyle("full", "locks", "long"),
    "long_waves": Hairstyle("full", "side_part", "waves"),
    "long_drawn_back": Hairstyle("sleek", "drawn_back", "long"),
    "wavy_tips": Hairstyle("curls", "tips", "waves"),
    "mane": Hairstyle("wild", "tousled", "mane"),
    "wild_short": Hairstyle("wild", "tips", "nape"),
    "bun": Hairstyle("sleek", "drawn_back", "nape", "bun"),
    "bun_fringe": Hairstyle("sleek", "side_part", "nape", "bun"),
    "top_knot": Hairstyle("cropped", "drawn_back", "", "top_knot"),
    "ponytail": Hairstyle("sleek", "swept", "nape", "tail"),
    "ponytail_tips": Hairstyle("full", "tips", "nape", "tail"),
    "twin_tails": Hairstyle("full", "blunt", "twin_tails"),
    "twin_braids": Hairstyle("sleek", "parted", "twin_braids"),
    "side_braid": Hairstyle("sleek", "side_part", "nape", "side_braid"),
    "crown_braid": Hairstyle("full", "parted", "nape", "band"),
}

# Width of the shine by column: clusters of light, no even stripe.
SHINE = (2, 3, 2, 0, 1, 3, 3, 2, 1, 0, 2, 2)


def _shape(pose: Pose, rounded: bool, points: tuple) -> np.ndarray:
    return pose.head_blob(points) if rounded else pose.head_polygon(points)


def _strands(canvas: Canvas, pose: Pose, area: np.ndarray, bottom: float, shade: int = SHADOW) -> None:
    """Locks: lines that run from the crown outwards and down, inside `area`."""
    for index, u in enumerate((-14, -9, -4, 3, 7, 12, 16)):
        line = pose.head_curve([(u * 0.6, -2 + index % 3 * 2), (u * 0.85, 5), (u, 13), (u * 1.05, bottom)])
        mask = polyline(line) & area & (canvas.material == HAIR) & (canvas.shade > LINE)
        canvas.shade[mask] = shade


def draw_back(canvas: Canvas, pose: Pose, style: Hairstyle, length: int) -> None:
    """What hangs behind neck and shoulders; `length` adds rows to it (-4 .. 4)."""
    if style.extra == "tail":
        tail = [
            (-9, 3),
            (-16, 1),
            (-21, 8),
            (-21 - length / 2, 20),
            (-18, 31 + length),
            (-16.5, 20),
            (-14, 11),
            (-10, 9),
        ]
        canvas.part(pose.head_blob(tail, mirrored=False), HAIR, MATTE)
        canvas.crease(pose.head_curve([(-12, 5), (-18, 8), (-19, 18), (-18.5, 28)]), HAIR)
        canvas.fill(polyline(pose.head_points([(-13, 3), (-12, 8)]), 2), TRIM, BASE)
    elif style.extra in ("bun", "top_knot"):
        x, y = pose.head(0 if style.extra == "top_knot" else -6 if pose.turned else 3, -5)
        canvas.part(ellipse(x, y, 5, 4.2) if style.extra == "bun" else ellipse(x, y, 3.4, 4.6), HAIR, MATTE)
        canvas.crease([(x - 3, y + 1), (x, y - 1), (x + 3, y + 1)], HAIR)
    if not style.back:
        return
    rounded, points = BACKS[style.back]
    low = [(u, v + (length if v > 24 else 0)) for u, v in points]
    if style.back in ("twin_tails", "twin_braids"):
        for side in (-1, 1):
            outline = [(-side * u, v) for u, v in low]
            mask = pose.head_blob(outline, mirrored=False)
            canvas.part(mask, HAIR, MATTE)
            if style.back == "twin_braids":
                for row in range(20, 46, 3):
                    canvas.crease(pose.head_points([(side * 11, row), (side * 17, row + 2)]), HAIR, LINE)
            else:
                canvas.crease(pose.head_curve([(side * 14, 8), (side * 18, 16), (side * 18.5, 30)]), HAIR)
        return
    mask = _shape(pose, rounded, tuple(low))
    canvas.part(mask, HAIR, MATTE, lift=-0.35)
    _strands(canvas, pose, mask & (pose.top + 18 < ROWS), 60, LINE)


def draw_loose(canvas: Canvas, pose: Pose, style: Hairstyle, length: int) -> None:
    """What falls from under a closed helmet over the chest: two locks of long hair, or braids."""
    if style.back in ("long", "waves", "mane", "shoulder", "twin_tails"):
        end = 33 if style.back == "shoulder" else 40 + length
        for side in (-1, 1):
            lock = [(8, 26), (12.5, 25), (14.5, 30), (14, end - 3), (11.5, end + 1), (9.5, end - 3)]
            mask = pose.head_blob([(side * u, v) for u, v in lock], mirrored=False)
            canvas.cast_shadow(mask, 2)
            canvas.part(mask, HAIR, MATTE)
            canvas.crease(pose.head_curve([(side * 11, 26), (side * 12, 32), (side * 11.4, end)]), HAIR)
    if style.back == "twin_braids":
        for side in (-1, 1):
            _braid(canvas, pose, side)
    elif style.extra == "side_braid":
        _braid(canvas, pose, 1)


def _braid(canvas: Canvas, pose: Pose, side: int) -> None:
    """A braid from the ear down over the chest, tied at its end."""
    points = [(9, 18), (13, 22), (14, 30), (13, 40), (11, 44), (9, 40), (8.5, 30)]
    braid = pose.head_blob([(side * u, v) for u, v in points], mirrored=False) & (pose.top + 18 <= ROWS)
    canvas.cast_shadow(braid, 2)
    canvas.part(braid, HAIR, MATTE)
    for row in range(22, 44, 3):
        canvas.crease(pose.head_points([(side * 8, row), (side * 15, row + 2)]), HAIR, LINE)
    canvas.fill(polyline(pose.head_points([(side * 9, 41), (side * 13, 41)]), 2), TRIM, BASE)


def _near_side(pose: Pose, edge: list[Point]) -> list[Point]:
    """The hair's edge on the near side of a turned head: from the nape around the ear, or over it, to the temple."""
    (_, nape), (_, side), (_, temple) = edge[:3]
    if side < 22:
        points = [(-19, nape + 4), (-12, nape + 5), (-10.5, 14), (-6.5, 13.5), (-5.4, side), (-4.2, temple + 1)]
    else:
        points = [(-19, nape + 3), (-9, nape + 3), (-8, nape - 1), (-6.6, side + 2), (-5.2, side - 4), (-4.2, temple)]
    return pose.head_points(points)


def _draw_crest(canvas: Canvas, pose: Pose) -> None:
    """A mohawk over a shaven scalp."""
    edge = pose.head_points([(-22, 15), (-11.5, 14), (-10, 8), (-4, 5), (4, 5), (10, 8), (11.5, 14), (14, 15)])
    canvas.darken(~below(edge) & (pose.top - 3 < ROWS), 1, SKIN)
    if pose.turned:
        crest = pose.head_polygon(
            [
                (7, 5),
                (8, -3),
                (5, -8),
                (2, -5),
                (0, -11),
                (-4, -6),
                (-9, -9),
                (-9, -3),
                (-15, -4),
                (-12, 2),
                (-13, 8),
                (-8, 2),
                (-2, 0.5),
                (3, 2),
            ],
            mirrored=False,
        )
    else:
        crest = pose.head_polygon(
            [(-2, 9), (-3, 3), (-5.5, -3), (-6.5, -9), (-3.4, -7), (-3, -11), (-1, -9), (-0.4, -13)]
        )
    canvas.cast_shadow(crest, 2, SKIN)
    canvas.part(crest, HAIR, MATTE)
    for u in (-3, 0, 3):
        canvas.crease(pose.head_points([(u / 2, 4), (u, -9)]), HAIR, SHADOW)


def draw_front(canvas: Canvas, pose: Pose, style: Hairstyle, covered: bool, wave: int) -> None:
    """Crown and fringe over the face.

    Args:
        covered: a hat lies on it: the crown is kept close to the skull.
        wave: moves the points of the fringe's edge a little, and the shine, 0 .. 7.
    """
    if style.extra == "crest" and not covered:
        _draw_crest(canvas, pose)
    if not style.crown:
        return
    rounded, points = CROWNS["cropped" if covered else style.crown]
    outline = with_mirror(points)
    crown_points = pose.head_points(outline)
    crown = polygon(smooth(crown_points) if rounded else crown_points)
    if style.fringe:
        edge = [(u, v + ((index * 5 + wave * 3) % 4 - 1.5) * 0.5) for index, (u, v) in enumerate(FRINGES[style.fringe])]
        if pose.turned:
            # The parting moves with the face, the hair at the sides stays with the skull.
            mapped = [*_near_side(pose, edge), *(pose.feature(u, v) if u < 9 else pose.head(u, v) for u, v in edge[3:])]
            for index in range(1, len(mapped)):
                x, y = mapped[index]
                mapped[index] = (max(x, mapped[index - 1][0] + 0.3), y)
        else:
            mapped = pose.head_points(edge)
        area = crown & ~below(mapped)
    else:
        area = crown
    canvas.cast_shadow(area, 2, SKIN)
    canvas.part(area, HAIR, MATTE)
    _strands(canvas, pose, area, 30)
    if style.crown in ("curls", "afro"):
        for row in range(-8, 26, 4):
            for u in range(-18, 19, 5):
                x, y = pose.head(u + (row % 8) / 2, row)
                canvas.crease([(x, y), (x + 1, y + 1), (x + 2, y)], HAIR, SHADOW)
    # The shine: a band that follows the skull, broken into clusters, stronger on the light's side.
    middle, _ = pose.head(0, 0)
    offset = COLUMNS - middle
    band = ROWS - (pose.top + 1 + offset * offset / 22)
    width = np.array(SHINE)[(np.arange(SIZE) + wave) % len(SHINE)][None, :]
    shine = (band >= 0) & (band < width) & (offset * canvas.light > -3) & area
    canvas.lighten(shine, HAIR)
    if style.extra == "band":
        braid = polyline(pose.head_curve([(-12, 8), (-6, 4), (0, 2.5), (6, 4), (12, 8)]), 3) & area
        canvas.part(braid, HAIR, MATTE, lift=0.2)
        for u in range(-11, 12, 3):
            canvas.crease(pose.head_points([(u, 1), (u + 2, 9)]), HAIR, LINE)
    elif style.extra == "side_braid":
        _braid(canvas, pose, 1)
