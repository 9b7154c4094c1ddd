"""Headgear. A new one is a function of canvas and pose under a decorator; see `kettle_hat` for a short one."""

from __future__ import annotations

import numpy as np

from src.images import shifted
from src.painter.canvas import (
    BASE,
    CLOTH,
    COLUMNS,
    GLOSSY,
    HAIR,
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
    ellipse,
    polygon,
    polyline,
    smooth,
)
from src.painter.parts import Library, nothing
from src.painter.pose import EYE_ROW, Pose

HEADGEAR = Library()
HEADGEAR.part("none")(nothing)

# The helmet's bowl over the skull, left half from the rim up.
BOWL = ((-13.4, 10), (-13.2, 4), (-10.5, -2), (-5, -5), (-1, -5.6))


def _band(pose: Pose, v: float, thickness: float, droop: float = 2.0, half: float = 13.4) -> np.ndarray:
    """A strip around the head at row v, lower in the middle by `droop`: bands, brims of caps, circlets."""
    upper = smooth(
        pose.head_points(
            [(-half, v), (-half / 2, v + droop * 0.7), (0, v + droop), (half / 2, v + droop * 0.7), (half, v)]
        ),
        closed=False,
    )
    return polygon([*upper, *((x, y + thickness) for x, y in reversed(upper))])


def _gem(canvas: Canvas, pose: Pose, v: float) -> None:
    x, y = pose.feature(0, v)
    stone = ellipse(int(x) + 0.5, int(y), 1.2, 1.6)
    canvas.fill(stone, IRIS)
    canvas.fill(polyline([(int(x) + (canvas.light > 0), int(y) - 1)] * 2), WHITE)


def _plume(canvas: Canvas, points: list[Point], material: int = SECOND) -> None:
    """A feather or crest along a curve, broad in the middle, with barbs."""
    spine = smooth(points, closed=False)
    count = len(spine)
    left, right = [], []
    for index, (x, y) in enumerate(spine):
        reach = 0.6 + 2.6 * min(index, count - 1 - index) / (count / 2) + (index % 2) * 0.5
        left.append((x - reach, y - reach / 2))
        right.append((x + reach, y + reach / 2))
    feather = polygon([*left, *reversed(right)]) | polyline(spine)
    canvas.part(feather, material, MATTE)
    canvas.crease(spine, material, SHADOW)


def _bowl(canvas: Canvas, pose: Pose, points: tuple = BOWL) -> np.ndarray:
    bowl = pose.head_blob(points)
    canvas.cast_shadow(bowl, 2)
    canvas.part(bowl, METAL, GLOSSY)
    return bowl


@HEADGEAR.part("kettle_hat", hides="crown")
def kettle_hat(canvas: Canvas, pose: Pose) -> None:
    """An iron hat with a wide brim."""
    brim = pose.head_blob(
        [(-19, 9), (-13, 5), (0, 4), (13, 5), (19, 9), (12, 11.5), (0, 12.5), (-12, 11.5)], mirrored=False
    )
    canvas.cast_shadow(brim, 3)
    canvas.part(brim, METAL, GLOSSY, lift=-0.2)
    canvas.part(pose.head_blob([(-11.5, 7), (-11, 1), (-7, -4), (-2, -5.5)]), METAL, GLOSSY)
    canvas.crease(pose.head_curve([(0, -5), (0, 6)]), METAL, HIGHLIGHT)


@HEADGEAR.part("nasal_helm", hides="crown")
def nasal_helm(canvas: Canvas, pose: Pose) -> None:
    """A pointed bowl with a brow band and a nose guard."""
    _bowl(canvas, pose, ((-13.4, 10), (-13, 3), (-9, -4), (-4, -7.5), (-1, -10)))
    canvas.part(_band(pose, 8, 2.6, 1), TRIM, SOFT)
    guard = polygon([pose.feature(u, v) for u, v in [(-1.6, 9), (1.6, 9), (1.4, 21), (-1.4, 21)]])
    canvas.cast_shadow(guard, 2, SKIN)
    canvas.part(guard, METAL, GLOSSY)


@HEADGEAR.part("cheek_helm", hides="crown ears")
def cheek_helm(canvas: Canvas, pose: Pose) -> None:
    """An open helmet with cheek plates."""
    outer = pose.head_blob([(-11, 29), (-14, 24), (-14, 10), (-13, 2), (-9, -4), (-3, -6)])
    face = pose.head_polygon([(-7, 31), (-8, 24), (-10, 21), (-10, 14), (-8, 11), (-2, 12)])
    canvas.cast_shadow(outer & ~face, 2, SKIN)
    canvas.part(outer & ~face, METAL, GLOSSY)
    canvas.crease(pose.head_curve([(-12, 12), (-6, 8.5), (0, 9), (6, 8.5), (12, 12)]), METAL, SHADOW)
    canvas.crease(pose.head_curve([(0, -5), (0, 9)]), METAL, HIGHLIGHT)


