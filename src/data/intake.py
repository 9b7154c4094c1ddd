"""Taking files in: every file below a folder becomes a row that says what became of it, and the good ones portraits."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from src.data.clean import PrepareOptions, clean
from src.data.native_grid import PHOTOGRAPH, SMOOTH_ENLARGEMENT, recover_native
from src.data.smooth import SMOOTH, fit_smooth, read_smooth
from src.images import IMAGE_SUFFIXES, BadImage, count_colours, fit, read_rgba

ACCEPTED, DUPLICATE, REJECTED, IGNORED = "accepted", "duplicate", "rejected", "ignored"

RAW_COLUMNS = (
    "filename",
    "status",
    "reason",
    "width",
    "height",
    "scale",
    "native_width",
    "native_height",
    "colours",
    "duplicate_of",
    "group_id",
)


DEFAULT_OPTIONS = PrepareOptions()


@dataclass
class RawRow:
    """One row of `sprites_raw.csv`: a file, or a tile cut from one. What is unknown stays empty.

    Args:
        filename: relative to the images folder, with forward slashes; a tile is named after its sheet.
        status: `accepted`, `duplicate`, `rejected` or `ignored`.
        reason: why it was not taken; of a portrait, what was changed in it without being asked for.
        width: pixels in the file.
        height: pixels in the file.
        scale: the enlargement that was undone, two decimals where it is not whole: `width` is about
            `scale * native_width`.
        native_width: true pixels of the art.
        native_height: true pixels of the art.
        colours: distinct visible colours.
        duplicate_of: the file with the same pixels that was taken instead.
        group_id: the group of the portrait, or of what it is a duplicate of.
    """

    filename: str
    status: str
    reason: str = ""
    width: int | str = ""
    height: int | str = ""
    scale: int | float | str = ""
    native_width: int | str = ""
    native_height: int | str = ""
    colours: int | str = ""
    duplicate_of: str = ""
    group_id: str = ""


@dataclass(frozen=True)
class FoundFile:
    """A file below the images folder: its path, and its name relative to the folder with forward slashes."""

    path: Path
    filename: str


def find_files(folder: Path, leave_out: Path, problems: list[str]) -> list[FoundFile]:
    """Every file below a folder, by name in a fixed order.

    Links to folders are followed, once each: a loop ends where it would come back to.

    Args:
        folder: where to look.
        leave_out: a folder not to enter (the data folder may lie inside the images').
        problems: gets a line for each folder that cannot be listed.
    """
    left_out = os.path.realpath(leave_out)
    root = os.path.realpath(folder)
    entered: set[str] = set()
    found = []

    def report(error: OSError) -> None:
        problems.append(f"folder {error.filename} could not be listed: {error.strerror}")

    for parent, folders, files in os.walk(folder, followlinks=True, onerror=report):
        folders.sort()
        for name in list(folders):
            path = os.path.join(parent, name)
            real = os.path.realpath(path)
            # A link into the images folder leads to files that are found under their own names anyway.
            inner_link = os.path.islink(path) and Path(real).is_relative_to(root)
            if real == left_out or real in entered or inner_link:
                folders.remove(name)
            else:
                entered.add(real)
        for name in files:
            path = Path(parent, name)
            found.append(FoundFile(path, path.relative_to(folder).as_posix()))
    return sorted(found, key=lambda file: file.filename)


def is_image_name(filename: str) -> bool:
    """Whether a file name has an ending taken for an image's."""
    return filename.lower().endswith(IMAGE_SUFFIXES)


def prepared_names(filenames: Iterable[str]) -> dict[str, str]:
    """The name of each image below `prepared/`: its own, ending in `.png`, and no two the same.

    Files that end in `.png` already keep their names; of `a.png` and `a.jpg` the second becomes `a.jpg.png`. Names that
    differ only in case count as the same, as they do on Windows and macOS. The result depends on the names alone, so
    that `build` finds again what `prepare` wrote.

    Args:
        filenames: names of images, relative, with forward slashes.

    Returns:
        file name -> prepared name.
    """
    filenames = list(filenames)
    names: dict[str, str] = {}
    # A folder may be called `a.png`, too.
    taken = {str(folder).casefold() for filename in filenames for folder in PurePosixPath(filename).parents}
    for filename in sorted(filenames, key=lambda name: (not name.lower().endswith(".png"), name)):
        candidate = str(PurePosixPath(filename).with_suffix(".png"))
        while candidate.casefold() in taken:
            # First the whole name, `a.jpg.png`; should that be taken as well, one `.png` more.
            candidate = f"{filename}.png" if not candidate.startswith(filename) else f"{candidate}.png"
        taken.add(candidate.casefold())
        names[filename] = candidate
    return names


def take_in(
    files: Iterable[FoundFile],
    names: Mapping[str, str],
    size: int,
    tiles: int | None,
    options: PrepareOptions = DEFAULT_OPTIONS,
) -> Iterator[tuple[RawRow, np.ndarray | None]]:
    """Decode, clean and fit files one by one; no file, however bad, stops the run.

    Args:
        files: what `find_files` gave.
        names: `prepared_names` of those that are images; tiles are named after them.
        size: side of a portrait in pixels.
        tiles: side of the tiles to cut every image into; None to take images whole.
        options: what to change in the pixels.

    Yields:
        A row and, where it is accepted so far (duplicates are not known here), its portrait, uint8 `[size, size, 4]`.
        A sheet cut into tiles is itself `ignored`; a row for every tile that shows something follows its own.
    """
    for file in files:
        refusal = _refusal(file)
        if refusal is not None:
            yield refusal, None
            continue
        if options.kind == SMOOTH:
            yield _smooth(file, size, options)
            continue
        try:
            rgba = read_rgba(file.path)
        except BadImage as error:
            yield RawRow(file.filename, REJECTED, str(error)), None
            continue
        if tiles is None:
            yield _fitted(file.filename, rgba, size, options)
        else:
            yield from _cut(file.filename, names[file.filename], rgba, size, tiles, options)


def _refusal(file: FoundFile) -> RawRow | None:
    """The row of a file that is not even opened, or None."""
    try:
        file.filename.encode("utf-8")
    except UnicodeEncodeError:
        # A table in UTF-8 cannot hold such a name as it is.
        shown = file.filename.encode("utf-8", "backslashreplace").decode()
        return RawRow(shown, REJECTED, "file name is not valid text: rename the file")
    if any(part.startswith(".") for part in file.filename.split("/")):
        return RawRow(file.filename, IGNORED, "hidden")
    if not is_image_name(file.filename):
        return RawRow(file.filename, IGNORED, "not an image by its name")
    if not file.path.exists():
        return RawRow(file.filename, REJECTED, "broken link")
    if not file.path.is_file():
        return RawRow(file.filename, REJECTED, "not a regular file")  # opening a pipe would wait for ever
    return None


def _fitted(filename: str, rgba: np.ndarray, size: int, options: PrepareOptions) -> tuple[RawRow, np.ndarray | None]:
    row = RawRow(filename, REJECTED, width=rgba.shape[1], height=rgba.shape[0])
    try:
        art = recover_native(rgba, size)
        row.scale, (row.native_height, row.native_width) = art.scale, art.pixels.shape[:2]
        pixels, notes = clean(art, size, options)
        portrait = fit(pixels, size)
    except BadImage as error:
        row.reason = str(error)
        return row, None
    row.status, row.reason, row.colours = ACCEPTED, "; ".join(notes), count_colours(portrait)
    return row, portrait


def _smooth(file: FoundFile, size: int, options: PrepareOptions) -> tuple[RawRow, np.ndarray | None]:
    """The row and portrait of a file of smooth art."""
    row = RawRow(file.filename, REJECTED)
    try:
        picture = read_smooth(file.path)
        row.height, row.width = picture.shape[:2]
        portrait = fit_smooth(picture, size, options.fit, options.resample)
    except BadImage as error:
        row.reason = str(error)
        return row, None
    row.status, row.colours = ACCEPTED, count_colours(portrait)
    return row, portrait


def smooth_art_advice(rows: Iterable[RawRow]) -> list[str]:
    """A line of advice where most pictures were refused because they are smooth art; else none."""
    images = [row for row in rows if row.status in (ACCEPTED, DUPLICATE, REJECTED)]
    smooth = sum(row.reason in (PHOTOGRAPH, SMOOTH_ENLARGEMENT) for row in images)
    if 2 * smooth <= len(images):
        return []
    return [f"{smooth:,} of {len(images):,} pictures are photographs or smooth art; prepare such a set with --smooth"]


def _cut(
    filename: str, prepared_name: str, rgba: np.ndarray, size: int, side: int, options: PrepareOptions
) -> Iterator[tuple[RawRow, np.ndarray | None]]:
    """The row of a sheet, then the rows and portraits of its tiles, `NAME_r00_c00.png` by row and column."""
    height, width = rgba.shape[:2]
    rows, columns = height // side, width // side
    if rows * columns == 0:
        yield RawRow(filename, REJECTED, f"smaller than one tile of {side}x{side}", width, height), None
        return
    shown = []
    for row in range(rows):
        for column in range(columns):
            cut = rgba[row * side : (row + 1) * side, column * side : (column + 1) * side]
            if cut[..., 3].any():
                name = f"{prepared_name.removesuffix('.png')}_r{row:02d}_c{column:02d}.png"
                shown.append(_fitted(name, cut, size, options))
    reason = f"cut into {rows * columns} tiles, {rows * columns - len(shown)} of them empty"
    if (height % side, width % side) != (0, 0):
        reason += f"; {width % side} columns and {height % side} rows of pixels left over"
    yield RawRow(filename, IGNORED, reason, width, height), None
    yield from shown


def pixel_hash(rgba: np.ndarray) -> str:
    """The same for two portraits exactly when all their pixels are. uint8 `[H, W, 4]` -> 64 hex digits."""
    return hashlib.sha256(np.ascontiguousarray(rgba)).hexdigest()
