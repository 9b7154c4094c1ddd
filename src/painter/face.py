"""The head without hair or gear: skull, ears, eyes, brows, nose, mouth, beard, scars and freckles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.images import grown
from src.painter.canvas import (
    BASE,
    CHECKERBOARD,
    COLUMNS,
    HAIR,
    HIGHLIGHT,
    IRIS,
    LIGHT,
    LINE,
    LIP,
    MATTE,
    OUTLINE,
    ROWS,
    SHADOW,
    SKIN,
    SOFT,
    TRIM,
    WHITE,
    Canvas,
    Point,
    below,
    polygon,
    polyline,
)
from src.painter.pose import EYE_ROW, MOUTH_ROW, NOSE_ROW, Pose

# The eye on the left, six pixels wide, its outer corner first; the other one is its mirror image.
# L lash line, W white, I iris, P pupil, s lid in shadow, . skin.
EYES: dict[str, tuple[str, ...]] = {
    "round": (".LLLL.", "LWIIW.", ".WIPW.", "..ss.."),
    "large": (".LLLL.", "LWIIWL", "LWIPW.", ".WIIs."),
    "almond": ("..LLL.", "LLIIWL", ".WIPW.", "..ss.."),
    "lashed": ("L.LLL.", ".LIIWL", "LWIPW.", "..ss.."),
    "level": (".LLLLL", ".WIIW.", ".WIPW.", "..ss.."),
    "narrow": ("......", "LLLLL.", ".WIPW.", "..ss.."),
    "deep": ("sLLLLs", ".LIPW.", "..WIs.", "..ss.."),
    "sleepy": (".sss..", "LLLLL.", ".WIPW.", "......"),
    "closed": ("......", "......", "L...L.", ".LLL.."),
}

# Six pixels wide over the left eye, outer end first: b brow.
BROWS: dict[str, tuple[str, ...]] = {
    "thin": (".bbb..", "b...b."),
    "arched": ("..bb..", "bb..b."),
    "soft": ("......", "bbbbb."),
    "raised": (".bbbb.", "......"),
    "straight": ("......", "bbbbbb"),
    "thick": ("bbbbb.", ".bbbbb"),
    "stern": ("bb....", ".bbbbb"),
    "bushy": ("bbbbb.", "bbbbbb"),
}

# Pixels beside the face's middle line (columns 2 and 3 of six): s shadow, l line, h highlight on the light's side.
NOSES: dict[str, tuple[str, ...]] = {
    "button": ("......", "......", "..hs..", "..ls.."),
    "short": ("......", "..hs..", "..hs..", ".slls."),
    "straight": ("...s..", "..hs..", "..hs..", "..lls."),
    "long": ("...s..", "..hs..", "..hs..", "..hss.", "..lls."),
    "broad": ("......", "..hs..", ".hhss.", ".lssl."),
    "hooked": ("..hs..", "..hss.", "..hss.", "...ll."),
}

# Eight pixels wide: d line of the mouth, L its dark inside, l lip, h skin in the light, w teeth, s skin in shadow.
MOUTHS: dict[str, tuple[str, ...]] = {
    "calm": ("..dddd..", "...ss..."),
    "smile": (".d....d.", "..dddd..", "...ss..."),
    "smirk": ("......d.", "..dddd..", "...ss..."),
    "stern": ("..dddd..", ".d....d.", "...ss..."),
    "grin": (".dddddd.", ".dwwwwd.", "..dddd.."),
    "frown": ("..dddd..", ".ds..sd.", "...ss..."),
    "gritted": (".dddddd.", ".wdwdww.", ".dddddd."),
    "shout": (".dddddd.", ".dwwwwd.", ".dLLLLd.", "..dddd.."),
    "gasp": ("...dd...", "..dLLd..", "..dLLd..", "...dd..."),
    "full": ("..llll..", "..dddd..", "...lh..."),
    "full_smile": (".d.ll.d.", "..dddd..", "...lh..."),
    "full_smirk": ("......d.", "..lldd..", "...lh..."),
    "full_frown": ("..llll..", "..dddd..", ".d.lh.d."),
    "full_open": ("..llll..", ".lwwwwl.", "..lLLl..", "...ll..."),
    "small": ("...ll...", "..lddl..", "...ss..."),
    "open": (".dddddd.", "..wwww..", "...ll..."),
}


@dataclass(frozen=True)
class Expression:
    """What a mood does to brows and lids; the mouth is a part of its own.

    Args:
        brow: rows that each of the brow's six columns moves down (negative: up), the outer end first.
        lids: -1 wide open, 0 at rest, 1 lowered.
        one_sided: the other brow goes up instead, and its lids rest.
    """

    brow: tuple[int, int, int, int, int, int] = (0, 0, 0, 0, 0, 0)
    lids: int = 0
    one_sided: bool = False


EXPRESSIONS: dict[str, Expression] = {
    "calm": Expression(),
    "cheerful": Expression((0, -1, -1, -1, -1, 0)),
    "fierce": Expression((-1, -1, 0, 0, 1, 1)),
    "grim": Expression((0, 0, 0, 1, 1, 1), lids=1),
    "sad": Expression((1, 1, 0, 0, -1, -1)),
    "sly": Expression((0, 0, 0, 0, 1, 1), lids=1, one_sided=True),
    "surprised": Expression((-2, -2, -2, -2, -2, -2), lids=-1),
    "weary": Expression((1, 1, 0, 0, 0, 0), lids=1),
}

# Three pixels wide, from the lobe down: t trim, h trim in the light, g gem.
EARRINGS: dict[str, tuple[str, ...]] = {
    "none": (),
    "studs": ("ht.", "tt."),
    "hoops": (".h.", "h.t", "t.t", ".t."),
    "drops": (".h.", ".t.", "ggg", ".g."),
}

MARKS = ("none", "scar_cheek", "scar_eye", "war_paint_bands", "war_paint_eyes", "freckles", "blush", "mole", "tattoo")
AGES = ("young", "adult", "old")


# How far the ear's tip lies out from its root, and how far up (negative).
EAR_TIPS = {"human": (3, -1), "pointed": (5, -5), "long_pointed": (8, -6)}


def _ear(x: float, y: float, side: int, ears: str) -> np.ndarray:
    out, up = EAR_TIPS[ears]
    return polygon(
        [
            (x - side, y - 1.5),
            (x + side * 1.5, y - 2.2),
            (x + side * out, y + up),
            (x + side * 3, y + 2),
            (x + side * 1.5, y + 5),
            (x - side, y + 5),
        ]
    )


def draw_head(canvas: Canvas, pose: Pose, ears: str) -> np.ndarray:
    """Skull, face and ears in skin; returns the head's mask without the ears, bool `[64, 64]`."""
    head = pose.skull_mask()
    if pose.turned:
        # Only the near ear shows; it lies on the head's side.
        canvas.part(head, SKIN, SOFT)
        canvas.part(_ear(*pose.head(-7, EYE_ROW + 0.5), -1, ears), SKIN, SOFT, lift=-0.25)
        return head
    for side in (-1, 1):
        lift = 0.2 if side == canvas.light else -0.25
        canvas.part(_ear(*pose.head(12.4 * side, EYE_ROW), side, ears), SKIN, SOFT, lift)
    canvas.part(head, SKIN, SOFT)
    return head


