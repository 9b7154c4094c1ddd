"""Bodies and what they wear: torso, collars, capes, pauldrons, jewels; all in body coordinates (`pose.Pose`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from src.painter.canvas import (
    BASE,
    CLOTH,
    COLUMNS,
    GLOSSY,
    HIGHLIGHT,
    IRIS,
    LEATHER,
    LIGHT,
    LINE,
    MATTE,
    METAL,
    OUTLINE,
    ROWS,
    SECOND,
    SHADOW,
    SKIN,
    SOFT,
    TRIM,
    WHITE,
    Canvas,
    Point,
    polygon,
    polyline,
)
from src.painter.headgear import mail_texture
from src.painter.parts import Library, nothing
from src.painter.pose import Pose

GARMENTS, CAPES, SHOULDERS, JEWELS = Library(), Library(), Library(), Library()
CAPES.part("none")(nothing)
SHOULDERS.part("none")(nothing)
JEWELS.part("none")(nothing)

FLOOR = 30


def torso(pose: Pose) -> np.ndarray:
    """Mask of shoulders and chest."""
    slope, rise = pose.slope, pose.neck - 6.5
    return pose.body_polygon(
        [
            (-25, FLOOR),
            (-25, 6 + slope),
            (-23, 3.5 + slope - rise / 2),
            (-17, 2.5 + slope * 0.5 - rise),
            (-10, 2.5 - rise),
            (-pose.neck, 0),
        ]
    )


def draw_body(canvas: Canvas, pose: Pose) -> None:
    """The bare body: shoulders, chest, neck."""
    canvas.part(torso(pose), SKIN, MATTE)
    for side in (-1, 1):
        canvas.crease(pose.body_curve([(side * 3, 8), (side * 9, 6.5), (side * 15, 7)]), SKIN, SHADOW)
        canvas.crease(pose.body_points([(side * 18, 13), (side * 17, 20)]), SKIN, LINE)
    neck = pose.body_polygon([(-pose.neck, 9), (0.5 - pose.neck, 4), (-pose.neck, -6)])
    canvas.part(neck, SKIN, MATTE)
    canvas.darken(neck & (pose.chin + 3 >= ROWS), 1, SKIN)


def draw_build(canvas: Canvas, pose: Pose) -> None:
    """The figure under cloth or plate: a step of shade where the chest swells, whatever it wears."""
    if pose.build == "curved":
        for side in (-1, 1):
            swell = pose.body_blob([(side * u, v) for u, v in [(3, 11), (8, 8.5), (13, 11), (8, 14)]], mirrored=False)
            if side == canvas.light:
                canvas.lighten(swell)
            fold = pose.body_curve([(side * 1, 13), (side * 4, 15.5), (side * 9, 16), (side * 14, 12.5)])
            canvas.darken(polyline(fold))
            canvas.darken(
                pose.body_polygon(
                    [(side * u, v) for u, v in [(14, 14), (18, 12), (19, FLOOR), (13, FLOOR)]], mirrored=False
                )
            )
    elif pose.build == "brawny":
        for side in (-1, 1):
            canvas.darken(polyline(pose.body_curve([(side * 1, 13), (side * 6, 14), (side * 13, 11.5)])))
            canvas.darken(polyline(pose.body_curve([(side * 16, 4), (side * 17, 8), (side * 15, 12)])))


def _folds(canvas: Canvas, pose: Pose, material: int) -> None:
    """Where cloth pulls: from the armpits and down the front."""
    for side in (-1, 1):
        canvas.crease(
            pose.body_points([(side * 17, 11), (side * 18, FLOOR)]), material, LINE if material == CLOTH else SHADOW
        )
        canvas.crease(pose.body_curve([(side * 15, 7), (side * 12, 12), (side * 11, 18)]), material, SHADOW)
        canvas.crease(pose.body_curve([(side * 7, 10), (side * 6, 16), (side * 7, 22)]), material, SHADOW)


def _neckline(points: Sequence[Point], pose: Pose) -> np.ndarray:
    return pose.body_polygon(points)


V_NECK = ((-6.5, -3), (-6, 2), (-3, 7), (-0.5, 11))
ROUND = ((-7.5, -3), (-7, 2), (-4.5, 5), (-1, 6))
WIDE = ((-15, -3), (-15, 4.5), (-8, 7.5), (-1, 8.5))


def _clothe(
    canvas: Canvas, pose: Pose, material: int, neckline: Sequence[Point], trim: int | None = None
) -> np.ndarray:
    """Cover the torso but for the neckline; a hem along it if a trim is given. Returns the cloth's mask."""
    opening = _neckline(neckline, pose)
    cloth = torso(pose) & ~opening
    canvas.part(cloth, material, MATTE, dither=material == CLOTH)
    if trim is not None:
        wide = _neckline([(u * 1.3 - 0.8, v + 1.6) for u, v in neckline], pose)
        canvas.part(wide & cloth, trim, SOFT, line=False)
    _folds(canvas, pose, material)
    return cloth


