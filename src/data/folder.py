"""Notebook 01: a folder of raw files -> prepared portraits, groups, and a sheet for a person to label them by."""

from __future__ import annotations

import errno
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from src.data.clean import PrepareOptions
from src.data.group_labels import GROUP_LABELS, extend_group_labels
from src.data.groups import Group, Structure, make_groups, structure_of
from src.data.intake import (
    ACCEPTED,
    DEFAULT_OPTIONS,
    DUPLICATE,
    RAW_COLUMNS,
    REJECTED,
    FoundFile,
    RawRow,
    find_files,
    is_image_name,
    pixel_hash,
    prepared_names,
    smooth_art_advice,
    take_in,
)
from src.data.sheets import page_names, write_contact_sheets
from src.data.smooth import SMOOTH, group_near_duplicates, perceptual_hash
from src.errors import InputError, check_range
from src.files import check_finished, left_unfinished, unfinished
from src.images import read_rgba, write_png
from src.progress import track
from src.tables import read_table, write_table

RAW_TABLE = "sprites_raw.csv"
GROUP_TABLE = "sprite_groups.csv"
GROUP_COLUMNS = ("group_id", "size", "silhouette_hash", "representative")
PREPARED = "prepared"
CONTACT_SHEETS = "contact_sheets"

MOST_PIXELS = 1024
"""The largest side of a portrait: 4 MiB each, and a contact sheet of a hundred groups 1.6 GiB."""


@dataclass(frozen=True)
class PrepareReport:
    """What `prepare_folder` did.

    Args:
        counts: status -> number of rows.
        reasons: (status, reason) -> number of rows, for those not taken, and portraits with something changed.
        groups: number of groups.
        warnings: one line each.
        seconds: how long it took.
    """

    counts: dict[str, int]
    reasons: dict[tuple[str, str], int]
    groups: int
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def accepted(self) -> int:
        """Number of portraits."""
        return self.counts.get(ACCEPTED, 0)

    def __str__(self) -> str:
        counts = ", ".join(f"{number:,} {status}" for status, number in sorted(self.counts.items()))
        lines = [f"{counts}; {self.groups:,} groups; {self.seconds:.1f} s"]
        lines += [f"  {number:,} {status}: {reason}" for (status, reason), number in self.reasons.items()]
        return "\n".join(lines)


def prepare_folder(
    images: Path,
    data: Path,
    size: int = 64,
    tiles: int | None = None,
    options: PrepareOptions = DEFAULT_OPTIONS,
) -> PrepareReport:
    """Bring every image below a folder to `size` x `size` RGBA, find duplicates, group recolours.

    Writes `sprites_raw.csv` (a row for every file), `prepared/`, `sprite_groups.csv`, `group_labels.csv` (what a person
    filled in stays) and `contact_sheets/` below the data folder. The same files give the same result; portraits that an
    earlier run wrote and this one does not are removed, other files are left alone. While it runs the folder is marked
    (`src.files.unfinished`), and `build` refuses it.

    Args:
        images: folder of raw files, nested as it may be.
        data: the data folder; made where it is missing.
        size: side of a portrait in pixels.
        tiles: cut every image into tiles of that many pixels a side first; empty ones are dropped.
        options: what to change in the pixels besides their scale.

    Raises:
        InputError: no such folder, a data folder that would be read as images, bad numbers, or no usable image.
    """
    started = time.monotonic()
    images, data = Path(images), Path(data)
    _check_arguments(images, data, size, tiles, options.kind)
    warnings: list[str] = []
    files = find_files(images, leave_out=data, problems=warnings)
    earlier = _written_earlier(data)

    with unfinished(data, "prepare") as note:
        rows, names, structures = _take_in_all(files, data, size, tiles, options, note)
        advice = smooth_art_advice(rows)
        if not names:
            raise InputError("; ".join([_nothing_usable(images, rows), *advice]))
        groups = (group_near_duplicates if options.kind == SMOOTH else make_groups)(structures)
        _note_groups(rows, names, groups)

        sheets = [Path(CONTACT_SHEETS, name) for name in page_names(len(groups))]
        portraits = [read_rgba(data / PREPARED / group.representative) for group in groups]
        captions = [(group.group_id, _count(len(group.members))) for group in groups]
        write_contact_sheets(data / CONTACT_SHEETS, portraits, captions)
        write_table(data / GROUP_TABLE, GROUP_COLUMNS, map(_group_row, groups))
        extend_group_labels(data / GROUP_LABELS, [group.group_id for group in groups])
        # Last: while it is there it names files that are there.
        write_table(data / RAW_TABLE, RAW_COLUMNS, map(asdict, rows))
        _remove_stale(data, earlier - {Path(PREPARED, name) for name in names.values()} - set(sheets))

    reasons = Counter((row.status, row.reason) for row in rows if row.reason)
    return PrepareReport(
        counts=dict(Counter(row.status for row in rows)),
        reasons=dict(reasons.most_common()),
        groups=len(groups),
        warnings=warnings + advice,
        seconds=time.monotonic() - started,
    )


