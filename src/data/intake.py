"""Taking files in: every file below a folder becomes a row that says what became of it, and the good ones portraits."""

from __future__ import annotations

import hashlib
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from src.data.clean import (
    KEY_LEFT,
    PrepareOptions,
    clean,
    forgotten_keys,
    noise_note,
    remove_checkerboard,
    trimmed,
    without_background,
)
from src.data.cutting import Tiles, sheet_of
from src.data.native_grid import PHOTOGRAPH, SMOOTH_ENLARGEMENT, recover_native
from src.data.smooth import SMOOTH, fit_smooth, read_smooth
from src.images import IMAGE_SUFFIXES, BadImage, count_colours, fit, read_picture

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

ONE_FRAME = "one frame of several taken"
SHEET = "looks like a sheet"
CUT_THROUGH = "tile cuts through a drawing"

LIKELY_SIDES = 4
"""A picture that fits a portrait is taken for a sheet only where the sides of its tiles are multiples of this."""

MOST_SHEET_PIXELS = 1 << 20
"""Larger pictures are not looked at for tiles."""


@dataclass
class RawRow:
    """One row of `sprites_raw.csv`: a file, or a frame or tile of one. What is unknown stays empty.

    Args:
        filename: relative to the images folder, with forward slashes; a frame or tile is named after its file.
        status: `accepted`, `duplicate`, `rejected` or `ignored`.
        reason: why it was not taken; of a portrait what was changed in it without being asked for, and what is odd
            about it, joined by `; `.
        width: pixels in the file.
        height: pixels in the file.
        scale: the enlargement that was undone, two decimals where it is not whole: `width` is about
            `scale * native_width`.
        native_width: true pixels of the art.
        native_height: true pixels of the art.
        colours: distinct visible colours.
        duplicate_of: the file with the same pixels that was taken instead.
        group_id: the group of the portrait, or of what it is a duplicate of.
        enlarged: how often a portrait was enlarged to fit. This and the next are not in the table.
        sides: height and width of the art before that.
        tight: what is drawn touches all four sides of it.
        frame_of: the file that this is a frame of.
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
    enlarged: int = 1
    sides: tuple[int, int] = (0, 0)
    tight: bool = False
    frame_of: str = ""


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
    tiles: Tiles | None,
    options: PrepareOptions = DEFAULT_OPTIONS,
    sheets: dict[str, np.ndarray] | None = None,
) -> Iterator[tuple[RawRow, np.ndarray | None]]:
    """Decode, clean and fit files one by one; no file, however bad, stops the run.

    Args:
        files: what `find_files` gave.
        names: `prepared_names` of those that are images; frames and tiles are named after them.
        size: side of a portrait in pixels.
        tiles: how to cut every image; None to take images whole.
        options: what to change in the pixels.
        sheets: gets the first sheet that the tiles cut badly, by its file name.

    Yields:
        A row and, where it is accepted so far (duplicates are not known here), its portrait, uint8 `[size, size, 4]`.
        A file that is taken apart is itself `ignored`; a row for every part that shows something follows its own.
    """
    taken = sorted({name.casefold() for name in (*names, *names.values())})
    for file in files:
        refusal = _refusal(file)
        if refusal is not None:
            yield refusal, None
            continue
        if options.kind == SMOOTH:
            yield _smooth(file, size, options)
            continue
        try:
            picture = read_picture(file.path, all_frames=options.frames == "all")
        except BadImage as error:
            yield RawRow(file.filename, REJECTED, str(error)), None
            continue
        notes = []
        if picture.count > 1 and options.frames == "first":
            notes.append(f"{ONE_FRAME}: {picture.first + 1} of {picture.count}")
        whole = [(file.filename, picture.frames[0])]
        if len(picture.frames) > 1:
            stem = _free_stem(names[file.filename], "f", taken)
            shown = [(number, frame) for number, frame in enumerate(picture.frames) if frame[..., 3].any()]
            whole = [(f"{stem}_f{number:02d}.png", frame) for number, frame in shown]
            height, width = picture.frames[0].shape[:2]
            empty = len(picture.frames) - len(shown)
            reason = f"taken apart into frames: {len(picture.frames)}, of them empty {empty}"
            yield RawRow(file.filename, IGNORED, reason, width, height), None
        for filename, rgba in whole:
            if tiles is None:
                parts = [_fitted(filename, rgba, size, options, picture.lossy, notes, hint=True)]
            else:
                stem = _free_stem(names.get(filename, filename), "r", taken)
                parts = _cut(filename, stem, rgba, size, tiles, options, picture.lossy, notes, sheets)
            for row, portrait in parts:
                row.frame_of = file.filename if len(picture.frames) > 1 else ""
                yield row, portrait


def _free_stem(prepared_name: str, letter: str, taken: list[str]) -> str:
    """What the parts of a file are named after: no other file is called so, and `_`, the letter and a number.

    Args:
        prepared_name: of the file.
        letter: of frames or rows.
        taken: the names that there are, casefolded and sorted.
    """
    stem = prepared_name.removesuffix(".png")
    while True:
        prefix = f"{stem}_{letter}".casefold()
        place = bisect_left(taken, f"{prefix}0")
        if place == len(taken) or not taken[place].startswith(tuple(f"{prefix}{digit}" for digit in range(10))):
            return stem
        stem += "_"


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


def _fitted(
    filename: str, rgba: np.ndarray, size: int, options: PrepareOptions, lossy: bool, notes: list[str], hint: bool
) -> tuple[RawRow, np.ndarray | None]:
    """The row of a picture and its portrait, see `take_in`; `hint`: say where it looks like a sheet."""
    row = RawRow(filename, REJECTED, width=rgba.shape[1], height=rgba.shape[0])
    notes = list(notes)
    try:
        if not options.keep_background:
            rgba, checkers = remove_checkerboard(rgba)
            notes += checkers
        art = recover_native(rgba, size, drawn=options.remove_noise)
        row.scale, (row.native_height, row.native_width) = art.scale, art.pixels.shape[:2]
        pixels, changes = clean(art, size, options)
        if max(pixels.shape[:2]) > size and pixels[..., 3].any():
            row.reason = "; ".join([_too_large(pixels, size), *(_sheet_hint(pixels, art.scale) if hint else ())])
            return row, None
        portrait = fit(pixels, size, options.most_enlarged)
    except BadImage as error:
        row.reason = str(error)
        return row, None
    row.status, row.colours, row.sides = ACCEPTED, count_colours(portrait), pixels.shape[:2]
    row.enlarged = min(size // max(row.sides), options.most_enlarged or size)
    row.tight = trimmed(pixels).shape == pixels.shape
    notes += changes
    if hint and row.sides == art.pixels.shape[:2]:
        notes += _sheet_hint(pixels, art.scale, LIKELY_SIDES)
    if not (art.noisy or options.remove_noise):
        notes += noise_note(pixels, row.colours, lossy)
    row.reason = "; ".join(notes)
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
    smooth = sum(row.reason.startswith((PHOTOGRAPH, SMOOTH_ENLARGEMENT)) for row in images)
    if 2 * smooth <= len(images):
        return []
    return [f"{smooth:,} of {len(images):,} pictures are photographs or smooth art; prepare such a set with --smooth"]


def _too_large(rgba: np.ndarray, size: int) -> str:
    sides, inner = (f"{one.shape[1]}x{one.shape[0]}" for one in (rgba, trimmed(rgba)))
    without = f", {inner} without the empty border" if inner != sides else ""
    return f"larger than {size}x{size}: {sides} true pixels{without}"


def _sheet_hint(rgba: np.ndarray, scale: float, multiple: int = 1) -> list[str]:
    """A note where a picture looks like a sheet, with the tiles that it seems to have in the file's own pixels."""
    visible = rgba[..., 3] > 0
    tiles = sheet_of(visible) if visible.size <= MOST_SHEET_PIXELS and scale == int(scale) else None
    if tiles is not None and (tiles.width % multiple or tiles.height % multiple):
        tiles = None
    return [] if tiles is None else [f"{SHEET}: {tiles.enlarged(int(scale))}"]