@HEADGEAR.part("crested_helm", hides="crown ears")
def crested_helm(canvas: Canvas, pose: Pose) -> None:
    """A cheek-plate helmet under a brush of horsehair."""
    crest = pose.head_blob(
        [(-15, 12), (-17, 2), (-13, -7), (-4, -11.5), (4, -12), (8, -7), (2, -5), (-8, 0), (-12, 8)], mirrored=False
    )
    canvas.part(crest, SECOND, MATTE)
    for u in (-15, -11, -6, -1, 4):
        canvas.crease(pose.head_points([(u, -14), (u * 0.7, -1)]), SECOND, SHADOW)
    cheek_helm(canvas, pose)


@HEADGEAR.part("winged_helm", hides="crown")
def winged_helm(canvas: Canvas, pose: Pose) -> None:
    """A bowl with a wing on either side."""
    for side in (-1, 1):
        wing = [(11, 8), (13, 1), (15, -5), (19, -11), (20, -5), (19.5, 0), (18, 4), (15, 8)]
        canvas.part(pose.head_polygon([(side * u, v) for u, v in wing], mirrored=False), SECOND, SOFT)
        for u, v in ((16, -3), (16.5, 1)):
            canvas.crease(pose.head_points([(side * u, v + 4), (side * (u + 4), v - 1)]), SECOND, SHADOW)
    _bowl(canvas, pose)
    canvas.part(_band(pose, 7.5, 2.6, 1), TRIM, SOFT)
    _gem(canvas, pose, 9)


@HEADGEAR.part("horned_helm", hides="crown")
def horned_helm(canvas: Canvas, pose: Pose) -> None:
    """A fur-rimmed bowl with two horns."""
    for side in (-1, 1):
        horn = [(10, 4), (15, 3), (18, -2), (19, -10), (22, -4), (21.5, 3), (17, 8), (11, 9)]
        canvas.part(pose.head_blob([(side * u, v) for u, v in horn], mirrored=False), TRIM, SOFT)
        for u, v in ((14, 5), (17.5, 3), (20, -1)):
            canvas.crease(pose.head_points([(side * (u - 1.5), v - 3), (side * (u + 1), v + 3)]), TRIM, SHADOW)
    _bowl(canvas, pose)
    canvas.crease(pose.head_curve([(0, -5), (0, 7)]), METAL, SHADOW)
    _fur_band(canvas, pose, 6, 4.5)


@HEADGEAR.part("antlers")
def antlers(canvas: Canvas, pose: Pose) -> None:
    """A headband with antlers."""
    for side in (-1, 1):
        for points in ([(8, 3), (11, -4), (16, -8), (17, -13)], [(11, -4), (10, -11)], [(14.5, -7), (20, -7)]):
            canvas.part(polyline(pose.head_points([(side * u, v) for u, v in points]), 2), TRIM, SOFT)
    canvas.part(_band(pose, 5.5, 2.6, 1.5, 13), LEATHER, MATTE)


def _fur_band(canvas: Canvas, pose: Pose, v: float, height: float) -> None:
    """A tufted rim of fur around the head."""
    edge: list[Point] = []
    for index, u in enumerate(np.linspace(-14.5, 14.5, 13)):
        edge.append((float(u), v + 1.2 - u * u / 140 + height + (index % 2) * 1.6))
    top = [(float(u), v + 1.2 - u * u / 140 - (index % 2) * 1.2) for index, u in enumerate(np.linspace(14.5, -14.5, 9))]
    fur = pose.head_polygon([*edge, *top], mirrored=False)
    canvas.cast_shadow(fur, 2)
    canvas.part(fur, SECOND, MATTE)
    for u in range(-12, 13, 4):
        canvas.crease(pose.head_points([(u, v + 1), (u + 1, v + 4)]), SECOND, SHADOW)


@HEADGEAR.part("fur_hat", hides="crown")
def fur_hat(canvas: Canvas, pose: Pose) -> None:
    """A round leather cap with a broad fur rim."""
    canvas.part(pose.head_blob([(-13, 8), (-13, 1), (-9, -5), (-3, -7)]), LEATHER, MATTE)
    canvas.crease(pose.head_curve([(0, -7), (0, 4)]), LEATHER, SHADOW)
    _fur_band(canvas, pose, 3, 6)


