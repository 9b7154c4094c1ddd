"""Weapons, tools, mounts and other companions, over a shoulder (drawn behind the hero) or before the chest.

Body coordinates with `u` counted towards the hand that carries it (`Pose.hand`): a weapon is drawn once and fits both
sides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from src.painter.canvas import (
    BASE,
    CLOTH,
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
    SECOND,
    SHADOW,
    SKIN,
    SOFT,
    TRIM,
    WHITE,
    Canvas,
    Point,
    blob,
    ellipse,
    polygon,
    polyline,
    smooth,
)
from src.painter.parts import Draw, Library, nothing
from src.painter.pose import Pose

WEAPONS, COMPANIONS = Library(), Library()
WEAPONS.part("none")(nothing)
COMPANIONS.part("none")(nothing)


def _points(pose: Pose, points: Sequence[Point]) -> list[Point]:
    """Body coordinates with `u` towards the weapon's hand, at full width whatever the hero's shoulders."""
    return [pose.side(pose.hand * u, v) for u, v in points]


def _haft(canvas: Canvas, pose: Pose, start: Point, end: Point, material: int = LEATHER, width: int = 2) -> None:
    """A pole, lit along one edge."""
    canvas.part(polyline(_points(pose, [start, end]), width), material, MATTE)
    if width > 1:
        canvas.crease(_points(pose, [start, end]), material, LIGHT)


def _shape(
    canvas: Canvas, pose: Pose, points: Sequence[Point], material: int, surface: tuple = GLOSSY, rounded: bool = False
) -> None:
    outline = _points(pose, points)
    canvas.part(blob(outline) if rounded else polygon(outline), material, surface)


def _disc(pose: Pose, u: float, v: float, radius: float) -> np.ndarray:
    ((x, y),) = _points(pose, [(u, v)])
    return ellipse(round(x), round(y), radius, radius)


def behind(name: str) -> Callable[[Draw], Draw]:
    """Keep a drawing function under `name` as a part that lies wholly behind the hero."""

    def keep(draw: Draw) -> Draw:
        WEAPONS.part(name, back=draw)(nothing)
        return draw

    return keep


def _hand(canvas: Canvas, pose: Pose, u: float, v: float, upright: bool = True) -> None:
    """A fist at the end of a sleeved forearm.

    Args:
        upright: what it grips stands upright: the fingers lie across; else they come down over it.
    """
    elbow = u - 7 if u > 12 else u + 8
    reach = (elbow - u) / 10
    arm = [(u - 2.6 + reach, v + 2), (u + 2.6 + reach, v + 2), (elbow + 5, 30), (elbow - 4.5, 30)]
    sleeve = polygon(_points(pose, arm))
    canvas.cast_shadow(sleeve, 2)
    canvas.part(sleeve, CLOTH, MATTE, lift=0.15)
    cuff = _points(pose, [(u - 3.4 + reach, v + 4), (u + 3.4 + reach, v + 4.6)])
    canvas.part(polyline(cuff, 2), LEATHER, SOFT)
    fist = [
        (u - 3.6, v - 1),
        (u - 2.4, v - 3.4),
        (u + 2.4, v - 3.6),
        (u + 3.8, v - 1),
        (u + 3.4, v + 2.6),
        (u - 3, v + 3),
    ]
    canvas.part(polygon(_points(pose, fist)), SKIN, SOFT)
    for step in (-1.4, 0.8):
        line = [(u - 0.6, v + step), (u + 3, v + step)] if upright else [(u + step, v - 2.4), (u + step, v + 1)]
        canvas.crease(_points(pose, line), SKIN, LINE)
    thumb = [(u - 2.6, v - 2), (u - 1.6, v + 0.6)] if upright else [(u - 3, v + 1.6), (u + 1, v + 1.6)]
    canvas.crease(_points(pose, thumb), SKIN, HIGHLIGHT)


def held(name: str, u: float, v: float) -> Callable[[Draw], Draw]:
    """Keep a drawing function under `name` as a part that a hand at (u, v) holds before the shoulder."""

    def keep(draw: Draw) -> Draw:
        def with_hand(canvas: Canvas, pose: Pose) -> None:
            draw(canvas, pose)
            _hand(canvas, pose, u, v)

        WEAPONS.part(name)(with_hand)
        return draw

    return keep


@behind("sword")
def sword(canvas: Canvas, pose: Pose) -> None:
    """A sword on the back: grip, guard and pommel over the shoulder."""
    _shape(canvas, pose, [(14, 8), (17, 10), (22, -1), (19, -3)], LEATHER, MATTE)
    _haft(canvas, pose, (20, -3), (24, -12), LEATHER, 2)
    canvas.part(polyline(_points(pose, [(15, -5), (27, 0)]), 2), TRIM, GLOSSY)
    canvas.part(_disc(pose, 25, -14, 1.9), TRIM, GLOSSY)


@behind("two_swords")
def two_swords(canvas: Canvas, pose: Pose) -> None:
    """A hilt over either shoulder."""
    for side in (-1, 1):
        canvas.part(polyline(_points(pose, [(side * 15, 8), (side * 23, -10)]), 2), LEATHER, MATTE)
        canvas.part(polyline(_points(pose, [(side * 16, -5), (side * 25, -1)]), 2), METAL, GLOSSY)
        canvas.part(_disc(pose, side * 24, -12, 1.6), METAL, GLOSSY)


@held("great_sword", 22.5, 9)
def great_sword(canvas: Canvas, pose: Pose) -> None:
    """A bare blade carried upright."""
    _shape(canvas, pose, [(20, 4), (20, -30), (22.5, -36), (25, -30), (25, 4)], METAL)
    canvas.crease(_points(pose, [(22.5, -32), (22.5, 4)]), METAL, SHADOW)
    canvas.part(polyline(_points(pose, [(16, 4), (29, 4)]), 3), TRIM, GLOSSY)
    _haft(canvas, pose, (22.5, 7), (22.5, 20), LEATHER, 2)


@behind("axe")
def axe(canvas: Canvas, pose: Pose) -> None:
    """A bearded axe."""
    _haft(canvas, pose, (16, 20), (24, -24))
    _shape(canvas, pose, [(23, -22), (28, -26), (31, -18), (29.5, -9), (25, -12), (22, -13)], METAL)
    canvas.crease(_points(pose, [(26, -21), (26.5, -13)]), METAL, SHADOW)


@behind("great_axe")
def great_axe(canvas: Canvas, pose: Pose) -> None:
    """A double-headed axe."""
    _haft(canvas, pose, (19, 20), (22.5, -28))
    for side in (-1, 1):
        _shape(
            canvas,
            pose,
            [(22, -22), (22 + side * 7, -28), (22 + side * 9, -19), (22 + side * 7, -10), (22, -15)],
            METAL,
        )
        canvas.crease(
            _points(pose, [(22 + side * 5, -25), (22 + side * 6, -19), (22 + side * 5, -13)]), METAL, HIGHLIGHT
        )
    canvas.part(polyline(_points(pose, [(22, -22), (21.6, -15)]), 3), TRIM, SOFT)


@behind("hammer")
def hammer(canvas: Canvas, pose: Pose) -> None:
    """A war hammer."""
    _haft(canvas, pose, (18, 20), (23, -22))
    _shape(canvas, pose, [(15, -25), (30, -23), (29, -14), (15, -16)], METAL)
    canvas.crease(_points(pose, [(19, -24), (19, -15)]), METAL, SHADOW)
    canvas.crease(_points(pose, [(26, -23), (26, -14)]), METAL, SHADOW)


@behind("mace")
def mace(canvas: Canvas, pose: Pose) -> None:
    """A flanged mace."""
    _haft(canvas, pose, (19, 20), (23, -14))
    for u, v in ((19, -21), (28, -21), (23.5, -27), (19.5, -16), (27.5, -16)):
        canvas.part(polyline(_points(pose, [(23.5, -20), (u, v)]), 2), METAL, GLOSSY)
    canvas.part(_disc(pose, 23.5, -20, 4), METAL, GLOSSY)


@behind("club")
def club(canvas: Canvas, pose: Pose) -> None:
    """A studded club."""
    _shape(
        canvas, pose, [(16, 20), (19, -8), (19, -22), (24, -27), (28, -22), (25, -8), (19, 20)], LEATHER, MATTE, True
    )
    for u, v in ((21, -20), (25, -22), (24, -15), (21, -13)):
        canvas.fill(_disc(pose, u, v, 0.9), METAL, LIGHT)


@held("spear", 21.6, 11)
def spear(canvas: Canvas, pose: Pose) -> None:
    """A spear with a leaf blade."""
    _haft(canvas, pose, (21, 20), (24, -26))
    _shape(canvas, pose, [(22, -26), (21, -30), (24.4, -40), (27.4, -30), (26, -26)], METAL)
    canvas.crease(_points(pose, [(24.4, -38), (24, -27)]), METAL, HIGHLIGHT)
    canvas.part(polyline(_points(pose, [(22, -24), (26, -24)]), 2), SECOND, MATTE)


@held("halberd", 21.6, 11)
def halberd(canvas: Canvas, pose: Pose) -> None:
    """A halberd."""
    _haft(canvas, pose, (21, 20), (23, -34))
    _shape(canvas, pose, [(21.6, -33), (23, -42), (24.4, -33)], METAL)
    _shape(canvas, pose, [(24, -31), (30, -33), (31, -26), (29, -20), (24, -23)], METAL)
    _shape(canvas, pose, [(22, -29), (17, -26), (22, -24)], METAL)


@held("lance", 21, 12)
def lance(canvas: Canvas, pose: Pose) -> None:
    """A rider's lance with a pennant."""
    _haft(canvas, pose, (20, 20), (23, -35), LEATHER, 2)
    _shape(canvas, pose, [(21.5, -35), (23, -42), (25, -35)], METAL)
    _shape(canvas, pose, [(22, -33), (11, -31), (15, -28), (11, -24), (22, -24)], SECOND, MATTE)
    canvas.crease(_points(pose, [(21, -29), (14, -28)]), SECOND, SHADOW)
    _shape(canvas, pose, [(17, 2), (25, 2), (23, -6), (20, -6)], METAL)