def _check_arguments(images: Path, data: Path, size: int, tiles: int | None, kind: str) -> None:
    if not images.is_dir():
        raise InputError(f"{images} is not a folder; give the folder that holds the images")
    check_finished(images)
    check_range("size", size, 1, MOST_PIXELS)
    if tiles is not None:
        check_range("tiles", tiles, 1, 1 << 16)
    if tiles is not None and kind == SMOOTH:
        raise InputError("tiles are cut from pixel art; leave --tiles out for smooth art")
    if data.exists() and not data.is_dir():
        raise InputError(f"{data} is a file; give a folder for the data")
    check_apart(images, data)


def check_apart(images: Path, data: Path) -> None:
    """Refuse images, a folder or a file, that lie where prepared data is written: they would be replaced or removed.

    Raises:
        InputError: they do.
    """
    inside, outside = images.resolve(), data.resolve()
    written = (outside / PREPARED, outside / CONTACT_SHEETS)
    if inside == outside or any(folder in (inside, *inside.parents) for folder in written):
        raise InputError(f"the images in {images} lie where prepared data is written; give another data folder")


def _take_in_all(
    files: list[FoundFile],
    data: Path,
    size: int,
    tiles: int | None,
    options: PrepareOptions,
    note: Callable[[str], None],
) -> tuple[list[RawRow], dict[str, str], dict[str, Structure | np.ndarray]]:
    """Write every new portrait as it comes: only its structure (or hash) stays in memory, 4 KiB of 64x64 pixels.

    Returns:
        All rows; file name -> prepared name, and prepared name -> its structure, of the portraits.
    """
    all_names = prepared_names(file.filename for file in files if is_image_name(file.filename))
    rows: list[RawRow] = []
    names: dict[str, str] = {}
    structures: dict[str, Structure | np.ndarray] = {}
    first_with_pixels: dict[str, str] = {}
    for row, portrait in take_in(track(files, "preparing"), all_names, size, tiles, options):
        rows.append(row)
        if portrait is None:
            continue
        digest = pixel_hash(portrait)
        original = first_with_pixels.setdefault(digest, row.filename)
        if original != row.filename:
            row.status, row.duplicate_of, row.reason = DUPLICATE, original, "same pixels as another file"
            continue
        name = all_names[row.filename] if tiles is None else row.filename
        note(f"{PREPARED}/{name}")
        try:
            write_png(data / PREPARED / name, portrait)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            row.status, row.reason = REJECTED, "the name of its portrait is too long: rename the file"
            del first_with_pixels[digest]
            continue
        names[row.filename] = name
        structures[name] = (perceptual_hash if options.kind == SMOOTH else structure_of)(portrait)
    return rows, names, structures


def _note_groups(rows: list[RawRow], names: dict[str, str], groups: list[Group]) -> None:
    """Write each portrait's group into its row, and into the rows of its duplicates."""
    group_of = {name: group.group_id for group in groups for name in group.members}
    for row in rows:
        original = row.duplicate_of or row.filename
        if row.status in (ACCEPTED, DUPLICATE):
            row.group_id = group_of[names[original]]


def _count(portraits: int) -> str:
    return f"{portraits} portrait{'' if portraits == 1 else 's'}"


def _group_row(group: Group) -> dict[str, str | int]:
    return {
        "group_id": group.group_id,
        "size": len(group.members),
        "silhouette_hash": group.silhouette_hash,
        "representative": group.representative,
    }


def _nothing_usable(images: Path, rows: list[RawRow]) -> str:
    if not rows:
        return f"no file in {images}; put images there, or paint the default heroes with `python run.py paint`"
    reason, number = Counter(f"{row.status}: {row.reason}" for row in rows).most_common(1)[0]
    return f"no usable image among {len(rows)} files in {images} (most often, {number} times, {reason})"


def _written_earlier(data: Path) -> set[Path]:
    """Portraits and contact sheets of earlier runs, relative to the data folder, by the tables and the mark there."""
    written = set(map(Path, left_unfinished(data)[1]))
    try:
        raw = read_table(data / RAW_TABLE, ("filename", "status"))
        written |= {Path(PREPARED, name) for name in accepted_names(raw).values()}
        written |= {Path(CONTACT_SHEETS, name) for name in page_names(len(read_table(data / GROUP_TABLE)))}
    except InputError:
        pass  # nothing there, or nothing that can be trusted to say what was written
    # Whatever they say, nothing elsewhere is a portrait.
    return {path for path in written if path.parts[:1] in ((PREPARED,), (CONTACT_SHEETS,)) and ".." not in path.parts}


def accepted_names(raw: pd.DataFrame) -> dict[str, str]:
    """File name -> prepared name of the accepted rows of `sprites_raw.csv`."""
    names = prepared_names(filter(is_image_name, raw["filename"]))
    return {filename: names[filename] for filename in raw.loc[raw["status"] == ACCEPTED, "filename"]}


def _remove_stale(data: Path, stale: set[Path]) -> None:
    """Remove files of an earlier run, and the folders below `prepared/` that this leaves empty."""
    for path in sorted(stale):
        (data / path).unlink(missing_ok=True)
        folder = (data / path).parent
        while folder != data / PREPARED and folder.is_relative_to(data / PREPARED) and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