def _eye_places(pose: Pose) -> list[tuple[int, bool, bool]]:
    """For each eye: its leftmost column, whether it is the mirrored one, whether it is the far (narrower) one."""
    x, _ = pose.feature(0, EYE_ROW)
    if pose.turned:
        return [(int(x) - 7, False, False), (int(x) + 3, True, True)]
    spread = 9 if pose.width > 11 else 8
    return [(32 - spread + pose.sway, False, False), (26 + spread + pose.sway, True, False)]


def _narrowed(rows: tuple[str, ...]) -> tuple[str, ...]:
    """A far eye: one column less, taken from its outer half."""
    return tuple(row[:1] + row[2:] for row in rows)


def _lidded(rows: tuple[str, ...], lids: int) -> tuple[str, ...]:
    """An eye with its lid lowered over the first row, or with a row more below its lash line."""
    if lids > 0:
        return ("." * 6, rows[0].replace(".", "s"), *rows[2:])
    if lids < 0:
        return (*rows[:2], rows[1].replace("L", "."), *rows[2:])
    return rows


def _draw_brow(canvas: Canvas, rows: tuple[str, ...], moves: Sequence[int], x: int, y: int, mirrored: bool) -> None:
    for column, move in enumerate(moves):
        strip = tuple(row[column] for row in rows)
        canvas.pixels(
            strip, x + (len(moves) - 1 - column if mirrored else column), y + move, {"b": (HAIR, LINE)}, False
        )