@held("banner", 20.4, 11)
def banner(canvas: Canvas, pose: Pose) -> None:
    """A standard on a pole."""
    _haft(canvas, pose, (20, 20), (20, -38))
    _shape(canvas, pose, [(20, -38), (30, -38), (30, -13), (25, -17), (20, -13)], CLOTH, MATTE)
    canvas.part(_disc(pose, 25.4, -28, 2.4), TRIM, SOFT)
    canvas.part(_disc(pose, 20, -40, 1.6), TRIM, GLOSSY)


@behind("bow")
def bow(canvas: Canvas, pose: Pose) -> None:
    """A bow across the back and the feathers of arrows."""
    curve = smooth(_points(pose, [(17, 20), (24, 8), (26, -6), (23, -18), (17, -27), (15, -28)]), closed=False)
    canvas.fill(polyline(_points(pose, [(15, -28), (16, 20)])), WHITE)
    canvas.part(polyline(curve, 2), LEATHER, SOFT)
    canvas.part(polyline(_points(pose, [(25.6, -8), (25.6, -2)]), 3), TRIM, MATTE)
    quiver(canvas, pose, -1)


def quiver(canvas: Canvas, pose: Pose, side: int = 1) -> None:
    """Arrows over the shoulder."""
    _shape(canvas, pose, [(side * 12, 6), (side * 15, -5), (side * 23, -2), (side * 20, 8)], LEATHER, MATTE)
    canvas.part(polyline(_points(pose, [(side * 15, -5), (side * 23, -2)]), 2), TRIM, SOFT)
    for index, (u, v) in enumerate(((17, -14), (20.5, -16), (24, -12))):
        canvas.part(polyline(_points(pose, [(side * (u - 0.6), -6 + index), (side * u, v + 4)])), LEATHER, SOFT)
        canvas.part(polyline(_points(pose, [(side * u, v), (side * (u - 0.4), v + 4)]), 2), SECOND, SOFT)


