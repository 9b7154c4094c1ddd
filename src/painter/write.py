"""A set of heroes as files: PNGs and `labels.csv`."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import fields
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image

from src.errors import InputError
from src.files import left_unfinished, scratch_folder, unfinished
from src.painter.paint import SHAPE_FIELDS, colour_table, draw
from src.painter.smooth import smooth_picture
from src.painter.spec import RECOLOURS, HeroSpec, heroes
from src.progress import track
from src.tables import read_table, write_table

LABELS = ("gender", "hero_class", "palette")
FACTORS = tuple(field.name for field in fields(HeroSpec) if field.name not in LABELS)
COLUMNS = ("filename", *LABELS, *FACTORS)
TABLE = "labels.csv"

BYTES_A_PICTURE = 4096
"""On the disk: less in itself, but file systems give out blocks."""
BYTES_A_SMOOTH_PICTURE = 65536

_PICTURE = r"hero_\d{4,}_\d\d\.png"


def _shape_of(spec: HeroSpec) -> tuple:
    return tuple(getattr(spec, name) for name in SHAPE_FIELDS)


def paint_heroes(count: int, seed: int = 0, recolours: int = RECOLOURS) -> Iterator[tuple[str, HeroSpec, np.ndarray]]:
    """File name, record and picture (uint8 `[64, 64, 4]`) of each hero; a silhouette is drawn once for all its colours.

    Names sort in this order: silhouettes have four digits in them, more where there are more than 10,000.

    Raises:
        InputError: a count, seed or recolours out of range.
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

    Everything is painted beside the folder's files and then moved there, and what an earlier run wrote goes: pictures
    and table always belong together. Files that are not the painter's stay.

    Args:
        out: made if it is not there.
        count: how many portraits.
        seed: of the set.
        recolours: how many of each silhouette; fewer in a small set, see `heroes`.
        smooth: write smooth art of 256x256 pixels (`src/painter/smooth.py`).

    Returns:
        The path of `labels.csv`.

    Raises:
        InputError: a count, seed or recolours out of range, no room on the disk, or a table or picture of somebody else
            where the painter's would go.
    """
    out = Path(out)
    pictures = paint_heroes(count, seed, recolours)
    earlier = _painted_earlier(out)
    with scratch_folder(out, ".painting") as beside:
        if shutil.disk_usage(out).free < count * (BYTES_A_SMOOTH_PICTURE if smooth else BYTES_A_PICTURE):
            raise InputError(f"the disk of {out} has no room for {count:,} pictures; free some or paint fewer")
        generator = np.random.default_rng(seed)
        rows = []
        for filename, spec, picture in track(pictures, "painting heroes", count):
            if smooth:
                picture = smooth_picture(picture, generator)
            Image.fromarray(picture).save(beside / filename)
            rows.append(dict(zip(COLUMNS, [filename, *(getattr(spec, name) for name in COLUMNS[1:])], strict=True)))
        write_table(beside / TABLE, COLUMNS, rows)
        painted = [row["filename"] for row in rows]
        with unfinished(out, "paint") as note:
            for filename in painted:
                note(filename)
                os.replace(beside / filename, out / filename)
            for filename in earlier - set(painted):
                (out / filename).unlink(missing_ok=True)
            os.replace(beside / TABLE, out / TABLE)
    return out / TABLE


def _painted_earlier(out: Path) -> set[str]:
    """The names of the pictures that earlier runs painted into a folder.

    Raises:
        InputError: it holds a table or a picture of somebody else where the painter's would go.
    """
    command, names = left_unfinished(out)
    painted = {name for name in names if command == "paint" and re.fullmatch(_PICTURE, name)}
    if (out / TABLE).exists():
        rows = read_table(out / TABLE)
        if tuple(rows.columns) != COLUMNS or not rows["filename"].str.fullmatch(_PICTURE).all():
            raise InputError(f"{out / TABLE} is not a table of `paint`, and stays as it is; name another folder")
        painted |= set(rows["filename"])
    for path in sorted(out.glob("hero_*.png")):
        if re.fullmatch(_PICTURE, path.name) and path.name not in painted:
            raise InputError(f"{path} is in no table of `paint` here, and stays as it is; name another folder")
    return painted
