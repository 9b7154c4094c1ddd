"""From a hero's record to pixels: draw the map of materials and shades once, then look the colours up."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from src.painter import ramps
from src.painter.canvas import Canvas
from src.painter.face import draw_beard, draw_earrings, draw_features, draw_head, draw_mark
from src.painter.garments import CAPES, GARMENTS, JEWELS, SHOULDERS, draw_body, draw_build
from src.painter.hair import HAIRSTYLES, Hairstyle, draw_back, draw_front, draw_loose
from src.painter.headgear import HEADGEAR
from src.painter.parts import Part
from src.painter.pose import Pose
from src.painter.spec import HeroSpec
from src.painter.weapons import COMPANIONS, WEAPONS

COLOUR_FIELDS = ("palette", "skin", "hair_ramp", "cloth", "second", "metal", "leather", "trim", "iris", "tint")
SHAPE_FIELDS = tuple(field.name for field in fields(HeroSpec) if field.name not in COLOUR_FIELDS)


def _under(headgear: Part, hair: Hairstyle) -> Hairstyle:
    """What is left of a hairstyle under a piece of headgear."""
    braid = hair.extra if hair.extra == "side_braid" else ""
    if "hair" in headgear.hides:
        return Hairstyle()
    if "head" in headgear.hides:
        return Hairstyle(back=hair.back, extra=braid)
    if {"crown", "ears"} <= headgear.hides:
        # A hood or a closed hat holds buns and tails; a braid still falls out of it.
        return replace(hair, back="shoulder" if hair.back == "twin_tails" else hair.back, extra=braid)
    if "crown" in headgear.hides and hair.extra in ("bun", "top_knot"):
        return replace(hair, extra="")
    return hair


def light_of(spec: HeroSpec) -> int:
    """Where the light comes from while a hero is drawn, as `Canvas` takes it."""
    # Light falls from the upper left; a hero that looks left is drawn looking right, lit from the right, and mirrored.
    return 1 if spec.view == "left" else -1


def pose_of(spec: HeroSpec) -> Pose:
    """Where everything lies on a hero, before one that looks left is mirrored."""
    return Pose(
        turned=spec.view != "front",
        top=spec.top,
        sway=spec.sway,
        width=spec.head_width,
        jaw=spec.jaw,
        shoulders=spec.shoulders,
        slope=spec.slope,
        build=spec.build,
        hand=spec.hand,
    )


def draw(spec: HeroSpec) -> tuple[np.ndarray, np.ndarray]:
    """Material and shade of every pixel, `[64, 64]` uint8 each; the fields of colour have no say in it."""
    canvas, pose = Canvas(light_of(spec)), pose_of(spec)
    headgear, cape = HEADGEAR[spec.headgear], CAPES[spec.cape]
    weapon, companion = WEAPONS[spec.weapon], COMPANIONS[spec.companion]
    hair = _under(headgear, HAIRSTYLES[spec.hair])

    for part in (companion, weapon, cape):
        if part.back is not None:
            part.back(canvas, pose)
    if headgear.back is not None:
        headgear.back(canvas, pose)
    draw_back(canvas, pose, hair, spec.hair_length)
    draw_body(canvas, pose)
    GARMENTS[spec.garment].draw(canvas, pose)
    draw_build(canvas, pose)
    for part in (JEWELS[spec.jewel], cape, SHOULDERS[spec.shoulder_armour]):
        part.draw(canvas, pose)
    canvas.cast_shadow(pose.skull_mask(), 4)
    head = draw_head(canvas, pose, "human" if "ears" in headgear.hides else spec.ears)
    draw_features(canvas, pose, spec.eyes, spec.brows, spec.nose, spec.mouth, spec.expression, spec.age)
    draw_mark(canvas, pose, spec.mark)
    draw_beard(canvas, pose, spec.beard, head)
    draw_front(canvas, pose, hair, "crown" in headgear.hides, spec.wave)
    if "ears" not in headgear.hides:
        draw_earrings(canvas, pose, spec.earrings)
    headgear.draw(canvas, pose)
    if "head" in headgear.hides:
        draw_loose(canvas, pose, hair, spec.hair_length)
    for part in (weapon, companion):
        part.draw(canvas, pose)
    canvas.finish()
    if spec.view == "left":
        return canvas.material[:, ::-1].copy(), canvas.shade[:, ::-1].copy()
    return canvas.material, canvas.shade


def colour_table(spec: HeroSpec) -> np.ndarray:
    """The colour of every material and shade of this hero: uint8 `[12, 5, 4]`."""
    return ramps.colour_table(*(getattr(spec, name) for name in COLOUR_FIELDS))


def paint(spec: HeroSpec) -> np.ndarray:
    """Paint one hero: RGBA uint8 `[64, 64, 4]`, alpha 0 or 255, at most 32 opaque colours.

    A pure function of the record, the same on every platform.
    """
    material, shade = draw(spec)
    return colour_table(spec)[material, shade]