@behind("quiver")
def quiver_alone(canvas: Canvas, pose: Pose) -> None:
    """A quiver of arrows."""
    quiver(canvas, pose)


@behind("crossbow")
def crossbow(canvas: Canvas, pose: Pose) -> None:
    """A crossbow on the back."""
    _haft(canvas, pose, (14, 8), (24, -18), LEATHER, 3)
    bow_curve = smooth(_points(pose, [(12, -16), (18, -19), (24, -17), (29, -11), (31, -5)]), closed=False)
    canvas.fill(polyline(_points(pose, [(12, -15), (20, -8), (31, -5)])), WHITE)
    canvas.part(polyline(bow_curve, 2), METAL, GLOSSY)


def _orb(canvas: Canvas, pose: Pose, u: float, v: float, radius: float) -> None:
    canvas.part(_disc(pose, u, v, radius), OUTLINE, MATTE)
    canvas.fill(_disc(pose, u, v, radius), IRIS)
    canvas.fill(_disc(pose, u + pose.hand * canvas.light * 1.2, v - 1.2, 0.9), WHITE)


@held("orb_staff", 21.6, 11)
def orb_staff(canvas: Canvas, pose: Pose) -> None:
    """A staff that holds a glowing orb."""
    _haft(canvas, pose, (21, 20), (24, -18))
    for points in ([(24, -18), (19, -21), (19, -27)], [(24, -18), (28.5, -21), (28.5, -27)]):
        canvas.part(polyline(smooth(_points(pose, points), closed=False), 2), TRIM, SOFT)
    _orb(canvas, pose, 24, -25, 3.6)