@HEADGEAR.part("wolf_pelt", hides="crown ears")
def wolf_pelt(canvas: Canvas, pose: Pose) -> None:
    """A beast's scalp worn as a hood, its ears up and its teeth over the brow."""
    pelt = [(-17, 34), (-15, 28), (-17, 22), (-15, 16), (-15, 6), (-14, -7), (-9, -3), (-5, -6), (-2, -6)]
    face = [(-10, 36), (-10.5, 24), (-10.5, 12), (-7, 8), (-2, 8.5)]
    mask = pose.head_polygon(pelt) & ~pose.head_polygon(face)
    canvas.cast_shadow(mask, 3, SKIN)
    canvas.part(mask, SECOND, MATTE, lift=-0.1)
    for side in (-1, 1):
        canvas.fill(polyline(pose.head_points([(side * 12.5, -3), (side * 11, 0)]), 2), LEATHER, SHADOW)
        canvas.fill(polyline(pose.head_points([(side * 5, 3), (side * 6.5, 3)]), 1), OUTLINE, LINE)
        canvas.crease(pose.head_points([(side * 14, 14), (side * 13, 20)]), SECOND, SHADOW)
        canvas.crease(pose.head_points([(side * 9, 0), (side * 11, 8)]), SECOND, SHADOW)
    for u in (-6, -3, 2, 5):
        canvas.fill(polygon(pose.head_points([(u - 1, 8), (u + 1.6, 8), (u + 0.4, 11.5)])), WHITE)
    canvas.fill(polyline(pose.head_points([(-1.2, 6), (1, 6)]), 2), OUTLINE, LINE)


def _open_slit(canvas: Canvas, helm: np.ndarray, slit: np.ndarray, material: np.ndarray, shade: np.ndarray) -> None:
    """Let the face that lies under a closed helmet look out of a slit: eyes and lashes as they are, skin in the dark.

    Args:
        material, shade: of the canvas before the helmet was drawn.
    """
    seen = slit & helm
    canvas.material[seen], canvas.shade[seen] = material[seen], shade[seen]
    canvas.fill(seen & (material == SKIN), SKIN, LINE)
    # The rim's shadow along the top, and brows: what would clutter an opening three rows high.
    canvas.fill((seen & ~shifted(seen, 0, 1)) | (seen & (material == HAIR)), OUTLINE, LINE)


@HEADGEAR.part("great_helm", hides="head ears")
def great_helm(canvas: Canvas, pose: Pose) -> None:
    """A closed helmet: a slit for the eyes, breaths on the cheek."""
    face = canvas.material.copy(), canvas.shade.copy()
    helm = pose.head_polygon([(-9, 32), (-13.4, 26), (-14, 12), (-13.5, 2), (-10, -3), (-4, -4.5)])
    canvas.cast_shadow(helm, 2)
    canvas.part(helm, METAL, GLOSSY)
    slit = polygon([pose.feature(u, v) for u, v in [(-11, 14.5), (11, 14.5), (11, 19.5), (-11, 19.5)]])
    _open_slit(canvas, helm, slit, *face)
    upright = polygon([pose.feature(u, v) for u, v in [(-1.6, -4), (1.6, -4), (1.6, 32), (-1.6, 32)]]) & helm
    canvas.part(upright, TRIM, SOFT, line=False)
    canvas.crease(pose.head_curve([(-13, 12.5), (0, 13.5), (13, 12.5)]), METAL, HIGHLIGHT)
    canvas.crease(pose.head_curve([(-13, 21), (0, 22), (13, 21)]), METAL, SHADOW)
    for row in (23, 25, 27):
        for u in (4, 6.5) if row != 27 else (4,):
            canvas.fill(polyline([pose.feature(u, row)] * 2), OUTLINE, LINE)