def draw_features(
    canvas: Canvas, pose: Pose, eyes: str, brows: str, nose: str, mouth: str, expression: str, age: str
) -> None:
    """Eyes, brows, nose and mouth on a bare face, moved by the expression, lined by the age."""
    top = pose.top
    mood = EXPRESSIONS[expression]
    if age == "old":
        _draw_old_skin(canvas, pose)
    eye_legend = {
        "L": (OUTLINE, LINE),
        "W": (WHITE, BASE),
        "I": (IRIS, BASE),
        "P": (OUTLINE, LINE),
        "s": (SKIN, SHADOW),
    }
    for x, mirrored, far in _eye_places(pose):
        lids, moves = mood.lids, mood.brow
        if mirrored and mood.one_sided:
            lids, moves = 0, (-1,) * 6
        eye, brow = _lidded(EYES[eyes], lids), BROWS[brows]
        if far:
            eye, brow, moves = _narrowed(eye), _narrowed(brow), (*moves[:1], *moves[2:])
        canvas.pixels(eye, x, top + EYE_ROW - 1, eye_legend, mirrored)
        _draw_brow(canvas, brow, moves, x, top + EYE_ROW - 4, mirrored)
        # The catchlight is on the light's side of both eyes.
        iris = (canvas.material == IRIS) & (x <= COLUMNS) & (x + 6 > COLUMNS)
        if iris.any():
            row = int(np.argmax(iris.any(axis=1)))
            columns = np.flatnonzero(iris[row])
            if iris.sum() > 1:
                canvas.fill((row == ROWS) & (columns[0 if canvas.light < 0 else -1] == COLUMNS), WHITE)
    x, y = pose.feature(0, NOSE_ROW)
    nose_rows = NOSES[nose]
    # In the turned view the nose points to the right whatever the light does.
    legend = {"s": (SKIN, SHADOW), "l": (SKIN, LINE), "h": (SKIN, HIGHLIGHT)}
    canvas.pixels(
        nose_rows,
        int(x + 0.5) - 3 + int(pose.turned),
        int(y) - len(nose_rows) + 1,
        legend,
        canvas.light > 0 and not pose.turned,
    )
    x, y = pose.feature(0, MOUTH_ROW)
    legend = {
        "d": (SKIN, LINE),
        "l": (LIP, BASE),
        "h": (SKIN, LIGHT),
        "w": (WHITE, BASE),
        "L": (OUTLINE, LINE),
        "s": (SKIN, SHADOW),
    }
    rows = MOUTHS[mouth]
    if pose.turned:
        rows = tuple(row[:5] + row[6:] for row in rows)
    canvas.pixels(rows, int(x + 0.5) - 4, int(y) - (len(rows) > 2), legend, False)
    if age == "adult":
        for side in (-1, 1):
            canvas.crease([pose.feature(8 * side, NOSE_ROW - 1), pose.feature(7 * side, NOSE_ROW + 1)], SKIN)
    elif age == "old":
        for x, mirrored, _ in _eye_places(pose):
            canvas.pixels(("......", ".sss.."), x, top + EYE_ROW + 2, {"s": (SKIN, SHADOW)}, mirrored)


def _wrinkle(canvas: Canvas, points: list[Point]) -> None:
    """A line one shade deeper than the skin around it, in light and shade alike."""
    mask = polyline(points) & (canvas.material == SKIN) & (canvas.shade > LINE)
    canvas.shade[mask] = np.where(canvas.shade[mask] > SHADOW, SHADOW, LINE)