@held("crook_staff", 21.6, 10)
def crook_staff(canvas: Canvas, pose: Pose) -> None:
    """A staff that curls at the top."""
    curl = [(21, 20), (23, -18), (25, -28), (30, -27), (29, -20), (26, -21)]
    canvas.part(polyline(smooth(_points(pose, curl), closed=False), 2), LEATHER, SOFT)
    canvas.part(_disc(pose, 27.4, -24.4, 1), TRIM, GLOSSY)


@held("crosier", 22, 11)
def crosier(canvas: Canvas, pose: Pose) -> None:
    """A bishop's staff of metal with a cross."""
    _haft(canvas, pose, (22, 20), (23, -20), TRIM)
    canvas.part(polyline(_points(pose, [(23, -34), (23, -20)]), 3), TRIM, GLOSSY)
    canvas.part(polyline(_points(pose, [(18, -28), (28, -28)]), 3), TRIM, GLOSSY)
    canvas.fill(_disc(pose, 23.4, -27.6, 1.2), IRIS)


@behind("crystal_staff")
def crystal_staff(canvas: Canvas, pose: Pose) -> None:
    """A staff tipped with a crystal."""
    _haft(canvas, pose, (20, 20), (24, -16), METAL)
    crystal = polygon(_points(pose, [(20.5, -20), (24, -30), (28, -20), (24.4, -14)]))
    canvas.part(crystal, OUTLINE, MATTE)
    canvas.fill(crystal, IRIS)
    canvas.fill(polyline(_points(pose, [(24, -28), (24, -18)])) & crystal, WHITE)


@behind("lute")
def lute(canvas: Canvas, pose: Pose) -> None:
    """A lute on the back: belly, fretted neck and bent peg box over the shoulder."""
    _shape(canvas, pose, [(9, 16), (12, 2), (20, -3), (28, 3), (28, 15), (18, 22)], LEATHER, SOFT, True)
    _shape(canvas, pose, [(16, 2), (21, 3), (26.4, -19), (22.6, -20)], TRIM, MATTE)
    canvas.crease(_points(pose, [(19, 1), (24, -18)]), TRIM, LINE)
    for v in (-4, -9, -14):
        canvas.crease(_points(pose, [(19 - v / 5, v), (24 - v / 5, v + 1)]), TRIM, SHADOW)
    _shape(canvas, pose, [(22, -20), (27, -18.6), (30, -25), (26, -28)], LEATHER, SOFT)
    for side, u in ((-1, 22.4), (1, 30)):
        for v in (-22, -26):
            canvas.part(polyline(_points(pose, [(u, v - side), (u + side, v)])), TRIM, SOFT)