@HEADGEAR.part("visor_helm", hides="head ears")
def visor_helm(canvas: Canvas, pose: Pose) -> None:
    """A round helmet with a pointed visor shut over the face, a plume on top."""
    face = canvas.material.copy(), canvas.shade.copy()
    _plume(canvas, pose.head_points([(0, -4), (-4, -10), (-12, -9), (-17, 0)]))
    canvas.part(pose.head_blob([(-8, 31), (-13, 26), (-14, 12), (-12.5, 1), (-8, -4), (-3, -6)]), METAL, GLOSSY)
    visor = [
        (-12, 12),
        (-6, 10),
        (0, 9.5),
        (6, 10),
        (12, 12),
        (12, 20),
        (8, 26),
        (2, 29.5),
        (-2, 29.5),
        (-8, 26),
        (-12, 20),
    ]
    mask = polygon([pose.feature(u, v) if abs(u) < 9 else pose.head(u, v) for u, v in visor])
    canvas.part(mask, METAL, GLOSSY, lift=0.1)
    for side in (-1, 1):
        slit = [(1.6, 15.5), (10, 14.5), (10, 18.5), (1.6, 19.5)]
        _open_slit(canvas, mask, polygon([pose.feature(side * u, v) for u, v in slit]), *face)
    canvas.crease([pose.feature(0, 10), pose.feature(0, 29)], METAL, HIGHLIGHT)
    for u, v in ((-6, 21), (-4, 23), (-6, 24.5), (6, 21), (4, 23), (6, 24.5)):
        canvas.fill(polyline([pose.feature(u, v)] * 2), OUTLINE, LINE)


@HEADGEAR.part("raised_visor", hides="crown ears")
def raised_visor(canvas: Canvas, pose: Pose) -> None:
    """A helmet with its visor pushed up over the brow."""
    outer = pose.head_blob([(-10, 30), (-14, 24), (-14, 10), (-13, 2), (-8, -4), (-3, -5.5)])
    face = pose.head_blob([(-6, 30), (-9.5, 25), (-10.5, 18), (-9.5, 12), (-4, 10)])
    canvas.cast_shadow(outer & ~face, 2, SKIN)
    canvas.part(outer & ~face, METAL, GLOSSY)
    visor = [(-15, 8), (-13, -3), (-7, -7), (0, -10), (7, -7), (13, -3), (15, 8), (7, 6.5), (0, 8), (-7, 6.5)]
    canvas.part(pose.head_polygon(visor, mirrored=False), METAL, GLOSSY, lift=0.15)
    canvas.crease(pose.head_points([(0, -9), (0, 7)]), METAL, HIGHLIGHT)
    for points in ([(-10, 3), (-2, 2)], [(2, 2), (10, 3)]):
        canvas.fill(polyline(pose.head_points(points), 2), OUTLINE, LINE)
    for u, v in ((-6, -2), (-3, -3), (3, -3), (6, -2)):
        canvas.fill(polyline(pose.head_points([(u, v)] * 2)), OUTLINE, LINE)
    for side in (-1, 1):
        canvas.fill(pose.head_spot(side * 13, 10), TRIM, LIGHT)


@HEADGEAR.part("coif", hides="crown ears")
def coif(canvas: Canvas, pose: Pose) -> None:
    """A hood of mail."""
    outer = pose.head_blob([(-15, 37), (-14.5, 28), (-13.6, 12), (-12.6, 2), (-8, -3), (-3, -4)])
    face = pose.head_blob([(-5, 28), (-9, 25), (-10, 18), (-9.5, 11), (-4, 8)])
    mail = outer & ~face
    canvas.cast_shadow(mail, 2, SKIN)
    canvas.part(mail, METAL, MATTE, lift=-0.1)
    mail_texture(canvas, mail)


