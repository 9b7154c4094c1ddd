"""A set of heroes as files: PNGs and `labels.csv`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import fields
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image

from src.painter.paint import SHAPE_FIELDS, colour_table, draw
from src.painter.smooth import smooth_picture
from src.painter.spec import RECOLOURS, HeroSpec, heroes
from src.progress import track

LABELS = ("gender", "hero_class", "palette")
FACTORS = tuple(field.name for field in fields(HeroSpec) if field.name not in LABELS)


def _shape_of(spec: HeroSpec) -> tuple:
    return tuple(getattr(spec, name) for name in SHAPE_FIELDS)


def paint_heroes(count: int, seed: int = 0, recolours: int = RECOLOURS) -> Iterator[tuple[str, HeroSpec, np.ndarray]]:
    """File name, record and picture (uint8 `[64, 64, 4]`) of each hero; a silhouette is drawn once for all its colours.

    Names sort in this order: silhouettes have four digits in them, more where there are more than 10,000.

    Raises:
        InputError: a count below 1, a negative seed, or recolours below 1 or above 99.
    """
    specs = heroes(count, seed, recolours)  # here, not in the generator: a bad count is an error at once
    digits = max(4, len(str(-(-count // recolours) - 1)))

    def pictures() -> Iterator[tuple[str, HeroSpec, np.ndarray]]:
        for silhouette_index, (_, of_one) in enumerate(groupby(specs, _shape_of)):
            maps = None
            for recolour_index, spec in enumerate(of_one):
                maps = draw(spec) if maps is None else maps
                yield f"hero_{silhouette_index:0{digits}d}_{recolour_index:02d}.png", spec, colour_table(spec)[maps]

    return pictures()


def paint_set(out: Path, count: int = 7600, seed: int = 0, recolours: int = RECOLOURS, smooth: bool = False) -> Path:
    """Paint a labelled set into a folder: `hero_SSSS_RR.png` (silhouette, recolour) and `labels.csv`.

    The same count, seed and recolours write the same bytes. Columns of the table: `filename`, the labels `gender,
    hero_class, palette`, then every other factor of `HeroSpec`.

    Args:
        out: made if it is not there; files of the same names are overwritten.
        count: how many portraits.
        seed: of the set.
        recolours: how many of each silhouette; fewer in a small set, see `heroes`.
        smooth: write smooth art of 256x256 pixels (`src/painter/smooth.py`).

    Returns:
        The path of `labels.csv`.

    Raises:
        InputError: a count below 1, a negative seed, or recolours below 1 or above 99.
    """
    out = Path(out)
    pictures = paint_heroes(count, seed, recolours)
    out.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    rows = []
    for filename, spec, picture in track(pictures, "painting heroes", count):
        if smooth:
            picture = smooth_picture(picture, generator)
        Image.fromarray(picture).save(out / filename)
        rows.append([filename, *(getattr(spec, name) for name in (*LABELS, *FACTORS))])
    with (out / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["filename", *LABELS, *FACTORS])
        writer.writerows(rows)
    return out / "labels.csv"