@behind("harp")
def harp(canvas: Canvas, pose: Pose) -> None:
    """A hand harp at the shoulder."""
    frame = smooth(_points(pose, [(15, 12), (15, -6), (17, -17), (23, -14), (29, -19)]), closed=False)
    for index, u in enumerate((18, 21, 24, 27)):
        canvas.fill(polyline(_points(pose, [(u, -15), (u - 1, 8 - index * 4)])), WHITE)
    canvas.part(polyline(frame, 3), TRIM, SOFT)
    canvas.part(polyline(_points(pose, [(29, -19), (16, 12)]), 3), TRIM, SOFT)


# Things held before the chest.
@WEAPONS.part("book")
def book(canvas: Canvas, pose: Pose) -> None:
    """A clasped book held to the chest."""
    _shape(canvas, pose, [(4, 9), (17, 7), (19, 30), (6, 30)], LEATHER, MATTE)
    canvas.fill(polyline(_points(pose, [(17.4, 8), (19, 24)])), WHITE)
    canvas.part(_disc(pose, 11.4, 15, 2.6), TRIM, GLOSSY)
    canvas.fill(_disc(pose, 11.4, 15, 1), IRIS)
    _hand(canvas, pose, 7, 17, upright=False)


@WEAPONS.part("dagger")
def dagger(canvas: Canvas, pose: Pose) -> None:
    """A dagger raised beside the chin."""
    _shape(canvas, pose, [(17, 9), (17, -4), (18.6, -9), (20.4, -4), (20.4, 9)], METAL)
    canvas.crease(_points(pose, [(18.6, -7), (18.6, 8)]), METAL, HIGHLIGHT)
    canvas.part(polyline(_points(pose, [(14.6, 9), (22.6, 9)]), 2), TRIM, GLOSSY)
    _hand(canvas, pose, 18.6, 12)


@WEAPONS.part("throwing_knives")
def throwing_knives(canvas: Canvas, pose: Pose) -> None:
    """A row of knives on the baldric."""
    strap = polyline(_points(pose, [(14, 4), (-10, 21)]), 4)
    canvas.part(strap, LEATHER, MATTE)
    for u, v in ((9, 7), (4, 10.5), (-1, 14), (-6, 17.5)):
        canvas.part(polyline(_points(pose, [(u - 0.5, v - 2), (u + 1.4, v + 3)]), 2), METAL, GLOSSY)


@WEAPONS.part("wand")
def wand(canvas: Canvas, pose: Pose) -> None:
    """A wand, its tip alight."""
    canvas.part(polyline(_points(pose, [(16, 14), (23, -6)])), LEATHER, SOFT)
    for u, v in ((23, -12), (23, -4), (19, -8), (27, -8)):
        canvas.fill(polyline(_points(pose, [(23, -8), (u, v)])), IRIS)
    canvas.fill(_disc(pose, 23, -8, 1.2), WHITE)
    _hand(canvas, pose, 16.8, 12)


@WEAPONS.part("flute")
def flute(canvas: Canvas, pose: Pose) -> None:
    """A flute held across the chest."""
    canvas.part(polyline(_points(pose, [(-6, 17), (20, 5)]), 2), TRIM, SOFT)
    for u in (0, 4, 8):
        canvas.fill(polyline(_points(pose, [(u, 17.4 - (u + 6) * 0.46)] * 2)), OUTLINE, LINE)
    _hand(canvas, pose, 12, 10, upright=False)


@WEAPONS.part("shield")
def shield(canvas: Canvas, pose: Pose) -> None:
    """A shield before the shoulder."""
    _shape(canvas, pose, [(9, 9), (20, 6), (31, 9), (31, 30), (11, 30)], METAL)
    _shape(canvas, pose, [(11.5, 11), (20, 8.6), (29, 11), (29, 30), (13.4, 30)], CLOTH, MATTE)
    canvas.part(polyline(_points(pose, [(20.4, 9), (20.4, 30)]), 2), TRIM, SOFT)


