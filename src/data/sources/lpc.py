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

from src.data.folder import PrepareReport, prepare_folder
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

_CACHED_LAYERS = 2000
"""Frames kept decoded: 16 KiB each at 64x64."""


@dataclass(frozen=True)
class Recipe:
    """Which layers make which hero.

    Args:
        frame: row and column of the frame to cut from every layer, counted from 0.
        frame_size: side of a frame in pixels.
        colours: placeholder -> its values; a layer's path may hold `{cloth}`, and a hero's recolours differ in these.
        kinds: kinds of heroes: `labels` (attribute -> class) and `layers`, back to front; each layer is a list of
            alternative paths below the collection's folder, `""` for none.
    """

    frame: tuple[int, int]
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
            row, column = (int(number) for number in content["frame"])
            recipe = cls((row, column), int(content["frame_size"]), content.get("colours", {}), content["kinds"])
            attributes = tuple(recipe.kinds[0]["labels"])
            for kind in recipe.kinds:
                paths = [path for alternatives in kind["layers"] for path in alternatives]
                unknown = {name for path in paths for name in placeholders(path)} - set(recipe.colours)
                if unknown:
                    raise InputError(f"the recipe names no values for {{{min(unknown)}}}; add it to its colours")
                if tuple(kind["labels"]) != attributes or not all(kind["layers"]):
                    raise InputError("every kind of the recipe needs the same labels, and no empty layer")
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"the recipe lacks a part or has one of another shape ({error!r}); see lpc_recipe.py"
            ) from None
        return recipe


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
) -> PrepareReport:
    """Compose heroes from layers by a recipe and prepare them; a hero with all its recolours is one group.

    Writes what `prepare_folder` writes, `source_labels.csv` (`filename`, the recipe's attributes, `hero`) and
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

    Raises:
        InputError: no such folder (the message says where to get it), a bad recipe or layer, or no hero at all.
    """
    folder, data = Path(folder), Path(data)
    if not folder.is_dir():
        raise InputError(ORIGIN.how_to_get(f"{folder} does not exist"))
    if min(heroes, recolours) < 1:
        raise InputError(f"heroes and recolours must be at least 1, not {heroes} and {recolours}")
    chosen = read_recipe(recipe)

    (data / SOURCE_LABELS).unlink(missing_ok=True)  # until the groups are those of the heroes
    composed = data / COMPOSED
    for stale in composed.glob("kind*.png"):
        stale.unlink()
    warnings: list[str] = []
    rows = []
    read_frame = lru_cache(_CACHED_LAYERS)(lambda path: _read_frame(folder / path, chosen.frame, chosen.frame_size))
    for number, kind in enumerate(track(chosen.kinds, "composing heroes")):
        layers = _layers_there_are(folder, kind["layers"], chosen.colours)
        lacking = [names for names, left in zip(kind["layers"], layers, strict=True) if not left]
        if lacking:
            kind_name = " ".join(kind["labels"].values())
            warnings.append(f"no {kind_name}: none of {', '.join(lacking[0])} is below the folder of layers")
            continue
        generator = np.random.default_rng([seed, number])
        for hero, paths in enumerate(_choices(layers, heroes, generator)):
            for recolour, coloured in enumerate(_colourings(folder, paths, chosen.colours, recolours, generator)):
                name = f"kind{number:02d}_{hero:03d}_{recolour:02d}.png"
                write_png(composed / name, stack([read_frame(path) for path in coloured]))
                rows.append({"filename": name, **kind["labels"], "hero": f"{number:02d}_{hero:03d}"})
    if not rows:
        raise InputError(ORIGIN.how_to_get(f"{folder} holds the layers of no kind of hero in the recipe"))

    report = prepare_folder(composed, data, size)
    groups = regroup(data, {row["filename"]: f"hero_{row['hero']}" for row in rows})
    write_table(data / SOURCE_LABELS, ("filename", *chosen.kinds[0]["labels"], "hero"), rows)
    write_origin(data, ORIGIN, (row["filename"] for row in rows))
    return replace(report, groups=groups, warnings=[*report.warnings, *warnings])


def stack(layers: Sequence[np.ndarray]) -> np.ndarray:
    """Lay frames over each other, back to front, without mixing colours.

    Args:
        layers: uint8 `[size, size, 4]` each, binary alpha, at least one.

    Returns:
        uint8 `[size, size, 4]`.
    """
    result = layers[0].copy()
    for layer in layers[1:]:
        result = np.where(layer[..., 3:] > 0, layer, result)
    return result


def _read_frame(path: Path, frame: tuple[int, int], side: int) -> np.ndarray:
    try:
        sheet = read_rgba(path)
    except BadImage as error:
        raise InputError(f"layer {path}: {error}; mend the file or take it out of the recipe") from None
    top, left = frame[0] * side, frame[1] * side
    cut = sheet[top : top + side, left : left + side]
    if cut.shape[:2] != (side, side):
        raise InputError(f"layer {path} has no frame at row {frame[0]}, column {frame[1]} of {side}x{side} pixels")
    return cut


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