def _draw_old_skin(canvas: Canvas, pose: Pose) -> None:
    """Furrows over the brow, crow's feet, hollow cheeks, folds beside the mouth, sagging jowls."""
    _wrinkle(canvas, [pose.feature(u, v) for u, v in [(-5, 9.6), (0, 9), (5, 9.6)]])
    _wrinkle(canvas, [pose.feature(u, v) for u, v in [(-4, 11.6), (0, 11), (4, 11.6)]])
    for side in (-1, 1):
        _wrinkle(canvas, [pose.feature(3.6 * side, NOSE_ROW - 0.6), pose.feature(6.2 * side, MOUTH_ROW + 1)])
        _wrinkle(canvas, [pose.feature(9.6 * side, EYE_ROW + 2), pose.feature(10.6 * side, EYE_ROW + 3)])
        hollow = [(7, 21.4), (11, 19.6), (9.4, 25), (7.6, 24)]
        canvas.darken(polygon([pose.feature(side * u, v) for u, v in hollow]), 1, SKIN)
        canvas.crease([pose.feature(side * u, v) for u, v in [(8.4, 25.6), (6, 27.4)]], SKIN, LINE)


def draw_earrings(canvas: Canvas, pose: Pose, earrings: str) -> None:
    """What hangs from the lobes: over the hair, so that it is seen."""
    places = [pose.head(-8.2, EYE_ROW + 5)] if pose.turned else [pose.head(13 * side, EYE_ROW + 5) for side in (-1, 1)]
    for x, y in places:
        left, top = int(x + 0.5) - 1, int(y)
        canvas.pixels(EARRINGS[earrings], left, top, {"t": (TRIM, BASE), "h": (TRIM, LIGHT), "g": (IRIS, BASE)}, False)


def draw_mark(canvas: Canvas, pose: Pose, mark: str) -> None:
    """Scars, paint and freckles."""
    if mark in ("scar_cheek", "scar_eye"):
        line = [(5, 19), (8, 24)] if mark == "scar_cheek" else [(7, 11), (5, 23)]
        canvas.crease([pose.feature(u, v) for u, v in line], SKIN, LINE)
        canvas.crease([pose.feature(u + 1, v) for u, v in line], SKIN, HIGHLIGHT)
    elif mark == "war_paint_bands":
        for side in (-1, 1):
            for v in (20, 22):
                band = polyline([pose.feature(4 * side, v), pose.feature(9 * side, v + 1)])
                canvas.fill(band & (canvas.material == SKIN) & (canvas.shade > LINE), TRIM, BASE)
    elif mark == "war_paint_eyes":
        band = polygon([pose.feature(u, v) for u, v in [(-13, 16), (13, 16), (13, 19.5), (-13, 19.5)]])
        canvas.fill(band & (canvas.material == SKIN) & (canvas.shade > LINE), TRIM, SHADOW)
    elif mark == "freckles":
        for u, v in [(-8, 21), (-6, 20), (-6, 22), (6, 20), (7, 22), (8.5, 21)]:
            canvas.crease([pose.feature(u, v)] * 2, SKIN)
    elif mark == "blush":
        for side in (-1, 1):
            canvas.fill(
                polyline([pose.feature(7 * side, 21), pose.feature(8.6 * side, 21)]) & (canvas.material == SKIN), LIP
            )
    elif mark == "mole":
        canvas.crease([pose.feature(5, 23.4)] * 2, SKIN, LINE)
    elif mark == "tattoo":
        for points in ([(-9, 22), (-5, 23)], [(-8, 24), (-5, 25)], [(0, 27.5), (0, 29)]):
            stroke = polyline([pose.feature(u, v) for u, v in points])
            canvas.fill(stroke & (canvas.material == SKIN) & (canvas.shade > LINE), HAIR, LINE)