def _collar(canvas: Canvas, pose: Pose, material: int, height: float = 4) -> None:
    """A standing collar, open in front."""
    for side in (-1, 1):
        flap = [(1, 8), (4, 3), (8, -height), (10.5, -height + 0.5), (11, 3), (6, 6)]
        canvas.part(pose.body_polygon([(side * u, v) for u, v in flap], mirrored=False), material, MATTE, lift=0.15)


@GARMENTS.part("tunic")
def tunic(canvas: Canvas, pose: Pose) -> None:
    """A plain tunic with a trimmed neck and a belt across."""
    _clothe(canvas, pose, CLOTH, ROUND, TRIM)
    strap = polyline(pose.body_points([(-15, 5), (-3, 13), (8, FLOOR)]), 3)
    canvas.part(strap & torso(pose), LEATHER, MATTE)


@GARMENTS.part("laced_shirt")
def laced_shirt(canvas: Canvas, pose: Pose) -> None:
    """A shirt laced over the chest, under an open vest."""
    _clothe(canvas, pose, SECOND, V_NECK)
    for side in (-1, 1):
        vest = [(7, 1), (10, 2.5), (17, 5), (18, FLOOR), (6, FLOOR), (8, 12)]
        canvas.part(pose.body_polygon([(side * u, v) for u, v in vest], mirrored=False), CLOTH, MATTE)
    for v in (8, 11, 14):
        canvas.fill(polyline(pose.body_points([(-2, v), (2, v + 1)])), LEATHER, BASE)


@GARMENTS.part("doublet")
def doublet(canvas: Canvas, pose: Pose) -> None:
    """A buttoned doublet with slashed shoulders and a ruffed collar."""
    cloth = _clothe(canvas, pose, CLOTH, ROUND)
    panel = pose.body_polygon([(-5, FLOOR), (-6, 10), (-7, 4)])
    canvas.part(panel & cloth, SECOND, MATTE)
    for v in (8, 12, 16, 20):
        canvas.fill(pose.spot(0, v, 0.9), TRIM, LIGHT)
    for side in (-1, 1):
        for u in (15, 19, 22):
            canvas.crease(pose.body_points([(side * u, 5), (side * (u + 1), 13)]), CLOTH, HIGHLIGHT)
    ruff = [(-9, 4)]
    for index in range(9):
        ruff.append((-9 + index * 2.25, -1.5 - (index % 2) * 1.6 + abs(index - 4) * -0.3 + 3))
    for index in range(9):
        ruff.append((9 - index * 2.25, 5 + (index % 2) * 1.4))
    canvas.part(pose.body_polygon(ruff, mirrored=False), WHITE, SOFT, line=False)
    canvas.crease(pose.body_points([(-8, 5), (0, 6), (8, 5)]), WHITE, BASE)


@GARMENTS.part("robe")
def robe(canvas: Canvas, pose: Pose) -> None:
    """Crossed folds, a broad trimmed hem."""
    _clothe(canvas, pose, CLOTH, V_NECK, SECOND)
    hem = polyline(pose.body_points([(-7, 2), (0, 11), (3, FLOOR)]), 3)
    canvas.part(hem & torso(pose), SECOND, SOFT)
    canvas.fill(polyline(pose.body_points([(-6.5, 3), (0.5, 12), (3.5, FLOOR)])) & torso(pose), TRIM, LIGHT)


