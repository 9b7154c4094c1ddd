"""A sprite sheet: portraits in rows on one picture, and where each lies, as Aseprite says it in JSON. No torch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from src.errors import InputError
from src.files import distinct, safe_part

APP = "hero-portrait-generator"


@dataclass(frozen=True)
class Layout:
    """Where the portraits of a sheet lie, row by row. In pixels.

    Args:
        count: portraits.
        width: of a portrait.
        height: of a portrait.
        columns: portraits in a row.
        margin: around all of them.
        spacing: between two of them.
    """

    count: int
    width: int
    height: int
    columns: int
    margin: int = 0
    spacing: int = 0

    @property
    def rows(self) -> int:
        return math.ceil(self.count / self.columns)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the sheet."""
        return (
            2 * self.margin + self.columns * (self.width + self.spacing) - self.spacing,
            2 * self.margin + self.rows * (self.height + self.spacing) - self.spacing,
        )

    @property
    def places(self) -> list[tuple[int, int]]:
        """Left and top of every portrait."""
        return [
            (
                self.margin + number % self.columns * (self.width + self.spacing),
                self.margin + number // self.columns * (self.height + self.spacing),
            )
            for number in range(self.count)
        ]


@dataclass(frozen=True)
class Tag:
    """Neighbouring portraits of equal labels: the first and the last one's number, and a name for them."""

    name: str
    first: int
    last: int


def plan_layout(shape: tuple[int, int, int], columns: int | None = None, margin: int = 0, spacing: int = 0) -> Layout:
    """The layout for so many portraits of so many pixels (N, H, W), about square unless columns are given.

    Raises:
        InputError: no columns, or a margin or spacing that is negative or as large as a portrait: tools that know the
            margin and the spacing alone would find tiles in it.
    """
    count, height, width = shape
    columns = math.ceil(math.sqrt(count)) if columns is None else columns
    if columns < 1:
        raise InputError(f"a sheet has at least one column, not {columns}")
    for name, pixels in (("margin", margin), ("spacing", spacing)):
        if not 0 <= pixels < min(width, height):
            raise InputError(f"the {name} must be 0 to {min(width, height) - 1} pixels, not {pixels}")
    return Layout(count, width, height, min(columns, count), margin, spacing)


def draw_sheet(images: np.ndarray, layout: Layout) -> np.ndarray:
    """Portraits uint8 [N, H, W, 4] on one transparent picture, uint8 [.., .., 4]."""
    width, height = layout.size
    picture = np.zeros((height, width, 4), np.uint8)
    for image, (left, top) in zip(images, layout.places, strict=True):
        picture[top : top + layout.height, left : left + layout.width] = image
    return picture


def tag_by_labels(labels: Sequence[Mapping[str, str]], attributes: Sequence[str]) -> list[Tag]:
    """A tag for each run of portraits with equal labels of these attributes, called after them: `feminine_mage`.

    Names are distinct, fit for a file or a line of code, and none is `default`, which Godot has for all portraits.
    Portraits without any of these labels have no tag.
    """
    runs, start = [], 0
    for key, run in itertools.groupby(labels, lambda each: [each[name] for name in attributes if name in each]):
        count = len(list(run))
        runs.append((key, start, start + count - 1))
        start += count
    runs = [run for run in runs if run[0]]
    _, *names = distinct(["default", *("_".join(map(safe_part, key)) for key, _, _ in runs)])
    return [Tag(name, first, last) for name, (_, first, last) in zip(names, runs, strict=True)]


def describe_sheet(
    layout: Layout,
    names: Sequence[str],
    tags: Sequence[Tag],
    image: str,
    indexed: bool,
    milliseconds: int,
    as_array: bool = False,
) -> dict[str, object]:
    """The sheet as the JSON of Aseprite's export says it: `frames` by name (its "hash"), or one after another (its
    "array"), and `meta`, whose `frameTags` are the tags.

    Args:
        layout: of the sheet.
        names: of the portraits.
        tags: of neighbouring portraits.
        image: the sheet's file, beside the JSON.
        indexed: the sheet is an indexed PNG.
        milliseconds: how long an animation shows each.
        as_array: as an array.
    """
    box = {"w": layout.width, "h": layout.height}
    frames = {
        f"{name}.png": {
            "frame": {"x": left, "y": top, **box},
            "rotated": False,
            "trimmed": False,
            "spriteSourceSize": {"x": 0, "y": 0, **box},
            "sourceSize": box,
            "duration": milliseconds,
        }
        for name, (left, top) in zip(names, layout.places, strict=True)
    }
    width, height = layout.size
    meta = {
        "app": APP,
        "version": "1.0",
        "image": image,
        "format": "I8" if indexed else "RGBA8888",
        "size": {"w": width, "h": height},
        "scale": "1",
        "frameTags": [
            {"name": tag.name, "from": tag.first, "to": tag.last, "direction": "forward", "color": "#000000ff"}
            for tag in tags
        ],
        "layers": [{"name": "heroes", "opacity": 255, "blendMode": "normal"}],
        "slices": [],
    }
    of_array = [{"filename": name, **frame} for name, frame in frames.items()]
    return {"frames": of_array if as_array else frames, "meta": meta}