# Upper edge of the beard from ear to chin's middle (left half, head coordinates), then how far it hangs below the chin:
# points from the left to the middle.
BEARDS: dict[str, tuple[tuple, tuple]] = {
    "boxed": (((-12, 18), (-10.5, 21), (-7, 23.5), (-5, 26.5), (0, 27.5)), ((-12, 19), (-10, 27), (-5, 31), (0, 31.5))),
    "full": (((-12, 18), (-10, 20), (-7, 22), (-5, 26), (0, 27.5)), ((-13, 19), (-12, 28), (-8, 34), (0, 36))),
    "long": (((-12, 18), (-10, 20), (-6, 22.5), (-5, 26), (0, 27.5)), ((-13, 19), (-12, 30), (-7, 39), (0, 45))),
    "forked": (
        ((-12, 18), (-10, 20), (-6, 22.5), (-5, 26), (0, 27.5)),
        ((-13, 19), (-12, 30), (-7, 41), (-3, 40), (0, 33)),
    ),
    "pointed": (((-9, 24), (-6, 25), (-5, 26.5), (0, 27.5)), ((-9, 25), (-7, 30), (-3, 35), (0, 38))),
    "goatee": (((-4, 26.5), (0, 27.5)), ((-4.5, 27), (-4, 31), (0, 33))),
    "chops": (((-12, 17), (-10, 19), (-7, 22), (-6, 25)), ((-13, 19), (-12, 26), (-8, 29), (-6, 27))),
    "braided": (
        ((-12, 18), (-10, 20), (-6, 22.5), (-5, 26), (0, 27.5)),
        ((-13, 19), (-11, 29), (-4, 33), (-3, 43), (0, 44)),
    ),
}
BEARD_NAMES = ("none", "stubble", "moustache", "handlebar", *BEARDS)


def draw_beard(canvas: Canvas, pose: Pose, beard: str, head: np.ndarray) -> None:
    """Beard and moustache, around the mouth already drawn."""
    if beard == "none":
        return
    if beard == "stubble":
        area = below([pose.feature(u, v) for u, v in [(-13, 20), (-6, 23), (0, 23), (6, 23), (13, 20)]]) & head
        canvas.darken(area & ~CHECKERBOARD, 1, SKIN)
        return
    mouth = (canvas.material == LIP) | (canvas.material == WHITE)
    if beard in BEARDS:
        upper, hanging = BEARDS[beard]
        left = [*upper, *reversed(hanging)]
        if upper[-1][0] == 0:
            outlines = [
                [*upper, *((-u, v) for u, v in reversed(upper)), *((-u, v) for u, v in hanging), *reversed(hanging)]
            ]
        else:
            outlines = [left, [(-u, v) for u, v in left]]
        mask = np.zeros_like(head)
        for points in outlines:
            mask |= polygon([pose.feature(u, v) if abs(u) < 9 else pose.head(u, v) for u, v in points])
        mask &= ~(mouth & (pose.top + MOUTH_ROW + 2 > ROWS))
        canvas.cast_shadow(mask, 2)
        canvas.fill(grown(mask) & ~mask & ~head, HAIR, LINE)
        canvas.part(mask, HAIR, MATTE, line=False)
        canvas.fill(mask & grown(head & ~mask & (canvas.material == SKIN)), HAIR, SHADOW)
        for u in (-6, -2, 3, 7):
            x, _ = pose.feature(u, 0)
            canvas.crease([(x, pose.top + 27), (x - u / 4, pose.chin + 14)], HAIR)
        if beard == "braided":
            for row in range(pose.chin + 3, pose.chin + 14, 3):
                canvas.crease([(pose.feature(-3, 0)[0], row), (pose.feature(3, 0)[0], row + 1)], HAIR, LINE)
    if beard != "chops":
        ends = {"handlebar": (-8, 23.5), "moustache": (-6, 26)}.get(beard, (-5.5, 26))
        whiskers = np.zeros_like(head)
        for side in (-1, 1):
            points = [(0, 23), (-3.4, 22.8), ends, (-3, 24.6), (0, 24.4)]
            whiskers |= polygon([pose.feature(-side * u, v) for u, v in points])
        canvas.fill(whiskers, HAIR, BASE)
        canvas.fill(whiskers & ~np.roll(whiskers, -1, axis=0), HAIR, LINE)
        if beard not in ("goatee", "pointed"):
            canvas.fill(whiskers & ~np.roll(whiskers, 1, axis=0), HAIR, LIGHT)
