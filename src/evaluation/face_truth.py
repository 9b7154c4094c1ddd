"""Where eyes and mouths truly are, of portraits by the project's own painter: its record says, so nobody need guess.

The materials of the finished map do not tell it alone: white is also a horse's blaze, iris colour also a gem. So the
face is drawn once more, bare; its eyes and mouth are where the finished map still has their material.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from src.data.default_set import LABELS, PAINTED
from src.data.folder import labels_beside
from src.errors import InputError
from src.painter.canvas import IRIS, LINE, LIP, OUTLINE, SIZE, SKIN, WHITE, Canvas
from src.painter.face import draw_features
from src.painter.paint import SHAPE_FIELDS, colour_table, draw, light_of, pose_of
from src.painter.pose import EYE_ROW, MOUTH_ROW, NOSE_ROW
from src.painter.spec import HeroSpec
from src.tables import read_table

NOTHING, EYE, MOUTH = range(3)
"""What a pixel belongs to. An eye is its white, iris, pupil and lash line; a mouth its lips, lines, teeth and dark."""

FEWEST_EYE_PIXELS, FEWEST_MOUTH_PIXELS = 2, 3
"""So many pixels of white or iris, of lip, line or teeth, must be seen: under hair and helmets there may be less, and a
closed eye shows none."""


@dataclass(frozen=True)
class PaintedFaces:
    """Portraits of which it is known where their eyes and mouths are.

    Args:
        portraits: uint8 [N, 64, 64, 4].
        parts: uint8 [N, 64, 64], `NOTHING`, `EYE` or `MOUTH`.
    """

    portraits: np.ndarray
    parts: np.ndarray


def painted_specs(data: Path) -> dict[str, HeroSpec]:
    """File name -> record of the heroes that the painter painted into a data folder, or into the folder that it was
    prepared from; empty where it painted none."""
    table = Path(data) / PAINTED / LABELS
    try:
        table = table if table.is_file() else labels_beside(data) or table
        rows = read_table(table, ("filename", *(field.name for field in fields(HeroSpec))))
    except InputError:
        return {}
    specs = {}
    for row in rows.to_dict("records"):
        try:
            specs[row["filename"]] = _read_spec(row)
        except (InputError, ValueError):
            continue  # by another version of the painter
    return specs


def _read_spec(row: Mapping[str, str]) -> HeroSpec:
    return HeroSpec(
        **{field.name: int(row[field.name]) if field.type == "int" else row[field.name] for field in fields(HeroSpec)}
    )


def painted_faces(
    specs: Mapping[str, HeroSpec],
    names: Sequence[str],
    portraits: np.ndarray,
    silhouettes: int,
    recolours: int,
    seed: int = 0,
) -> PaintedFaces:
    """Those portraits that are what the painter paints, pixel for pixel, and where their eyes and mouths are.

    A silhouette is drawn once for all its colours; drawing takes most of the time (about 0.05 s).

    Args:
        specs: file name -> record, from `painted_specs`.
        names: file names of the portraits.
        portraits: uint8 [N, H, W, 4].
        silhouettes: how many to draw, at most.
        recolours: how many portraits of one silhouette to take, at most.
        seed: of the choice of both.
    """
    kept: list[int] = []
    parts: list[np.ndarray] = []
    for indices in _by_silhouette(specs, names, seed)[:silhouettes]:
        indices = indices[:recolours]
        material, shade = draw(specs[names[indices[0]]])
        seen = seen_parts(specs[names[indices[0]]], material, shade)
        for index in indices:
            if np.array_equal(colour_table(specs[names[index]])[material, shade], portraits[index]):
                kept.append(index)
                parts.append(seen)
    return PaintedFaces(portraits[kept], np.array(parts, np.uint8).reshape(-1, SIZE, SIZE))


def _by_silhouette(specs: Mapping[str, HeroSpec], names: Sequence[str], seed: int) -> list[list[int]]:
    """Indices of the portraits of each silhouette, in random order."""
    by_shape: dict[tuple, list[int]] = {}
    for index in np.random.RandomState(seed).permutation(len(names)).tolist():
        if spec := specs.get(names[index]):
            by_shape.setdefault(tuple(getattr(spec, field) for field in SHAPE_FIELDS), []).append(index)
    return list(by_shape.values())


def seen_parts(spec: HeroSpec, material: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """What is seen of a hero's eyes and mouth: uint8 [64, 64] of `NOTHING`, `EYE`, `MOUTH`.

    Args:
        spec: the hero.
        material: uint8 [64, 64], as `sample` returns it.
        shade: likewise.
    """
    bare = Canvas(light_of(spec))
    bare.fill(np.ones((SIZE, SIZE), bool), SKIN)
    # Age draws wrinkles, which are no part of a mouth.
    draw_features(bare, pose_of(spec), spec.eyes, spec.brows, spec.nose, spec.mouth, spec.expression, "young")
    drawn, drawn_shade = bare.material, bare.shade
    if spec.view == "left":
        drawn, drawn_shade, middle = drawn[:, ::-1], drawn_shade[:, ::-1], SIZE - 1 - pose_of(spec).feature(0, 0)[0]
    else:
        middle = pose_of(spec).feature(0, 0)[0]
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    uncovered = drawn == material
    parts = np.zeros((SIZE, SIZE), np.uint8)
    for side in (columns < middle, columns >= middle):
        eye = side & (rows < spec.top + NOSE_ROW) & uncovered & np.isin(drawn, (WHITE, IRIS, OUTLINE))
        # A helmet may be as black as a lash: without white or iris it is no eye that is seen.
        if (eye & (drawn != OUTLINE)).sum() >= FEWEST_EYE_PIXELS:
            parts[eye] = EYE
    lines = (drawn == SKIN) & (drawn_shade == LINE) & (shade == LINE)
    mouth = (rows >= spec.top + MOUTH_ROW - 1) & uncovered & (lines | np.isin(drawn, (LIP, WHITE, OUTLINE)))
    if (mouth & (drawn != OUTLINE)).sum() >= FEWEST_MOUTH_PIXELS:
        parts[mouth] = MOUTH
    return parts


assert EYE_ROW < NOSE_ROW < MOUTH_ROW - 1  # the rows above tell eyes from mouths
