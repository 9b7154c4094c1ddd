"""A packed sheet as Kenney publishes them: tiles of one size side by side, unlabelled."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from src.data.clean import PrepareOptions
from src.data.folder import MOST_PIXELS, RAW_TABLE, PrepareReport, check_apart, prepare_folder
from src.data.intake import DEFAULT_OPTIONS
from src.data.origin import SOURCE_LABELS, Origin, write_origin
from src.errors import InputError, check_range
from src.files import scratch_folder, unfinished
from src.images import BadImage, read_rgba, write_png
from src.tables import read_table

ORIGIN = Origin(
    name="Kenney 1-Bit Pack",
    where="kenney.nl, asset 1-Bit Pack, file colored-transparent_packed.png",
    licence="CC0 1.0",
    authors="Kenney",
)
MOST_TILES = 100_000

URL = (
    "https://raw.githubusercontent.com/kynantokoro/PixelGameBase/9b54501bb2960e0de5cfb31c09af3ff862ddd916/"
    "assets/colored-transparent_packed.png"
)
"""A copy in a game's repository: Kenney's own page has no lasting address of the file."""

KENNEY_SHA256 = "ef4c419d479e14d042b3d25c096df4cf60f0e3f1fb0532f4ceae67b81d2b1929"
"""Of `colored-transparent_packed.png`, 49 x 22 tiles of 16 x 16 pixels."""


def prepare_packed_sheet(
    sheet: Path,
    data: Path,
    tile: int = 16,
    spacing: int = 0,
    size: int = 64,
    options: PrepareOptions = DEFAULT_OPTIONS,
) -> PrepareReport:
    """Cut a packed sheet into tiles and prepare them; tiles are named `NAME_r03_c07.png` by row and column.

    Empty tiles are dropped. Writes what `prepare_folder` writes and, where the file is the one known by its checksum,
    `source.json`. For another sheet write that note yourself: only you know its licence.

    Args:
        sheet: the image.
        data: the data folder to write.
        tile: side of a tile in pixels.
        spacing: empty pixels between neighbouring tiles.
        size: side of a portrait in pixels.
        options: as for `prepare_folder`.

    Raises:
        InputError: no such file (the message says where to get it), not an image, or not a whole number of tiles.
    """
    sheet, data = Path(sheet), Path(data)
    if not sheet.is_file():
        raise InputError(ORIGIN.how_to_get(f"{sheet} does not exist"))
    check_apart(sheet, data)
    check_range("tile", tile, 1, MOST_PIXELS)
    check_range("spacing", spacing, 0, MOST_PIXELS)
    try:
        packed = without_spacing(read_rgba(sheet), tile, spacing)
    except BadImage as error:
        raise InputError(f"{sheet}: {error}") from None
    except InputError as error:
        raise InputError(f"{sheet} {error}") from None

    with unfinished(data, "source kenney"), scratch_folder(data, ".packed_sheet") as unpacked:
        write_png(unpacked / f"{sheet.stem}.png", packed)
        report = prepare_folder(unpacked, data, size, tile, options)
        (data / SOURCE_LABELS).unlink(missing_ok=True)  # of another collection
        if hashlib.sha256(sheet.read_bytes()).hexdigest() == KENNEY_SHA256:
            write_origin(data, ORIGIN, read_table(data / RAW_TABLE, ("filename",))["filename"])
    return report


def without_spacing(sheet: np.ndarray, tile: int, spacing: int) -> np.ndarray:
    """Push the tiles of a sheet together.

    Args:
        sheet: uint8 `[H, W, 4]`.
        tile: side of a tile in pixels.
        spacing: pixels between neighbouring tiles, none around the sheet.

    Returns:
        uint8 `[rows * tile, columns * tile, 4]`.

    Raises:
        InputError: the sides do not fit a whole number of tiles, which tells of a wrong tile or spacing, or too many.
    """
    height, width = sheet.shape[:2]
    step = tile + spacing
    rows, columns = (height + spacing) // step, (width + spacing) // step
    if min(rows, columns) < 1 or (height + spacing) % step or (width + spacing) % step:
        raise InputError(
            f"is {width}x{height} pixels, not a whole number of {tile}x{tile} tiles with {spacing} between them; "
            "check --tile and --spacing"
        )
    check_range("the number of tiles", rows * columns, 1, MOST_TILES)
    inside = [np.arange(count * step).reshape(count, step)[:, :tile].ravel() for count in (rows, columns)]
    return sheet[np.ix_(*inside)]
