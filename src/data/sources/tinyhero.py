"""TinyHero: folders 0 to 3 of one hero each seen from four sides. The label is the view, the group is the hero."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from src.data.clean import PrepareOptions
from src.data.folder import PrepareReport, prepare_folder
from src.data.intake import DEFAULT_OPTIONS, find_files, is_image_name
from src.data.origin import SOURCE_LABELS, Origin, write_origin
from src.data.sources.known_groups import regroup
from src.errors import InputError
from src.files import unfinished
from src.tables import write_table

VIEWS = {"0": "back", "1": "left", "2": "front", "3": "right"}
"""Folder -> class of the attribute `view`."""

URL = "https://github.com/AgaMiko/pixel_character_generator/archive/75d48ea6a2a37659f913f143958a401a7c3d077d.zip"
"""The commit that still has the sprites as files."""

CONTENTS_SHA256 = "2cceae58356faa0645c75119738dcaa9a69031608e0e54cb170fd576066d0b75"
"""Of the 3,648 sprites, see `contents_sha256`; GitHub may pack the same files into an archive of other bytes."""

ORIGIN = Origin(
    name="TinyHero",
    where="github.com/AgaMiko/pixel_character_generator, folder data",
    licence="GPL 3.0 or CC-BY-SA 3.0",
    authors="AgaMiko; the artists of the Universal LPC Spritesheet (github.com/makrohn/Universal-LPC-spritesheet)",
)


def prepare_tinyhero(
    folder: Path, data: Path, size: int = 64, options: PrepareOptions = DEFAULT_OPTIONS
) -> PrepareReport:
    """Prepare TinyHero: `FOLDER/2/17.png` is hero 17 from the front, and hero 17's four views are one group.

    Writes what `prepare_folder` writes, `source_labels.csv` (`filename, view, hero`) and `source.json`.

    Args:
        folder: the folder that holds the folders 0, 1, 2 and 3, or the project's repository.
        data: the data folder to write.
        size: side of a portrait in pixels.
        options: as for `prepare_folder`.

    Raises:
        InputError: a folder is missing or holds no images; the message says where to get the files.
    """
    folder, data = Path(folder), Path(data)
    if not (folder / "0").is_dir() and (folder / "data").is_dir():
        folder = folder / "data"  # the project's whole repository was given
    missing = [name for name in VIEWS if not (folder / name).is_dir()]
    if missing:
        raise InputError(ORIGIN.how_to_get(f"{folder} has no folder {missing[0]} (0 back, 1 left, 2 front, 3 right)"))
    labels = _read_layout(folder, data)
    if not labels:
        raise InputError(ORIGIN.how_to_get(f"the folders 0 to 3 of {folder} hold no images"))

    with unfinished(data, "source tinyhero"):
        report = prepare_folder(folder, data, size, options=options)
        fronts = {row["filename"] for row in labels if row["view"] == "front"}
        groups = regroup(data, {row["filename"]: f"hero_{row['hero']}" for row in labels}, fronts)
        write_table(data / SOURCE_LABELS, ("filename", "view", "hero"), labels)
        write_origin(data, ORIGIN, (file.filename for file in find_files(folder, leave_out=data, problems=[])))
    return replace(report, groups=groups)


def _read_layout(folder: Path, data: Path) -> list[dict[str, str]]:
    """File name, view and hero of every image in the four folders; a number has leading zeros, so that ids sort."""
    found = [file.filename for file in find_files(folder, leave_out=data, problems=[]) if is_image_name(file.filename)]
    rows, known = [], {}
    for filename in found:
        view, _, name = filename.partition("/")
        if view in VIEWS and name and "/" not in name and not re.search("[\ud800-\udfff]", name):  # else rejected
            hero = Path(name).stem.strip()
            hero = hero.zfill(4) if hero.isdigit() else hero
            if (view, hero) in known:
                raise InputError(f"{known[view, hero]!r} and {filename!r} are the same view of hero {hero}; remove one")
            known[view, hero] = filename
            rows.append({"filename": filename, "view": VIEWS[view], "hero": hero})
    return rows