@held("riding_crop", 18, 12)
def riding_crop(canvas: Canvas, pose: Pose) -> None:
    """A rider's crop, a loop of leather at its tip."""
    canvas.part(polyline(_points(pose, [(17.6, 16), (23, -8)])), LEATHER, SOFT)
    canvas.part(polyline(_points(pose, [(23, -8), (24, -13), (26, -11), (23.4, -7)])), LEATHER, SOFT)


@behind("bedroll")
def bedroll(canvas: Canvas, pose: Pose) -> None:
    """A rolled blanket strapped behind the shoulder."""
    _shape(canvas, pose, [(10, 6), (10, -3), (25, -8), (28.5, -6), (29, -1), (27, 2), (14, 7)], SECOND, MATTE)
    canvas.part(_disc(pose, 26.4, -3.4, 3), SECOND, SOFT)
    canvas.crease(_points(pose, [(25.6, -3.4), (27, -4), (27, -2.6)]), SECOND, SHADOW)
    canvas.part(polyline(_points(pose, [(16.4, -5), (17.4, 5)]), 2), LEATHER, SOFT)
    canvas.part(polyline(_points(pose, [(21, -6.6), (22, 3)]), 2), LEATHER, SOFT)


@WEAPONS.part("hunting_horn")
def hunting_horn(canvas: Canvas, pose: Pose) -> None:
    """A curved horn slung before the chest."""
    canvas.fill(polyline(_points(pose, [(-9, 4), (1, 12)])), LEATHER, LINE)
    canvas.fill(polyline(_points(pose, [(14, 4), (13, 9)])), LEATHER, LINE)
    _shape(
        canvas,
        pose,
        [(0, 11), (2, 14), (8, 14.4), (13, 10.6), (17.4, 8.4), (18, 15), (11, 19), (4, 18)],
        TRIM,
        SOFT,
        True,
    )
    canvas.part(polyline(_points(pose, [(16.6, 8), (18, 15)]), 2), METAL, GLOSSY)
    canvas.part(polyline(_points(pose, [(7, 14), (7.6, 18)]), 2), METAL, GLOSSY)


@WEAPONS.part("potion")
def potion(canvas: Canvas, pose: Pose) -> None:
    """A flask held up."""
    canvas.part(polyline(_points(pose, [(18, 1), (18, 5)]), 3), WHITE, SOFT, line=True)
    _orb(canvas, pose, 18, 8, 3.8)
    canvas.fill(polyline(_points(pose, [(17, -1), (19, -1)]), 2), LEATHER, BASE)
    _hand(canvas, pose, 18, 13)


# Companions look over the shoulder that carries no weapon.
def _companion_points(pose: Pose, points: Sequence[Point]) -> list[Point]:
    return [pose.side(-pose.hand * u, v) for u, v in points]


def _beast(canvas: Canvas, pose: Pose, points: Sequence[Point], material: int, rounded: bool = False) -> None:
    outline = _companion_points(pose, points)
    mask = blob(outline) if rounded else polygon(outline)
    canvas.cast_shadow(mask, 2)
    canvas.part(mask, material, SOFT if material == TRIM else MATTE)