@GARMENTS.part("high_robe")
def high_robe(canvas: Canvas, pose: Pose) -> None:
    """A robe with a tall stiff collar behind the head."""
    _clothe(canvas, pose, CLOTH, ROUND)
    panel = pose.body_polygon([(-4, FLOOR), (-4.5, 4)])
    canvas.part(panel, SECOND, MATTE)
    for side in (-1, 1):
        canvas.fill(polyline(pose.body_points([(side * 4.6, 5), (side * 4.2, FLOOR)])), TRIM, LIGHT)
    _collar(canvas, pose, SECOND, 7)


@GARMENTS.part("star_robe")
def star_robe(canvas: Canvas, pose: Pose) -> None:
    """A robe strewn with stars, a mantle over it."""
    _clothe(canvas, pose, CLOTH, ROUND)
    mantle = pose.body_polygon(
        [(-24, 13), (-23, 5 + pose.slope), (-16, 3 + pose.slope * 0.5), (-8, 1), (-6, 5), (-1, 8)]
    )
    mantle |= pose.body_polygon([(-20, 12), (-14, 15), (-2, 12), (-2, 7), (-12, 5)])
    canvas.part(mantle, SECOND, MATTE)
    for u, v in ((-15, 10), (-8, 11), (7, 10), (14, 11), (20, 12)):
        canvas.fill(polyline(pose.body_points([(u, v), (u, v)])), TRIM, LIGHT)


@GARMENTS.part("vestment")
def vestment(canvas: Canvas, pose: Pose) -> None:
    """A priest's robe with a stole hanging from the neck."""
    _clothe(canvas, pose, CLOTH, ROUND)
    for side in (-1, 1):
        stole = [(6, 1), (10, 2.6), (10, FLOOR), (5, FLOOR), (5, 8)]
        canvas.part(pose.body_polygon([(side * u, v) for u, v in stole], mirrored=False), SECOND, MATTE)
        canvas.fill(polyline(pose.body_points([(side * 7.5, 13), (side * 7.5, 17)])), TRIM, LIGHT)
        canvas.fill(polyline(pose.body_points([(side * 6.2, 15), (side * 8.8, 15)])), TRIM, LIGHT)
    canvas.part(
        pose.body_blob([(-7.5, 0), (-7.4, 4), (-3, 6.4)]) & ~pose.body_blob([(-5, -3), (-5, 1.5), (-2, 3)]),
        WHITE,
        SOFT,
        line=False,
    )


@GARMENTS.part("tabard")
def tabard(canvas: Canvas, pose: Pose) -> None:
    """Mail under a tabard with a cross."""
    mail = torso(pose)
    canvas.part(mail, METAL, MATTE)
    mail_texture(canvas, mail)
    front = pose.body_polygon([(-13, FLOOR), (-12.5, 8), (-12, 3.4), (-8, 2.5), (-6, 6), (-2, 8)])
    canvas.part(front, CLOTH, MATTE, dither=True)
    canvas.fill(polyline(pose.body_points([(0, 11), (0, FLOOR)]), 2), TRIM, BASE)
    canvas.fill(polyline(pose.body_points([(-5, 14), (5.5, 14)]), 2), TRIM, BASE)
    for side in (-1, 1):
        canvas.crease(pose.body_points([(side * 18, 12), (side * 18, FLOOR)]), METAL, LINE)


@GARMENTS.part("halved_surcoat")
def halved_surcoat(canvas: Canvas, pose: Pose) -> None:
    """A surcoat in two colours."""
    cloth = _clothe(canvas, pose, CLOTH, ROUND)
    middle = int(pose.body(0, 0)[0])
    half = cloth & (middle < COLUMNS)
    canvas.part(half, SECOND, MATTE, line=False)
    canvas.crease(pose.body_points([(17, 12), (18, FLOOR)]), SECOND, SHADOW)
    gorget(canvas, pose)