def _cut(
    filename: str,
    stem: str,
    rgba: np.ndarray,
    size: int,
    tiles: Tiles,
    options: PrepareOptions,
    lossy: bool,
    notes: list[str],
    sheets: dict[str, np.ndarray] | None,
) -> Iterator[tuple[RawRow, np.ndarray | None]]:
    """The row of a sheet, then the rows and portraits of its tiles, `STEM_r00_c00.png` by row and column."""
    height, width = rgba.shape[:2]
    rows, columns = tiles.starts(height, width)
    if len(rows) * len(columns) == 0:
        reason = f"smaller than one tile of {tiles.width}x{tiles.height}"
        yield RawRow(filename, REJECTED, reason, width, height), None
        return
    left_in: list[str] = []
    if not options.keep_background:
        rgba, changes = remove_checkerboard(rgba)
        rgba, more, _ = without_background(rgba, options.remove_key)
        left_in = [note for note in more if note.startswith(KEY_LEFT)]
        notes = [*notes, *changes, *(note for note in more if note not in left_in)]
    through = tiles.cut_through(rgba)
    shown = []
    for row, column, tile in tiles.cut(rgba):
        if tile[..., 3].any():
            odd = [*notes, CUT_THROUGH] if through[row, column] else [*notes]
            if left_in and tile[..., 3].all():  # of the others it is seen that they have holes
                odd += forgotten_keys(tile)
            name = f"{stem}_r{row:02d}_c{column:02d}.png"
            shown.append(_fitted(name, tile, size, options, lossy, odd, hint=False))
    number = through.size
    reason = f"cut into tiles: {number}, of them empty {number - len(shown)}"
    beyond = tiles.left_over(height, width)
    if beyond != (0, 0):
        reason += f"; left over: {beyond[0]} columns and {beyond[1]} rows of pixels"
    if through.any() and sheets is not None and not sheets:
        sheets[filename] = rgba
    yield RawRow(filename, IGNORED, reason, width, height), None
    yield from shown


def pixel_hash(rgba: np.ndarray) -> str:
    """The same for two portraits exactly when all their pixels are. uint8 `[H, W, 4]` -> 64 hex digits."""
    return hashlib.sha256(np.ascontiguousarray(rgba)).hexdigest()