def _horse(canvas: Canvas, pose: Pose, coat: int, mane: int) -> None:
    """A bridled horse's head beside the rider, looking outward."""
    _beast(canvas, pose, [(8, 30), (11, 12), (14, 0), (19, -5), (24, -2), (27, 8), (29, 30)], coat, True)
    _beast(canvas, pose, [(7, 24), (8, 10), (11, 0), (16, -8), (19, -6), (15, 3), (12.6, 12), (12, 24)], mane, True)
    _beast(
        canvas,
        pose,
        [
            (16, -6),
            (16, -13),
            (18.4, -10),
            (20.6, -13),
            (21, -8),
            (25, -5),
            (28, 2),
            (31, 11),
            (30.6, 15),
            (26.5, 15.6),
            (23, 9),
            (18, 3),
        ],
        coat,
    )
    _beast(canvas, pose, [(17, -6), (21, -7), (21, -2), (19, 1)], mane, True)
    canvas.crease(_companion_points(pose, [(20, 3), (24, 9)]), coat, SHADOW)
    canvas.fill(polyline(_companion_points(pose, [(23, -1), (24, -1)]), 2), OUTLINE, LINE)
    canvas.fill(polyline(_companion_points(pose, [(23, -1)] * 2)), WHITE)
    canvas.fill(polyline(_companion_points(pose, [(29, 11.5)] * 2)), OUTLINE, LINE)
    canvas.fill(polyline(_companion_points(pose, [(26.6, 13), (29.4, 14)])), OUTLINE, LINE)
    for points in ([(18.6, 3), (23, -6)], [(24, 10), (29, 6)], [(20, 2), (25, 8.6)]):
        canvas.fill(polyline(_companion_points(pose, points)), TRIM, BASE)
    canvas.part(polyline(_companion_points(pose, [(25, 12), (18, 17), (4, 18), (-3, 18)])), LEATHER, SOFT)


def _griffin(canvas: Canvas, pose: Pose) -> None:
    """A griffin's head: hooked beak, ear tufts, feathers."""
    _beast(canvas, pose, [(8, 30), (10, 12), (12, 0), (17, -7), (23, -6), (26, 0), (26, 10), (29, 30)], SECOND, True)
    _beast(canvas, pose, [(14, -5), (11, -14), (18, -8)], SECOND)
    _beast(canvas, pose, [(23, -5), (28, -3), (31, 3), (30, 9), (28, 5), (23, 4)], TRIM)
    canvas.crease(_companion_points(pose, [(23, 3), (28, 3)]), TRIM, LINE)
    canvas.fill(polyline(_companion_points(pose, [(20, -2), (21, -2)]), 2), OUTLINE, LINE)
    canvas.fill(polyline(_companion_points(pose, [(20, -2)] * 2)), WHITE)
    for u, v in ((14, 3), (18, 6), (22, 10), (13, 10), (18, 14), (23, 17)):
        canvas.crease(_companion_points(pose, [(u - 2, v), (u, v + 2), (u + 2, v)]), SECOND, SHADOW)
    canvas.part(polyline(_companion_points(pose, [(24, 8), (16, 15), (4, 18), (-3, 18)])), LEATHER, SOFT)


def _mount(name: str, beast: Draw | None) -> None:
    """Keep a mount: the beast, then the fist that holds its reins."""

    def draw(canvas: Canvas, pose: Pose) -> None:
        if beast is not None:
            beast(canvas, pose)
        canvas.part(polyline(_points(pose, [(3, 19), (1, 34)]), 2), LEATHER, SOFT)
        canvas.part(polyline(_points(pose, [(7, 20), (12, 34)]), 2), LEATHER, SOFT)
        _hand(canvas, pose, 5, 14, upright=False)

    COMPANIONS.part(name)(draw)


_mount("brown_horse", lambda canvas, pose: _horse(canvas, pose, LEATHER, HAIR))
_mount("pale_horse", lambda canvas, pose: _horse(canvas, pose, SECOND, HAIR))
_mount("armoured_horse", lambda canvas, pose: _horse(canvas, pose, METAL, SECOND))
_mount("griffin", _griffin)
_mount("reins_only", None)


def _bird(canvas: Canvas, pose: Pose, plumage: int, breast: int) -> None:
    """A bird on the shoulder, in profile."""
    _beast(canvas, pose, [(14, 3), (11, 11), (14, 12), (17.4, 6)], plumage)
    _beast(
        canvas,
        pose,
        [(13, 4), (13, -3), (15, -9), (18.4, -11), (22, -9), (22.4, -3), (20.4, 4), (17, 7)],
        plumage,
        True,
    )
    canvas.fill(
        blob(_companion_points(pose, [(19, -6), (21.6, -4), (20.4, 3), (18, 4)])) & (canvas.material == plumage),
        breast,
        LIGHT,
    )
    _beast(canvas, pose, [(21.6, -9), (25.4, -7), (22, -5.6)], TRIM)
    canvas.crease(_companion_points(pose, [(15, -3), (16, 2), (15, 6)]), plumage, LINE)
    canvas.crease(_companion_points(pose, [(17, -3), (17.6, 2)]), plumage, SHADOW)
    _eye_of_beast(canvas, pose, 19.6, -7.6)