@GARMENTS.part("gambeson")
def gambeson(canvas: Canvas, pose: Pose) -> None:
    """A quilted coat."""
    cloth = _clothe(canvas, pose, CLOTH, ROUND, LEATHER)
    for u in (-21, -15, -10, -5, 0, 5, 10, 15, 21):
        canvas.crease(pose.body_points([(u, 3), (u * 1.05, FLOOR)]), CLOTH, SHADOW)
    stitches = cloth & (ROWS % 4 == 0) & (canvas.shade == SHADOW) & (canvas.material == CLOTH)
    canvas.shade[stitches] = LINE
    _collar(canvas, pose, CLOTH, 2)


@GARMENTS.part("leather_jerkin")
def leather_jerkin(canvas: Canvas, pose: Pose) -> None:
    """A leather jerkin over a shirt, buckled straps."""
    _clothe(canvas, pose, CLOTH, V_NECK)
    jerkin = pose.body_polygon([(-16, FLOOR), (-16, 9), (-15, 4), (-9, 2.5), (-5, 7), (-1, 12)])
    canvas.part(jerkin, LEATHER, MATTE)
    canvas.crease(pose.body_points([(0, 12), (0, FLOOR)]), LEATHER, SHADOW)
    for v in (15, 20):
        canvas.fill(polyline(pose.body_points([(-4, v), (4, v)])), LEATHER, LIGHT)
        canvas.fill(pose.spot(0, v, 1), TRIM, LIGHT)


@GARMENTS.part("studded_leather")
def studded_leather(canvas: Canvas, pose: Pose) -> None:
    """Leather armour with rows of studs over dyed sleeves."""
    _clothe(canvas, pose, CLOTH, ROUND)
    plate = pose.body_polygon([(-17, FLOOR), (-17, 9), (-15, 4), (-8, 2.5), (-7, 5), (-2, 7)])
    canvas.part(plate, LEATHER, MATTE)
    for v in (10, 14, 18):
        for u in range(-12, 13, 6):
            canvas.fill(polyline([pose.body(u + (v % 4), v)] * 2), METAL, LIGHT)


@GARMENTS.part("mail_shirt")
def mail_shirt(canvas: Canvas, pose: Pose) -> None:
    """A mail shirt with a cloth collar and a baldric."""
    mail = torso(pose) & ~pose.body_polygon(ROUND)
    canvas.part(mail, METAL, MATTE)
    mail_texture(canvas, mail)
    _collar(canvas, pose, CLOTH, 1)
    baldric = polyline(pose.body_points([(15, 4), (2, 13), (-9, FLOOR)]), 4)
    canvas.part(baldric & torso(pose), CLOTH, MATTE)


@GARMENTS.part("breastplate")
def breastplate(canvas: Canvas, pose: Pose) -> None:
    """A breastplate with a ridge over cloth sleeves."""
    _clothe(canvas, pose, CLOTH, ROUND)
    plate = pose.body_blob([(-16, FLOOR), (-16.5, 14), (-15, 5), (-9, 3.6), (-5, 7.5), (-1, 8.6)])
    canvas.part(plate, METAL, GLOSSY)
    canvas.crease(pose.body_points([(0, 9), (0, FLOOR)]), METAL, HIGHLIGHT)
    canvas.crease(pose.body_points([(1 * -canvas.light, 9), (1 * -canvas.light, FLOOR)]), METAL, SHADOW)
    for side in (-1, 1):
        canvas.crease(pose.body_curve([(side * 4, 10), (side * 9, 9), (side * 13, 12)]), METAL, SHADOW)
        canvas.fill(pose.spot(side * 12, 6.5, 1), TRIM, LIGHT)


@GARMENTS.part("full_plate")
def full_plate(canvas: Canvas, pose: Pose) -> None:
    """Plate from neck to arm."""
    canvas.part(torso(pose), METAL, GLOSSY)
    for side in (-1, 1):
        canvas.crease(pose.body_points([(side * 17, 9), (side * 18, FLOOR)]), METAL, LINE)
        canvas.crease(pose.body_curve([(side * 18, 15), (side * 21, 16), (side * 25, 15)]), METAL, SHADOW)
        canvas.crease(pose.body_curve([(side * 1, 9), (side * 8, 8), (side * 16, 9)]), METAL, SHADOW)
    canvas.crease(pose.body_points([(0, 9), (0, FLOOR)]), METAL, HIGHLIGHT)
    sash = polyline(pose.body_points([(-16, 7), (-4, 15), (6, FLOOR)]), 4)
    canvas.part(sash & torso(pose), CLOTH, MATTE)
    gorget(canvas, pose)


