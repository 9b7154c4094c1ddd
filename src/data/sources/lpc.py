"""An LPC layer collection: sheets of one body part or garment each, cropped to one frame and stacked into heroes.

A recipe says which layers make which hero. It is data: `lpc_recipe.DEFAULT_RECIPE`, or a JSON file of the same shape.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PureWindowsPath
from string import Formatter
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from src.data.clean import PrepareOptions
from src.data.folder import MOST_PIXELS, PrepareReport, check_apart, prepare_folder
from src.data.intake import DEFAULT_OPTIONS
from src.data.origin import SOURCE_LABELS, Origin, write_origin
from src.data.sources.known_groups import regroup
from src.data.sources.lpc_recipe import DEFAULT_RECIPE
from src.data.vocabulary import RESERVED_COLUMNS
from src.errors import MOST_SEED, InputError, check_range
from src.files import scratch_folder, unfinished
from src.images import BadImage, read_rgba, write_png
from src.progress import track
from src.tables import read_json, write_table

ORIGIN = Origin(
    name="Universal LPC Spritesheet",
    where="github.com/makrohn/Universal-LPC-spritesheet",
    licence="GPL 3.0 or CC-BY-SA 3.0",
    authors="the Liberated Pixel Cup artists named in the collection's AUTHORS.txt",
    changes="layers cropped to one frame and stacked",
)

VIEW = "view"
"""The attribute that the names of a recipe's views are classes of."""

MOST_HEROES, MOST_COLOURINGS = 10_000, 100_000
"""Of a kind, and the ways to colour one that are looked through for files."""

_CACHED_PIXELS = 1 << 23
"""Of frames kept decoded, 32 MiB: 2,000 of 64x64."""

_RESERVED = (*RESERVED_COLUMNS, "hero", VIEW)


def placeholders(path: str) -> list[str]:
    """The names in braces in a layer's path.

    Raises:
        ValueError: braces that hold anything but a name.
    """
    fields = [field for _, *field in Formatter().parse(path) if field[0] is not None]
    if any(not name or not name.isidentifier() or spec or conversion for name, spec, conversion in fields):
        raise ValueError(f"{path!r} has braces with something else than a name in them")
    return [name for name, *_ in fields]


def _below_the_folder(path: str) -> str:
    if "\0" in path or PureWindowsPath(path).anchor or ".." in PureWindowsPath(path).parts:
        raise ValueError(f"{path!r} is no path below the collection's folder")
    return path


_Path = Annotated[str, AfterValidator(_below_the_folder)]


Frame = tuple[NonNegativeInt, NonNegativeInt]
"""Row and column in a sheet of frames, counted from 0."""