def _eye_of_beast(canvas: Canvas, pose: Pose, u: float, v: float) -> None:
    canvas.fill(polyline(_companion_points(pose, [(u, v)] * 2), 2), OUTLINE, LINE)
    canvas.fill(polyline(_companion_points(pose, [(u, v)] * 2)), WHITE)


@COMPANIONS.part("owl")
def owl(canvas: Canvas, pose: Pose) -> None:
    """An owl on the shoulder, staring."""
    _beast(
        canvas,
        pose,
        [(13, 5), (12.4, -4), (12, -12), (15.4, -10), (20.6, -10), (24, -12), (23.6, -4), (23, 5), (18, 8)],
        LEATHER,
    )
    canvas.fill(blob(_companion_points(pose, [(15.4, -2), (20.6, -2), (20, 4), (16, 4)])), SECOND, LIGHT)
    for u in (15.2, 20.8):
        ((x, y),) = _companion_points(pose, [(u, -6)])
        canvas.part(ellipse(round(x), round(y), 1.6, 1.6), TRIM, SOFT)
        canvas.fill(ellipse(round(x), round(y), 0.6, 0.6), OUTLINE, LINE)
    canvas.part(polygon(_companion_points(pose, [(17, -5), (19, -5), (18, -2)])), TRIM, SOFT)
    for u, v in ((16, 0), (18, 1.6), (20, 0)):
        canvas.fill(polyline(_companion_points(pose, [(u, v)] * 2)), LEATHER, SHADOW)


@COMPANIONS.part("wolf")
def wolf(canvas: Canvas, pose: Pose) -> None:
    """A wolf's head beside the hero."""
    _dog(canvas, pose, SECOND, [(14, 10), (13, -2), (17, 4), (19, 4), (22, -1), (22.4, 6)])


@COMPANIONS.part("hound")
def hound(canvas: Canvas, pose: Pose) -> None:
    """A hound with hanging ears and a collar."""
    _dog(canvas, pose, LEATHER, [(13, 12), (14, 5), (17, 3), (20, 3), (22.4, 6)])
    _beast(canvas, pose, [(13, 5), (16, 5), (16.6, 13), (13.6, 15), (12, 11)], LEATHER, True)
    canvas.part(polyline(_companion_points(pose, [(12.6, 19), (24, 20)]), 2), TRIM, SOFT)


def _dog(canvas: Canvas, pose: Pose, coat: int, ears: list[Point]) -> None:
    """Neck and head of a beast with a muzzle; `ears` is the line from nape to brow."""
    _beast(canvas, pose, [(9, 30), (11, 17), (13, 9), (22, 9), (26, 18), (28, 30)], coat)
    _beast(canvas, pose, [*ears, (26, 9), (30, 11.4), (30, 14.6), (25, 17), (18, 17.4), (14, 15)], coat)
    canvas.crease(_companion_points(pose, [(22, 13), (25, 14.6), (29, 14)]), coat, LINE)
    canvas.crease(_companion_points(pose, [(16, 19), (17, 24)]), coat, SHADOW)
    canvas.crease(_companion_points(pose, [(20, 19), (21, 25)]), coat, SHADOW)
    canvas.fill(polyline(_companion_points(pose, [(29.4, 11.6), (30, 12.4)]), 2), OUTLINE, LINE)
    _eye_of_beast(canvas, pose, 21.4, 8.6)


def _perched(name: str, plumage: int, breast: int) -> None:
    """Keep a bird on the shoulder under `name`."""

    def draw(canvas: Canvas, pose: Pose) -> None:
        _bird(canvas, pose, plumage, breast)

    COMPANIONS.part(name)(draw)


_perched("hawk", LEATHER, SECOND)
_perched("raven", HAIR, HAIR)
_perched("dove", TRIM, WHITE)