def gorget(canvas: Canvas, pose: Pose) -> None:
    """A steel collar around the neck."""
    canvas.part(pose.body_blob([(-9, 5), (-8.4, 1), (-7, -2)]) & (pose.chin - 1 < ROWS), METAL, GLOSSY)
    canvas.crease(pose.body_curve([(-8, 1.5), (0, 4), (8, 1.5)]), METAL, SHADOW)


@GARMENTS.part("scale_armour")
def scale_armour(canvas: Canvas, pose: Pose) -> None:
    """Overlapping scales with a trimmed neck."""
    scales = torso(pose) & ~pose.body_polygon(ROUND)
    canvas.part(scales, METAL, MATTE)
    arcs = scales & (canvas.shade > LINE)
    edge = arcs & (
        ((ROWS % 4 == 0) & ((COLUMNS + ROWS // 4 * 2) % 4 != 0))
        | ((ROWS % 4 == 3) & ((COLUMNS + ROWS // 4 * 2) % 4 == 0))
    )
    canvas.shade[edge] = SHADOW
    hem = pose.body_polygon([(u * 1.35, v + 1.8) for u, v in ROUND]) & scales
    canvas.part(hem, CLOTH, SOFT)
    sash = polyline(pose.body_points([(15, 6), (3, 14), (-8, FLOOR)]), 4)
    canvas.part(sash & torso(pose), CLOTH, MATTE)


@GARMENTS.part("bare_straps")
def bare_straps(canvas: Canvas, pose: Pose) -> None:
    """Crossed straps and a cloth wrap over the chest."""
    wrap = pose.body_polygon([(-17, FLOOR), (-16.5, 12), (-9, 11), (-1, 13)])
    canvas.part(wrap, CLOTH, MATTE)
    canvas.crease(pose.body_curve([(-15, 16), (-3, 17), (10, 15)]), CLOTH, SHADOW)
    for side in (-1, 1):
        strap = polyline(pose.body_points([(side * 13, 3), (side * -6, FLOOR)]), 3)
        canvas.part(strap & torso(pose), LEATHER, MATTE)
    canvas.part(pose.spot(0, 14, 2), METAL, GLOSSY)


@GARMENTS.part("fur_vest")
def fur_vest(canvas: Canvas, pose: Pose) -> None:
    """An open vest edged with fur."""
    wrap = pose.body_polygon([(-8, FLOOR), (-8, 13), (-1, 14)])
    canvas.part(wrap, CLOTH, MATTE)
    for side in (-1, 1):
        vest = [(8, 1), (16, 4), (18, 10), (18, FLOOR), (5, FLOOR), (9, 14)]
        canvas.part(pose.body_polygon([(side * u, v) for u, v in vest], mirrored=False), CLOTH, MATTE)
        rim: list[Point] = [(9.5, 0), (11.5, 5), (10.5, 8), (12, 12), (10, 15), (10, 20), (8, FLOOR)]
        inner = [(u - 4.5 + (index % 2) * 1.2, v) for index, (u, v) in enumerate(rim)]
        canvas.part(
            pose.body_polygon([(side * u, v) for u, v in [*rim, *reversed(inner)]], mirrored=False), SECOND, MATTE
        )


@GARMENTS.part("one_shoulder")
def one_shoulder(canvas: Canvas, pose: Pose) -> None:
    """A cloth slung over one shoulder."""
    mask = torso(pose) & pose.body_polygon(
        [(-30, FLOOR), (-30, 14), (-12, 12), (0, 9), (6, 2), (8, 0), (30, 0), (30, FLOOR)], mirrored=False
    )
    canvas.part(mask, CLOTH, MATTE)
    for points in ([(8, 4), (2, 14), (-8, 20)], [(13, 5), (8, 15), (0, FLOOR)], [(18, 8), (14, 18), (10, FLOOR)]):
        canvas.crease(pose.body_curve(points), CLOTH, SHADOW)
    canvas.part(pose.spot(9, 5, 1.8), TRIM, SOFT)


@GARMENTS.part("wide_dress")
def wide_dress(canvas: Canvas, pose: Pose) -> None:
    """A bodice with bare shoulders."""
    cloth = _clothe(canvas, pose, CLOTH, WIDE, TRIM)
    bodice = pose.body_polygon([(-9, FLOOR), (-10, 14), (-8, 9), (-1, 10)]) & cloth
    canvas.part(bodice, SECOND, MATTE)
    for v in (13, 16, 19):
        canvas.fill(polyline(pose.body_points([(-2.5, v), (2.5, v)])), TRIM, BASE)


@GARMENTS.part("long_coat")
def long_coat(canvas: Canvas, pose: Pose) -> None:
    """A coat with broad lapels over a shirt."""
    _clothe(canvas, pose, CLOTH, V_NECK)
    shirt = pose.body_polygon([(-4, FLOOR), (-5, 12), (-6.5, 3), (-4, 6), (-1, 9)])
    canvas.part(shirt, SECOND, SOFT)
    for side in (-1, 1):
        lapel = [(6, 0), (10, 1.5), (13, 9), (8, 11), (3, FLOOR), (3, 16)]
        canvas.part(pose.body_polygon([(side * u, v) for u, v in lapel], mirrored=False), CLOTH, MATTE, lift=0.35)


@GARMENTS.part("scarfed_tunic")
def scarfed_tunic(canvas: Canvas, pose: Pose) -> None:
    """A tunic under a thick scarf."""
    _clothe(canvas, pose, CLOTH, ROUND)
    canvas.part(pose.body_polygon([(4, 5), (10, 6), (9, 20), (5, 22)], mirrored=False), SECOND, MATTE)
    scarf = pose.body_blob([(-3, 8.5), (-9, 6.5), (-11, 2), (-8, -2), (-3, 0)])
    canvas.part(scarf, SECOND, MATTE)
    canvas.crease(pose.body_curve([(-10, 2), (0, 5.5), (10, 2)]), SECOND, SHADOW)


# Capes and mantles lie over the garment at the shoulders; their back is drawn before the body.
def _cape_back(canvas: Canvas, pose: Pose) -> None:
    cape = pose.body_polygon([(-29.5, FLOOR), (-28, 10 + pose.slope), (-25, 3 + pose.slope), (-14, 0.5), (-6, -3)])
    canvas.part(cape, SECOND, MATTE, lift=-0.3)


@CAPES.part("cape", back=_cape_back)
def cape(canvas: Canvas, pose: Pose) -> None:
    """A cape held by two clasps and a chain."""
    for side in (-1, 1):
        fold = [(8, -1), (14, 1), (25, 3 + pose.slope), (28, FLOOR), (22, FLOOR), (20, 9), (13, 5)]
        canvas.part(pose.body_polygon([(side * u, v) for u, v in fold], mirrored=False), SECOND, MATTE)
        canvas.crease(pose.body_curve([(side * 14, 3), (side * 22, 8), (side * 25, FLOOR)]), SECOND, SHADOW)
    canvas.fill(polyline(pose.body_curve([(-11, 4), (0, 8), (11, 4)])), TRIM, BASE)
    for side in (-1, 1):
        canvas.part(pose.spot(side * 11.5, 3.6, 1.6), TRIM, GLOSSY)


@CAPES.part("cloak", back=_cape_back)
def cloak(canvas: Canvas, pose: Pose) -> None:
    """A cloak closed with a brooch at the throat."""
    for side in (-1, 1):
        half = [(0, 5), (7, -1), (14, 1), (25, 3 + pose.slope), (28, FLOOR), (9, FLOOR), (5, 12)]
        canvas.part(pose.body_polygon([(side * u, v) for u, v in half], mirrored=False), CLOTH, MATTE, dither=True)
        for u in (12, 18, 23):
            canvas.crease(
                pose.body_curve([(side * u * 0.6, 5), (side * u, 12), (side * (u + 1), FLOOR)]), CLOTH, SHADOW
            )
    canvas.part(pose.spot(0, 5, 2.2), TRIM, GLOSSY)
    canvas.fill(pose.spot(0, 5, 0.8), IRIS)


@CAPES.part("fur_mantle", back=_cape_back)
def fur_mantle(canvas: Canvas, pose: Pose) -> None:
    """A heavy mantle of fur over both shoulders."""
    outer: list[Point] = [(-9, -2)]
    for index in range(1, 8):
        u = -9 - index * 2.6
        outer.append((u - (index % 2) * 1.2, -1.5 + index * (0.7 + pose.slope * 0.12) - (index % 2) * 1.5))
    lower = [(-27, 15), (-24, 13), (-21, 16), (-18, 12.5), (-14, 15), (-11, 10.5), (-8, 12), (-5, 7), (-3, 8), (-1, 5)]
    mask = pose.body_polygon([(-1, 4), (-6, 2), *outer, *lower])
    canvas.cast_shadow(mask, 3)
    canvas.part(mask, SECOND, MATTE)
    for side in (-1, 1):
        for u, v in ((7, 4), (11, 3), (13, 8), (17, 6), (19, 10), (23, 9)):
            canvas.crease(pose.body_points([(side * u, v), (side * (u + 1), v + 2.4)]), SECOND, SHADOW)


@CAPES.part("half_cape", back=_cape_back)
def half_cape(canvas: Canvas, pose: Pose) -> None:
    """A short cape over one shoulder."""
    fold = [(-6, 0), (-14, 1), (-25, 3 + pose.slope), (-28, FLOOR), (-12, FLOOR), (-6, 12), (3, 6)]
    canvas.part(pose.body_polygon(fold, mirrored=False), SECOND, MATTE)
    for u in (-12, -18, -23):
        canvas.crease(pose.body_curve([(u * 0.7, 4), (u, 12), (u - 1, FLOOR)]), SECOND, SHADOW)
    canvas.fill(polyline(pose.body_points([(-6, 1), (2, 6), (10, 4)])), TRIM, BASE)
    canvas.part(pose.spot(3, 6, 1.6), TRIM, GLOSSY)


def _each_shoulder(canvas: Canvas, pose: Pose, outline: Sequence[Point], material: int, surface: tuple) -> None:
    for side in (-1, 1):
        mask = pose.body_blob([(side * u, v) for u, v in outline], mirrored=False)
        canvas.cast_shadow(mask, 2)
        canvas.part(mask, material, surface)


@SHOULDERS.part("pauldrons")
def pauldrons(canvas: Canvas, pose: Pose) -> None:
    """Round plates with a rim."""
    rise = pose.slope * 0.5
    _each_shoulder(
        canvas,
        pose,
        [
            (12, 4 + rise),
            (16, rise - 0.5),
            (22, 0.5 + rise),
            (27, 6 + rise),
            (27, 12 + rise),
            (20, 11 + rise),
            (14, 9 + rise),
        ],
        METAL,
        GLOSSY,
    )
    for side in (-1, 1):
        rim = pose.body_curve([(side * 13, 8 + rise), (side * 20, 10 + rise), (side * 27, 11 + rise)])
        canvas.fill(polyline(rim) & (canvas.material == METAL), TRIM, BASE)
        canvas.crease(
            pose.body_curve([(side * 14, 5 + rise), (side * 20, 6 + rise), (side * 26, 7.5 + rise)]), METAL, SHADOW
        )


@SHOULDERS.part("layered_pauldrons")
def layered_pauldrons(canvas: Canvas, pose: Pose) -> None:
    """Three plates, one over the other."""
    rise = pose.slope * 0.5
    for step in (2, 1, 0):
        _each_shoulder(
            canvas,
            pose,
            [
                (13 + step, 3 + rise + 3.4 * step),
                (19, 0.5 + rise + 3.4 * step),
                (26 + step * 0.5, 5 + rise + 3.4 * step),
                (27, 9 + rise + 3.4 * step),
                (20, 7.4 + rise + 3.4 * step),
                (14, 6.4 + rise + 3.4 * step),
            ],
            METAL,
            GLOSSY,
        )


@SHOULDERS.part("spiked_pauldron")
def spiked_pauldron(canvas: Canvas, pose: Pose) -> None:
    """One leather shoulder with spikes."""
    rise = pose.slope * 0.5
    for u in (15, 20, 25):
        spike = pose.body_polygon(
            [(-u - 1.6, 4 + rise), (-u - 1, -4 + rise + (u - 15) * 0.3), (-u + 2, 4 + rise)], mirrored=False
        )
        canvas.part(spike, METAL, GLOSSY)
    mask = pose.body_blob(
        [
            (-11, 5 + rise),
            (-16, 1 + rise),
            (-23, 2 + rise),
            (-28, 7 + rise),
            (-27, 13 + rise),
            (-19, 12 + rise),
            (-12, 10 + rise),
        ],
        mirrored=False,
    )
    canvas.cast_shadow(mask, 2)
    canvas.part(mask, LEATHER, MATTE)
    canvas.crease(pose.body_curve([(-12, 8 + rise), (-19, 9 + rise), (-27, 10 + rise)]), LEATHER, SHADOW)


@SHOULDERS.part("leather_shoulders")
def leather_shoulders(canvas: Canvas, pose: Pose) -> None:
    """Leather guards, laced."""
    rise = pose.slope * 0.5
    _each_shoulder(
        canvas,
        pose,
        [(14, 4 + rise), (19, 1 + rise), (26, 5 + rise), (27, 13 + rise), (20, 11 + rise), (15, 9 + rise)],
        LEATHER,
        MATTE,
    )
    for side in (-1, 1):
        canvas.fill(pose.spot(side * 20, 6 + rise, 1), TRIM, LIGHT)


@SHOULDERS.part("puffed_sleeves")
def puffed_sleeves(canvas: Canvas, pose: Pose) -> None:
    """Puffed sleeves in the second colour."""
    rise = pose.slope * 0.5
    _each_shoulder(
        canvas,
        pose,
        [(14, 5 + rise), (18, 1 + rise), (25, 3 + rise), (28, 9 + rise), (25, 15 + rise), (18, 14 + rise)],
        SECOND,
        MATTE,
    )
    for side in (-1, 1):
        for u in (17, 21, 25):
            canvas.crease(
                pose.body_curve([(side * 19, 3 + rise), (side * u, 9 + rise), (side * 21, 14 + rise)]), SECOND, SHADOW
            )


@JEWELS.part("pendant")
def pendant(canvas: Canvas, pose: Pose) -> None:
    """A stone on a chain."""
    canvas.fill(polyline(pose.body_curve([(-7, 2), (-4, 8), (0, 11), (4, 8), (7, 2)])), TRIM, BASE)
    canvas.part(pose.spot(0, 12, 1.8), TRIM, GLOSSY)
    canvas.fill(pose.spot(0, 12, 0.8), IRIS)


@JEWELS.part("holy_symbol")
def holy_symbol(canvas: Canvas, pose: Pose) -> None:
    """A sun cross on a cord."""
    canvas.fill(polyline(pose.body_curve([(-7, 2), (-4, 8), (0, 11), (4, 8), (7, 2)])), LEATHER, SHADOW)
    x, y = pose.body(0, 13)
    cross = polyline([(x, y - 3), (x, y + 5)], 2) | polyline([(x - 3, y), (x + 3, y)], 2)
    canvas.part(cross, TRIM, SOFT)


@JEWELS.part("beads")
def beads(canvas: Canvas, pose: Pose) -> None:
    """A string of beads or teeth."""
    for index, (x, y) in enumerate(pose.body_curve([(-8, 3), (-4, 7), (0, 8.6), (4, 7), (8, 3)])[::2]):
        canvas.fill(polyline([(x, y), (x, y + 1)]), WHITE if index % 2 else TRIM, BASE)


@JEWELS.part("gorget")
def gorget_jewel(canvas: Canvas, pose: Pose) -> None:
    """A steel collar."""
    gorget(canvas, pose)


@JEWELS.part("choker")
def choker(canvas: Canvas, pose: Pose) -> None:
    """A band around the throat with a stone."""
    band = polygon(pose.body_points([(-7, 1), (0, 2.4), (7, 1), (7, 3), (0, 4.4), (-7, 3)]))
    canvas.fill(band & (canvas.material == SKIN), OUTLINE, LINE)
    canvas.fill(pose.spot(0, 4, 1), IRIS)
