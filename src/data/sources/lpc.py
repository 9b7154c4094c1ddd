"""An LPC layer collection: sheets of one body part or garment each, cropped to one frame and stacked into heroes.

A recipe says which layers make which hero. It is data: `lpc_recipe.DEFAULT_RECIPE`, or a JSON file of the same shape.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np

from src.data.clean import PrepareOptions
from src.data.folder import PrepareReport, prepare_folder
from src.data.intake import DEFAULT_OPTIONS
from src.data.origin import SOURCE_LABELS, Origin, write_origin
from src.data.sources.known_groups import regroup
from src.data.sources.lpc_recipe import DEFAULT_RECIPE
from src.errors import InputError
from src.images import BadImage, read_rgba, write_png
from src.progress import track
from src.tables import write_table

COMPOSED = "lpc_heroes"
"""Folder in the data folder for the composed heroes."""

ORIGIN = Origin(
    name="Universal LPC Spritesheet",
    where="github.com/makrohn/Universal-LPC-spritesheet",
    licence="GPL 3.0 or CC-BY-SA 3.0",
    authors="the Liberated Pixel Cup artists named in the collection's AUTHORS.txt",
    changes="layers cropped to one frame and stacked",
)

VIEW = "view"
"""The attribute that the names of a recipe's views are classes of."""

_CACHED_LAYERS = 1000
"""Layers whose frames are kept decoded: 16 KiB a frame at 64x64."""

Frame = tuple[int, int]
"""Row and column in a sheet of frames, counted from 0."""


@dataclass(frozen=True)
class Recipe:
    """Which layers make which hero.

    Args:
        views: view -> the frames to cut from every layer; each is a portrait. The name is "" where the recipe has a
            `frame` in place of `views`: then there is no label of the view.
        frame_size: side of a frame in pixels.
        colours: placeholder -> its values; a layer's path may hold `{cloth}`, and a hero's recolours differ in these.
        kinds: kinds of heroes: `labels` (attribute -> class) and `layers`, back to front; each layer is a list of
            alternative paths below the collection's folder, `""` for none. A kind may have its own `views` or `frame`.
    """

    views: Mapping[str, Sequence[Frame]]
    frame_size: int
    colours: Mapping[str, Sequence[str]]
    kinds: Sequence[Mapping[str, Any]]

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Recipe:
        """The recipe that a JSON object holds.

        Raises:
            InputError: a part is missing or of another shape.
        """
        try:
            recipe = cls(_views(content), int(content["frame_size"]), content.get("colours", {}), content["kinds"])
            _refuse_unknown(content, ("frame", "views", "frame_size", "colours", "kinds"))
            attributes = tuple(recipe.kinds[0]["labels"])
            for kind in recipe.kinds:
                paths = [path for alternatives in kind["layers"] for path in alternatives]
                unknown = {name for path in paths for name in placeholders(path)} - set(recipe.colours)
                if unknown:
                    raise InputError(f"the recipe names no values for {{{min(unknown)}}}; add it to its colours")
                if tuple(kind["labels"]) != attributes or not all(kind["layers"]):
                    raise InputError("every kind of the recipe needs the same labels, and no empty layer")
                _refuse_unknown(kind, ("frame", "views", "labels", "layers"))
                if ("" in recipe.views_of(kind)) != ("" in recipe.views):
                    raise InputError("a kind of the recipe has a frame and another views; give all of them views")
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"the recipe lacks a part or has one of another shape ({error!r}); see lpc_recipe.py"
            ) from None
        return recipe

    def views_of(self, kind: Mapping[str, Any]) -> Mapping[str, Sequence[Frame]]:
        """The views of a kind of heroes: its own, or else those of all."""
        return _views(kind) if "views" in kind or "frame" in kind else self.views


def _views(content: Mapping[str, Any]) -> dict[str, list[Frame]]:
    """`views` of a recipe or kind, name -> one frame or several; or else its `frame`, under the name ""."""
    views = content["views"] if "views" in content else {"": content["frame"]}
    found = {}
    for name, frames in views.items():
        if name and not str(name).isidentifier():
            raise InputError(f"{name!r} cannot name a view in the recipe; use letters, digits and _")
        several = frames if isinstance(frames[0], Sequence) else [frames]
        found[str(name)] = [(int(row), int(column)) for row, column in several]
    if not found or min(number for frames in found.values() for frame in frames for number in frame) < 0:
        raise ValueError("views")
    return found


def _refuse_unknown(content: Mapping[str, Any], known: Sequence[str]) -> None:
    unknown = sorted(set(content) - set(known))
    if unknown:
        raise InputError(f"the recipe has an unknown part {unknown[0]!r}; there are {', '.join(known)}")


def placeholders(path: str) -> list[str]:
    """The names in braces in a layer's path."""
    return [name for _, name, _, _ in Formatter().parse(path) if name]