def mail_texture(canvas: Canvas, area: np.ndarray) -> None:
    """Rings: every other pixel of every other row a shade down, where the metal is lit."""
    rings = area & (ROWS % 2 == 0) & ((COLUMNS + ROWS // 2) % 2 == 0) & (canvas.material == METAL)
    canvas.darken(rings, 1, METAL)


def _hood_back(canvas: Canvas, pose: Pose) -> None:
    canvas.part(
        pose.head_blob([(-19, 41), (-16, 30), (-16, 12), (-13, 0), (-6, -7), (-1, -8)]), CLOTH, MATTE, lift=-0.5
    )


def _hood(canvas: Canvas, pose: Pose, peak: tuple, opening: tuple, material: int) -> None:
    outer = pose.head_blob([(-20, 42), (-16.5, 30), (-16.5, 14), (-14, 2), *peak])
    face = pose.head_blob(opening)
    cloth = outer & ~face
    canvas.cast_shadow(cloth, 4, SKIN)
    canvas.part(cloth, material, MATTE)
    canvas.part(
        pose.head_blob([(u * 1.12, v - (1.5 if v < 20 else 0)) for u, v in opening]) & ~face, material, MATTE, lift=0.25
    )
    for side in (-1, 1):
        canvas.crease(pose.head_curve([(side * 3, -5), (side * 11, 2), (side * 14.5, 16)]), material, SHADOW)
        canvas.crease(pose.head_curve([(side * 13, 28), (side * 16, 38)]), material, SHADOW)


@HEADGEAR.part("hood", hides="crown ears", back=_hood_back)
def hood(canvas: Canvas, pose: Pose) -> None:
    """A hood drawn over the head, open at the face."""
    _hood(canvas, pose, ((-7, -6), (-1.5, -9)), ((-7, 34), (-10, 27), (-11, 18), (-9.5, 10), (-4, 5.5)), CLOTH)


@HEADGEAR.part("deep_hood", hides="hair ears", back=_hood_back)
def deep_hood(canvas: Canvas, pose: Pose) -> None:
    """A hood that leaves the brow in the shade."""
    _hood(canvas, pose, ((-7, -5), (-1.5, -11)), ((-5, 33), (-9, 27), (-10.5, 19), (-9, 13), (-3, 10)), CLOTH)


@HEADGEAR.part("second_hood", hides="crown ears")
def second_hood(canvas: Canvas, pose: Pose) -> None:
    """A hood in the second colour with a trimmed rim."""
    _hood(canvas, pose, ((-8, -5), (-2, -7)), ((-7, 34), (-10, 27), (-11, 18), (-9.5, 10), (-4, 5)), SECOND)


@HEADGEAR.part("mask_hood", hides="crown ears", back=_hood_back)
def mask_hood(canvas: Canvas, pose: Pose) -> None:
    """A hood and a cloth over nose and mouth: only the eyes show."""
    mask = pose.head_polygon([(-12, 35), (-11.5, 26), (-12, 19.5), (-5, 20.5), (-1, 19)])
    canvas.part(mask, SECOND, MATTE)
    canvas.crease(pose.head_curve([(-10, 24), (-3, 26), (4, 25)]), SECOND, SHADOW)
    _hood(canvas, pose, ((-7, -6), (-1.5, -9)), ((-7, 34), (-10, 27), (-11, 18), (-9.5, 11), (-4, 8)), CLOTH)


@HEADGEAR.part("face_scarf")
def face_scarf(canvas: Canvas, pose: Pose) -> None:
    """A scarf over nose and mouth."""
    scarf = polygon(
        [
            pose.feature(u, v)
            for u, v in [(-13, 19), (-5, 20.5), (0, 19.5), (5, 20.5), (13, 19), (11, 30), (5, 36), (-5, 36), (-11, 30)]
        ]
    )
    canvas.part(scarf, SECOND, MATTE)
    canvas.crease([pose.feature(u, v) for u, v in [(-10, 22), (0, 26), (9, 23)]], SECOND, SHADOW)
    canvas.crease([pose.feature(u, v) for u, v in [(-8, 29), (0, 31), (7, 29)]], SECOND, SHADOW)


def _hat(canvas: Canvas, pose: Pose, cone: list[Point], brim_half: float, brim_drop: float) -> None:
    """A hat with a brim: the far half of the brim, the cone, a band, the near half of the brim."""
    brim = [
        (-brim_half, 6 + brim_drop),
        (-12, 4),
        (0, 2.5),
        (12, 4),
        (brim_half, 6 + brim_drop),
        (12, 9.5),
        (0, 10.5),
        (-12, 9.5),
    ]
    mask = pose.head_blob(brim, mirrored=False)
    canvas.cast_shadow(mask, 4)
    canvas.part(mask, CLOTH, MATTE, lift=-0.25)
    canvas.part(pose.head_blob(cone, mirrored=False), CLOTH, MATTE, dither=True)
    band = _band(pose, 2.5, 3.2, 2.4, 11.6) & (canvas.material == CLOTH)
    canvas.part(band, TRIM, SOFT, line=False)


@HEADGEAR.part("wizard_hat", hides="crown")
def wizard_hat(canvas: Canvas, pose: Pose) -> None:
    """A tall pointed hat, bent at the tip."""
    cone = [
        (-11.6, 6),
        (-10, 0),
        (-7.5, -5),
        (-8, -10),
        (-15, -9),
        (-10, -11.5),
        (-3, -12.5),
        (3, -9),
        (8, -3),
        (11.6, 6),
        (0, 7.5),
    ]
    _hat(canvas, pose, cone, 21, 3)
    canvas.crease(pose.head_curve([(-7, -10), (-3, -9.5), (1, -8)]), CLOTH, SHADOW)
    canvas.crease(pose.head_curve([(-7, -3), (0, -1), (6, -3)]), CLOTH, SHADOW)


@HEADGEAR.part("pointed_hat", hides="crown")
def pointed_hat(canvas: Canvas, pose: Pose) -> None:
    """A straight pointed hat with a narrower brim."""
    cone = [(-11.4, 6), (-8, -1), (-4, -8), (0, -12.5), (4, -8), (8, -1), (11.4, 6), (0, 7.5)]
    _hat(canvas, pose, cone, 18, 2)
    for u, v in ((-3, -2), (2, -7), (5, 0)):
        canvas.fill(polyline(pose.head_points([(u, v), (u, v)]), 1), TRIM, LIGHT)


@HEADGEAR.part("wide_hat", hides="crown")
def wide_hat(canvas: Canvas, pose: Pose) -> None:
    """A broad-brimmed felt hat."""
    cone = [(-11, 6), (-11.5, -2), (-8, -7), (-2, -5), (5, -8), (11, -3), (11, 6), (0, 7.5)]
    _hat(canvas, pose, cone, 21, 1)


@HEADGEAR.part("plumed_hat", hides="crown")
def plumed_hat(canvas: Canvas, pose: Pose) -> None:
    """A broad hat with a long feather."""
    wide_hat(canvas, pose)
    _plume(canvas, pose.head_points([(9, 4), (13, -4), (18, -9), (24, -7)]))


@HEADGEAR.part("feathered_cap", hides="crown")
def feathered_cap(canvas: Canvas, pose: Pose) -> None:
    """A peaked cap with an upturned rim and a feather."""
    cap = [(-13, 6), (-12, -1), (-6, -7), (3, -6), (11, -1), (19, 6), (13, 8), (0, 7)]
    mask = pose.head_blob(cap, mirrored=False)
    canvas.cast_shadow(mask, 3)
    canvas.part(mask, CLOTH, MATTE)
    rim = [(-14.5, 3), (-6, 5), (4, 4), (20, 6), (12, 9), (0, 9), (-10, 9.5), (-14, 8)]
    canvas.part(pose.head_blob(rim, mirrored=False), SECOND, MATTE)
    _plume(canvas, pose.head_points([(-9, 5), (-12, -2), (-16, -7), (-21, -9)]), TRIM)


@HEADGEAR.part("beret", hides="crown")
def beret(canvas: Canvas, pose: Pose) -> None:
    """A slouched beret with a brooch."""
    mask = pose.head_blob(
        [(-12, 6), (-13, -1), (-8, -6), (2, -7), (13, -6), (19, 0), (18, 6), (12, 7), (0, 5)], mirrored=False
    )
    canvas.cast_shadow(mask, 2)
    canvas.part(mask, CLOTH, MATTE, dither=True)
    canvas.part(_band(pose, 5, 2.2, 1, 12.6), SECOND, MATTE)
    canvas.crease(pose.head_curve([(-8, -1), (3, 0), (13, 2)]), CLOTH, SHADOW)
    canvas.fill(pose.head_spot(-8, 5, 1.5), TRIM, LIGHT)


@HEADGEAR.part("tricorne", hides="crown")
def tricorne(canvas: Canvas, pose: Pose) -> None:
    """A three-cornered hat."""
    hat = [(-18, 4), (-12, -3), (-5, -7), (0, -8), (5, -7), (12, -3), (18, 4), (9, 6), (0, 9), (-9, 6)]
    mask = pose.head_polygon(hat, mirrored=False)
    canvas.cast_shadow(mask, 3)
    canvas.part(mask, LEATHER, MATTE)
    canvas.fill(polyline(pose.head_points([(-17, 4), (-9, 5.4), (0, 8), (9, 5.4), (17, 4)])), TRIM, BASE)


@HEADGEAR.part("straw_hat", hides="crown")
def straw_hat(canvas: Canvas, pose: Pose) -> None:
    """A conical hat of straw."""
    mask = pose.head_polygon(
        [(-21, 9), (-10, 0), (-2, -7), (2, -7), (10, 0), (21, 9), (10, 11), (0, 11.5), (-10, 11)], mirrored=False
    )
    canvas.cast_shadow(mask, 4)
    canvas.part(mask, TRIM, MATTE)
    for u in (-14, -7, 0, 7, 14):
        canvas.crease(pose.head_points([(u / 6, -6), (u, 10)]), TRIM, SHADOW)


@HEADGEAR.part("bandana", hides="crown")
def bandana(canvas: Canvas, pose: Pose) -> None:
    """A cloth tied over the hair, its knot at the side."""
    for tail in ([(-12, 7), (-18, 9), (-19, 16), (-16, 12)], [(-12, 7), (-16, 4), (-21, 6), (-17, 9)]):
        canvas.part(pose.head_polygon(tail, mirrored=False), SECOND, MATTE)
    mask = pose.head_blob([(-13, 9), (-12.6, 2), (-8, -2.6), (-3, -4)])
    canvas.cast_shadow(mask, 2)
    canvas.part(mask, SECOND, MATTE)
    canvas.crease(pose.head_curve([(-12, 6), (-3, 3), (8, 4)]), SECOND, SHADOW)
    canvas.crease(pose.head_curve([(-12, 3), (-5, -1), (3, -1)]), SECOND, SHADOW)


@HEADGEAR.part("headband")
def headband(canvas: Canvas, pose: Pose) -> None:
    """A strip of cloth around the brow, its ends loose."""
    canvas.part(pose.head_polygon([(-12, 7), (-17, 10), (-18, 19), (-14, 15)], mirrored=False), SECOND, MATTE)
    canvas.part(_band(pose, 6, 2.8, 2.2), SECOND, SOFT)


@HEADGEAR.part("circlet")
def circlet(canvas: Canvas, pose: Pose) -> None:
    """A thin band of metal with a stone."""
    canvas.part(_band(pose, 5.5, 1.6, 3), TRIM, GLOSSY)
    _gem(canvas, pose, 9)


@HEADGEAR.part("crown")
def crown(canvas: Canvas, pose: Pose) -> None:
    """A crown with five points."""
    points = [
        (-13, 8),
        (-14, -4),
        (-9.5, 1),
        (-7, -6),
        (-3.5, 1),
        (0, -8),
        (3.5, 1),
        (7, -6),
        (9.5, 1),
        (14, -4),
        (13, 8),
        (6, 9.4),
        (0, 10),
        (-6, 9.4),
    ]
    mask = pose.head_polygon(points, mirrored=False)
    canvas.cast_shadow(mask, 2)
    canvas.part(mask, TRIM, GLOSSY)
    canvas.crease(pose.head_curve([(-13, 7), (0, 8.6), (13, 7)]), TRIM, SHADOW)
    _gem(canvas, pose, 5)


@HEADGEAR.part("tiara")
def tiara(canvas: Canvas, pose: Pose) -> None:
    """A tiara that rises over the brow."""
    points = [
        (-12.6, 6),
        (-9, 4),
        (-5, 2),
        (-3, 4),
        (0, -3),
        (3, 4),
        (5, 2),
        (9, 4),
        (12.6, 6),
        (7, 7.6),
        (0, 8.4),
        (-7, 7.6),
    ]
    canvas.part(pose.head_polygon(points, mirrored=False), TRIM, GLOSSY)
    _gem(canvas, pose, 4)


@HEADGEAR.part("laurel")
def laurel(canvas: Canvas, pose: Pose) -> None:
    """A wreath of leaves."""
    for u in range(-12, 13, 4):
        v = 6.5 - u * u / 60
        side = -1 if u < 0 else 1
        leaf = pose.head_polygon([(u - 2, v + 1), (u + side, v - 3), (u + 2.4, v), (u, v + 2.4)], mirrored=False)
        canvas.part(leaf, SECOND, SOFT)


@HEADGEAR.part("flowers")
def flowers(canvas: Canvas, pose: Pose) -> None:
    """A garland of flowers."""
    canvas.part(_band(pose, 5, 1.6, 1.6), SECOND, MATTE)
    for index, u in enumerate((-11, -6.5, -1.5, 3.5, 8, 12)):
        canvas.part(pose.head_spot(u, 6.6 - u * u / 80, 1.9), TRIM if index % 2 else SECOND, SOFT)
        canvas.fill(pose.head_spot(u, 6.6 - u * u / 80, 0.6), IRIS if index % 2 else WHITE)


@HEADGEAR.part("mitre", hides="crown")
def mitre(canvas: Canvas, pose: Pose) -> None:
    """A bishop's mitre with a cross."""
    mask = pose.head_blob([(-12.4, 9), (-13, 1), (-9.5, -6), (-2, -11.5), (-0.5, -12.3)])
    canvas.cast_shadow(mask, 3)
    canvas.part(mask, CLOTH, MATTE)
    canvas.part(_band(pose, 5.5, 2.8, 1.6, 12.8), TRIM, SOFT)
    canvas.fill(polyline([pose.feature(0, -9), pose.feature(0, 4)], 2), TRIM, LIGHT)
    canvas.fill(polyline([pose.feature(-4, -4), pose.feature(5, -4)], 2), TRIM, BASE)


@HEADGEAR.part("veil", hides="hair ears", back=_hood_back)
def veil(canvas: Canvas, pose: Pose) -> None:
    """A wimple and veil."""
    outer = pose.head_blob([(-19, 44), (-16, 32), (-15.5, 14), (-13, 2), (-8, -4), (-3, -5)])
    face = pose.head_blob([(-4, 28.5), (-8.6, 25), (-9.6, 18), (-9.2, 11), (-4, 8)])
    inner = pose.head_blob([(-9, 36), (-11, 27), (-11.4, 18), (-11, 8), (-5, 4)])
    canvas.cast_shadow(outer & ~face, 2, SKIN)
    canvas.part(inner & ~face, SECOND, SOFT)
    canvas.part(outer & ~inner & ~face, CLOTH, MATTE)
    for side in (-1, 1):
        canvas.crease(pose.head_curve([(side * 13, 10), (side * 14, 24), (side * 16, 40)]), CLOTH, SHADOW)


@HEADGEAR.part("skullcap", hides="crown")
def skullcap(canvas: Canvas, pose: Pose) -> None:
    """A close round cap."""
    mask = pose.head_blob([(-12.8, 6), (-12, 1), (-8, -2.6), (-3, -4)])
    canvas.cast_shadow(mask, 2)
    canvas.part(mask, CLOTH, MATTE)
    canvas.part(_band(pose, 4, 2, 1.4, 12.8), TRIM, SOFT)


@HEADGEAR.part("turban", hides="crown")
def turban(canvas: Canvas, pose: Pose) -> None:
    """A wound turban with a stone."""
    mask = pose.head_blob([(-13.6, 9), (-16.5, 3), (-14, -5), (-7, -9.5), (-2, -10)])
    canvas.cast_shadow(mask, 3)
    canvas.part(mask, SECOND, MATTE)
    for points in (
        [(-15, 2), (-5, 1), (2, 7)],
        [(-13, -5), (-2, -4), (5, 5)],
        [(15, 2), (8, 3), (1, 8)],
        [(12, -6), (6, -3), (4, 4)],
    ):
        canvas.crease(pose.head_curve(points), SECOND, SHADOW)
    _gem(canvas, pose, 5)


def _halo_back(canvas: Canvas, pose: Pose) -> None:
    x, y = pose.head(0, 9)
    canvas.part(ellipse(x, y, 20, 19) & ~ellipse(x, y, 17.6, 16.6), TRIM, SOFT)


@HEADGEAR.part("halo", back=_halo_back)
def halo(canvas: Canvas, pose: Pose) -> None:
    """A ring of gold behind the head and a thin fillet."""
    canvas.part(_band(pose, 6, 1.4, 2), TRIM, GLOSSY)


@HEADGEAR.part("leather_cap", hides="crown")
def leather_cap(canvas: Canvas, pose: Pose) -> None:
    """A leather riding cap with ear flaps."""
    mask = pose.head_blob([(-10.5, 24), (-13.6, 20), (-13.6, 8), (-12, 0), (-7, -4), (-2, -5)])
    face = pose.head_polygon([(-12, 30), (-10, 20), (-10.5, 10), (-5, 8.5), (-1, 8.5)])
    canvas.cast_shadow(mask & ~face, 2, SKIN)
    canvas.part(mask & ~face, LEATHER, MATTE)
    canvas.crease(pose.head_curve([(0, -5), (0, 8)]), LEATHER, SHADOW)
    canvas.part(_band(pose, 6, 2, 1.4), TRIM, SOFT)


@HEADGEAR.part("goggles_cap", hides="crown")
def goggles_cap(canvas: Canvas, pose: Pose) -> None:
    """A riding cap with goggles pushed up."""
    leather_cap(canvas, pose)
    for u in (-5, 5):
        x, y = pose.feature(u, 5)
        canvas.part(ellipse(x, y, 3.6, 2.8), METAL, GLOSSY)
        canvas.fill(ellipse(x, y, 2, 1.4), IRIS)


@HEADGEAR.part("eyepatch")
def eyepatch(canvas: Canvas, pose: Pose) -> None:
    """A patch over one eye."""
    canvas.crease(pose.head_points([(-12, 9), (12, 15)]), SKIN, LINE)
    x, y = pose.feature(6, EYE_ROW)
    canvas.fill(ellipse(int(x) + 0.5, int(y) + 0.5, 3.2, 3), OUTLINE, LINE)
    canvas.fill(ellipse(int(x) + 0.5 + canvas.light, int(y) - 0.5, 1, 1), LEATHER, SHADOW)