class Framed(BaseModel):
    """Which frames to cut from every layer.

    Args:
        views: name of the view, a label -> its frame, or several, of which each makes a portrait.
        frame: or one frame alone, and no label of the view.
    """

    model_config = ConfigDict(extra="forbid")

    views: dict[Annotated[str, Field(pattern=r"^\w+$")], Frame | Annotated[list[Frame], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    frame: Frame | None = None

    @model_validator(mode="after")
    def _check_frames(self) -> Framed:
        if self.views and self.frame:
            raise ValueError("has views and a frame; leave one out")
        return self

    @property
    def frames(self) -> list[tuple[str, int, Frame]]:
        """View, "" where it has no name; number within the view; frame."""
        views = {"": self.frame} if self.frame else self.views
        listed = {name: frames if isinstance(frames, list) else [frames] for name, frames in views.items()}
        return [(name, number, frame) for name, frames in listed.items() for number, frame in enumerate(frames)]


class Kind(Framed):
    """A kind of heroes; without frames of its own it has the recipe's.

    Args:
        labels: attribute -> class.
        layers: back to front; each is a list of alternative paths below the collection's folder, `""` for none.
    """

    labels: dict[str, str]
    layers: Annotated[list[Annotated[list[_Path], Field(min_length=1)]], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Kind:
        for name in self.labels:
            if name in _RESERVED:
                raise ValueError(f"{name!r} cannot name an attribute")
        if not any(path for alternatives in self.layers for path in alternatives):
            raise ValueError("no layer has a path")
        return self


class Recipe(Framed):
    """Which layers and frames make which hero.

    Args:
        frame_size: side of a frame in pixels.
        colours: placeholder -> its values; a layer's path may hold `{cloth}`, and a hero's recolours differ in these.
        kinds: of heroes, all with labels of the same attributes.
    """

    frame_size: Annotated[int, Field(ge=1, le=MOST_PIXELS)]
    colours: dict[str, Annotated[list[_Path], Field(min_length=1)]] = Field(default_factory=dict)
    kinds: Annotated[list[Kind], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if not self.frames:
            raise ValueError("needs views or a frame")
        for kind in self.kinds:
            if kind.frames and {view for view, *_ in kind.frames} != {view for view, *_ in self.frames}:
                raise ValueError("every kind needs the same views")
            if list(kind.labels) != list(self.kinds[0].labels):
                raise ValueError("every kind needs the same labels in the same order")
            names = {name for alternatives in kind.layers for path in alternatives for name in placeholders(path)}
            if unknown := names - set(self.colours):
                raise ValueError(f"no values for {{{min(unknown)}}}; add it to the colours")
            ways = math.prod(len(self.colours[name]) for name in names)
            if ways > MOST_COLOURINGS:
                raise ValueError(f"{ways:,} ways to colour a hero, of which {MOST_COLOURINGS:,} can be looked through")
        return self


def read_recipe(path: Path | None) -> Recipe:
    """The recipe in a JSON file; the default one for None.

    Raises:
        InputError: no such file, not JSON, or not a recipe.
    """
    if path is None:
        return Recipe.model_validate(DEFAULT_RECIPE)
    return read_json(path, Recipe, "leave --recipe out for the default one, or correct it: see lpc_recipe.py")


def prepare_lpc(
    folder: Path,
    data: Path,
    recipe: Path | None = None,
    heroes: int = 24,
    recolours: int = 18,
    seed: int = 0,
    size: int = 64,
    views: str | None = None,
    options: PrepareOptions = DEFAULT_OPTIONS,
) -> PrepareReport:
    """Compose heroes from layers by a recipe and prepare them; a hero in all its views and recolours is one group.

    Writes what `prepare_folder` writes, `source_labels.csv` (`filename`, the recipe's attributes, `view`, `hero`) and
    `source.json`. The same layers, recipe and seed give the same heroes. A kind of hero for which a layer has none of
    its files is left out, with a warning.

    Args:
        folder: the collection's folder; the recipe's paths are relative to it.
        data: the data folder to write.
        recipe: a JSON file; None for the default one.
        heroes: the most heroes a kind.
        recolours: the most colourings a hero.
        seed: of the choices among alternatives and colours.
        size: side of a portrait in pixels.
        views: names of the recipe's views joined by commas; None for all.
        options: as for `prepare_folder`.

    Raises:
        InputError: no such folder (the message says where to get it), a bad recipe or layer, no such view, or no hero
            at all.
    """
    folder, data = Path(folder), Path(data)
    if not folder.is_dir():
        raise InputError(ORIGIN.how_to_get(f"{folder} does not exist"))
    check_apart(folder, data)
    check_range("heroes", heroes, 1, MOST_HEROES)
    check_range("recolours", recolours, 1, MOST_HEROES)
    check_range("the seed", seed, 0, MOST_SEED)
    chosen = read_recipe(recipe)
    known = list(dict.fromkeys(view for view, *_ in chosen.frames))
    shown = known if views is None else [name.strip() for name in views.split(",")]
    if not set(shown) <= set(known):
        raise InputError(f"the recipe has no views {views!r}; choose from: {', '.join(known)}")

    with unfinished(data, "source lpc"), scratch_folder(data, ".lpc_heroes") as composed:
        rows, warnings = _compose(folder, composed, chosen, shown, heroes, recolours, seed)
        report = prepare_folder(composed, data, size, options=options)
        groups = regroup(data, {row["filename"]: f"hero_{row['hero']}" for row in rows})
        write_table(data / SOURCE_LABELS, list(rows[0]), rows)
        write_origin(data, ORIGIN, (row["filename"] for row in rows))
    return replace(report, groups=groups, warnings=[*report.warnings, *warnings])


def _compose(
    folder: Path, composed: Path, recipe: Recipe, views: Sequence[str], heroes: int, recolours: int, seed: int
) -> tuple[list[dict[str, str]], list[str]]:
    """Write the heroes of a recipe into the folder `composed`; their labels, and warnings.

    Raises:
        InputError: a bad layer, or no hero at all.
    """
    warnings: list[str] = []
    rows = []
    cached = max(_CACHED_PIXELS // (recipe.frame_size**2 * len(recipe.frames)), 1)
    read_frames = lru_cache(cached)(lambda path, frames: _read_frames(folder / path, frames, recipe.frame_size))
    # Thousands of ways to colour a hero are made of few files.
    is_there = lru_cache(None)(lambda path: (folder / path).is_file())
    for number, kind in enumerate(track(recipe.kinds, "composing heroes")):
        # Of each layer the alternatives of which a file exists, in some colour.
        layers = [
            [path for path in alternatives if not path or _exists(is_there, path, recipe.colours)]
            for alternatives in kind.layers
        ]
        lacking = [names for names, left in zip(kind.layers, layers, strict=True) if not left]
        if lacking or not any(map(any, layers)):
            lacking = lacking or kind.layers
            kind_name = " ".join(kind.labels.values())
            warnings.append(f"no {kind_name}: none of {', '.join(lacking[0])} is below the folder of layers")
            continue
        generator = np.random.default_rng([seed, number])
        shown = [place for place in kind.frames or recipe.frames if place[0] in views]
        frames = tuple(frame for *_, frame in shown)
        for hero, paths in enumerate(_choices(layers, heroes, generator)):
            for recolour, coloured in enumerate(_colourings(is_there, paths, recipe.colours, recolours, generator)):
                pictures = stack([read_frames(path, frames) for path in coloured])
                for (view, index, _), picture in zip(shown, pictures, strict=True):
                    parts = [view, f"{index:02d}" if index else ""]
                    name = "_".join([f"kind{number:02d}_{hero:03d}_{recolour:02d}", *filter(None, parts)]) + ".png"
                    write_png(composed / name, picture)
                    labels = {**kind.labels, **({VIEW: view} if view else {})}
                    rows.append({"filename": name, **labels, "hero": f"{number:02d}_{hero:03d}"})
    if not rows:
        raise InputError(ORIGIN.how_to_get(f"{folder} holds the layers of no kind of hero in the recipe"))

    return rows, warnings


def stack(layers: Sequence[np.ndarray]) -> np.ndarray:
    """Lay layers over each other, back to front, without mixing colours.

    Args:
        layers: uint8 `[..., 4]` each, all of one shape, binary alpha, at least one.

    Returns:
        uint8 `[..., 4]`.
    """
    result = layers[0].copy()
    for layer in layers[1:]:
        result = np.where(layer[..., 3:] > 0, layer, result)
    return result


def _read_frames(path: Path, frames: Sequence[Frame], side: int) -> np.ndarray:
    """uint8 `[frames, side, side, 4]` of a layer's sheet."""
    try:
        sheet = read_rgba(path)
    except BadImage as error:
        raise InputError(f"layer {path}: {error}; mend the file or take it out of the recipe") from None
    rows, columns = sheet.shape[0] // side, sheet.shape[1] // side
    for row, column in frames:
        if row >= rows or column >= columns:
            raise InputError(f"layer {path} has no frame at row {row}, column {column} of {side}x{side} pixels")
    cut = sheet[: rows * side, : columns * side].reshape(rows, side, columns, side, 4).swapaxes(1, 2)
    return cut[tuple(np.transpose(frames))]


def _exists(is_there: Callable[[str], bool], path: str, colours: Mapping[str, Sequence[str]]) -> bool:
    names = list(dict.fromkeys(placeholders(path)))
    ways = itertools.product(*(colours[name] for name in names))
    return any(is_there(path.format_map(dict(zip(names, way, strict=True)))) for way in ways)


def _choices(layers: Sequence[Sequence[str]], most: int, generator: np.random.Generator) -> list[list[str]]:
    """Different ways to take one alternative of each layer, `most` of them or all there are."""
    sizes = [len(alternatives) for alternatives in layers]
    ways = math.prod(sizes)
    if ways < 1 << 62:
        drawn = generator.choice(ways, min(most, ways), replace=False)
        picks = np.stack(np.unravel_index(np.sort(drawn), sizes), axis=1)
    else:  # more than numpy can number: no two are the same anyway
        picks = generator.integers(sizes, size=(most, len(sizes)))
    chosen = [
        [path for alternatives, index in zip(layers, pick, strict=True) if (path := alternatives[index])]
        for pick in picks
    ]
    return [paths for paths in chosen if paths]  # none of every layer is no hero


def _colourings(
    is_there: Callable[[str], bool],
    paths: Sequence[str],
    colours: Mapping[str, Sequence[str]],
    most: int,
    generator: np.random.Generator,
) -> list[list[str]]:
    """Different colourings of one hero's layers, all files there; few where not every colour of a layer exists."""
    names = list(dict.fromkeys(name for path in paths for name in placeholders(path)))
    ways = math.prod(len(colours[name]) for name in names)
    found = []
    for way in generator.permutation(ways):
        indices = np.unravel_index(way, [len(colours[name]) for name in names]) if names else ()
        values = {name: colours[name][index] for name, index in zip(names, indices, strict=True)}
        coloured = [path.format_map(values) for path in paths]
        if all(map(is_there, coloured)):
            found.append(coloured)
        if len(found) == most:
            break
    return found