def read_recipe(path: Path | None) -> Recipe:
    """The recipe in a JSON file; the default one for None.

    Raises:
        InputError: no such file, not JSON, or not a recipe.
    """
    if path is None:
        return Recipe.from_mapping(DEFAULT_RECIPE)
    try:
        return Recipe.from_mapping(json.loads(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; leave --recipe out for the default one") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not JSON ({error})") from None


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
    if min(heroes, recolours) < 1:
        raise InputError(f"heroes and recolours must be at least 1, not {heroes} and {recolours}")
    chosen = read_recipe(recipe)
    shown = tuple(chosen.views) if views is None else tuple(name.strip() for name in views.split(","))
    if not set(shown) <= set(chosen.views):
        raise InputError(f"the recipe has no views {views!r}; choose from: {', '.join(chosen.views)}")

    (data / SOURCE_LABELS).unlink(missing_ok=True)  # until the groups are those of the heroes
    composed = data / COMPOSED
    for stale in composed.glob("kind*.png"):
        stale.unlink()
    warnings: list[str] = []
    rows = []
    read_frames = lru_cache(_CACHED_LAYERS)(lambda path, frames: _read_frames(folder / path, frames, chosen.frame_size))
    for number, kind in enumerate(track(chosen.kinds, "composing heroes")):
        layers = _layers_there_are(folder, kind["layers"], chosen.colours)
        lacking = [names for names, left in zip(kind["layers"], layers, strict=True) if not left]
        if lacking:
            kind_name = " ".join(kind["labels"].values())
            warnings.append(f"no {kind_name}: none of {', '.join(lacking[0])} is below the folder of layers")
            continue
        generator = np.random.default_rng([seed, number])
        views_of_kind = chosen.views_of(kind)
        places = [(view, index) for view in shown for index in range(len(views_of_kind[view]))]
        frames = tuple(views_of_kind[view][index] for view, index in places)
        for hero, paths in enumerate(_choices(layers, heroes, generator)):
            for recolour, coloured in enumerate(_colourings(folder, paths, chosen.colours, recolours, generator)):
                pictures = stack([read_frames(path, frames) for path in coloured])
                for (view, index), picture in zip(places, pictures, strict=True):
                    parts = [f"kind{number:02d}_{hero:03d}_{recolour:02d}", *([view] if view else [])]
                    name = "_".join([*parts, *([f"{index:02d}"] if index else [])]) + ".png"
                    write_png(composed / name, picture)
                    labels = {**kind["labels"], **({VIEW: view} if view else {})}
                    rows.append({"filename": name, **labels, "hero": f"{number:02d}_{hero:03d}"})
    if not rows:
        raise InputError(ORIGIN.how_to_get(f"{folder} holds the layers of no kind of hero in the recipe"))

    report = prepare_folder(composed, data, size, options=options)
    groups = regroup(data, {row["filename"]: f"hero_{row['hero']}" for row in rows})
    write_table(data / SOURCE_LABELS, list(rows[0]), rows)
    write_origin(data, ORIGIN, (row["filename"] for row in rows))
    return replace(report, groups=groups, warnings=[*report.warnings, *warnings])


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


def _layers_there_are(
    folder: Path, layers: Sequence[Sequence[str]], colours: Mapping[str, Sequence[str]]
) -> list[list[str]]:
    """Each layer's alternatives of which a file exists, in some colour."""
    return [[path for path in alternatives if not path or _exists(folder, path, colours)] for alternatives in layers]


def _exists(folder: Path, path: str, colours: Mapping[str, Sequence[str]]) -> bool:
    names = list(dict.fromkeys(placeholders(path)))
    ways = itertools.product(*(colours[name] for name in names))
    return any((folder / path.format_map(dict(zip(names, way, strict=True)))).is_file() for way in ways)


def _choices(layers: Sequence[Sequence[str]], most: int, generator: np.random.Generator) -> list[list[str]]:
    """Different ways to take one alternative of each layer, `most` of them or all there are."""
    sizes = [len(alternatives) for alternatives in layers]
    ways = math.prod(sizes)
    drawn = generator.choice(ways, min(most, ways), replace=False)
    picks = np.stack(np.unravel_index(np.sort(drawn), sizes), axis=1)
    return [
        [path for alternatives, index in zip(layers, pick, strict=True) if (path := alternatives[index])]
        for pick in picks
    ]


def _colourings(
    folder: Path, paths: Sequence[str], colours: Mapping[str, Sequence[str]], most: int, generator: np.random.Generator
) -> list[list[str]]:
    """Different colourings of one hero's layers, all files there; few where not every colour of a layer exists."""
    names = list(dict.fromkeys(name for path in paths for name in placeholders(path)))
    ways = math.prod(len(colours[name]) for name in names)
    found = []
    for way in generator.permutation(ways):
        indices = np.unravel_index(way, [len(colours[name]) for name in names]) if names else ()
        values = {name: colours[name][index] for name, index in zip(names, indices, strict=True)}
        coloured = [path.format_map(values) for path in paths]
        if all((folder / path).is_file() for path in coloured):
            found.append(coloured)
        if len(found) == most:
            break
    return found
