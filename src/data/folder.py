"""Notebook 01: a folder of raw files -> prepared portraits, groups, and a sheet for a person to label them by."""

from __future__ import annotations

import errno
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from src.data.clean import PrepareOptions
from src.data.contact_sheets import page_names, write_contact_sheets
from src.data.cutting import Tiles, draw_cut_tiles
from src.data.file_names import SILHOUETTE, guess_heroes, heroes_by_name, joined
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
from src.data.notes import CUT_TILES, ENLARGED, SAME_PIXELS, advice_for, reasons_of, warnings_of, with_examples
from src.data.smooth import SMOOTH, group_near_duplicates, perceptual_hash
from src.errors import InputError, check_range
from src.files import check_finished, left_unfinished, unfinished
from src.images import pixel_numbers, read_rgba, write_png
from src.progress import track
from src.tables import read_json, read_table, write_json, write_table

LABELS = "labels.csv"
RAW_TABLE = "sprites_raw.csv"
GROUP_TABLE = "sprite_groups.csv"
GROUP_COLUMNS = ("group_id", "size", "silhouette_hash", "representative")
PREPARED = "prepared"
CONTACT_SHEETS = "contact_sheets"
PREPARATION = "prepare_config.json"
"""Where the images lay, relative to the data folder, and the options."""
# Pictures were cut to their content if at least this share touches all four sides, in several sizes.
TIGHT_SHARE = 0.75
LEAST_SIZES = 3

MOST_PIXELS = 1024
"""The largest side of a portrait: 4 MiB each, and a contact sheet of a hundred groups 1.6 GiB."""


@dataclass(frozen=True)
class PrepareReport:
    """What `prepare_folder` did.

    Args:
        counts: status -> number of rows.
        reasons: (status, reason) -> the files, for those not taken, and portraits with something changed; what differs
            from file to file is left out of the reason, and stands with the file.
        groups: number of groups.
        warnings: one line each.
        seconds: how long it took.
    """

    counts: dict[str, int]
    reasons: dict[tuple[str, str], list[str]]
    groups: int
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def told(self) -> list[tuple[tuple[str, str], list[str]]]:
        """The reasons that are no warnings."""
        return [item for item in self.reasons.items() if advice_for(item[0][1]) is None]

    def __str__(self) -> str:
        counts = ", ".join(f"{number:,} {status}" for status, number in sorted(self.counts.items()))
        lines = [f"{counts}; {self.groups:,} groups; {self.seconds:.1f} s"]
        lines += [f"  {len(files):,} {status}: {with_examples(reason, files)}" for (status, reason), files in self.told]
        return "\n".join(lines)


def prepare_folder(
    images: Path,
    data: Path,
    size: int = 64,
    tiles: Tiles | int | None = None,
    options: PrepareOptions = DEFAULT_OPTIONS,
    group_by: str | None = None,
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
        tiles: cut every image into such tiles, or into squares of so many pixels a side, first; empty ones are dropped.
        options: what to change in the pixels besides their scale.
        group_by: what joins portraits to one group besides their silhouette: `folder`, or a pattern of file names such
            as `{hero}_*`; `silhouette`: nothing; None: names, where they and the colours tell frames of one hero.
            Frames of one file are one group always.

    Raises:
        InputError: no such folder, a data folder that would be read as images, bad numbers or pattern, or no usable
            image.
    """
    started = time.monotonic()
    images, data = Path(images), Path(data)
    if isinstance(tiles, int):
        tiles = Tiles(tiles, tiles)
    if tiles is not None and options.kind == SMOOTH:
        raise InputError("tiles are cut from pixel art; leave --tiles out for smooth art")
    _check_arguments(images, data, size)
    warnings: list[str] = []
    files = find_files(images, leave_out=data, problems=warnings)
    earlier = _written_earlier(data)

    with unfinished(data, "prepare") as note:
        sheet: dict[str, np.ndarray] = {}
        rows, names, structures = _take_in_all(files, data, size, tiles, options, sheet, note)
        advice = smooth_art_advice(rows)
        if not names:
            raise InputError("; ".join([_nothing_usable(images, rows), *advice]))
        common = _one_scale(rows) if options.enlarge is None else None
        if common is not None:
            earlier |= {Path(PREPARED, name) for name in names.values()}
            scaled = replace(options, enlarge=common)
            rows, names, structures = _take_in_all(files, data, size, tiles, scaled, sheet, note)
            warnings.append(
                f"the pictures were cut to their content, so all are enlarged x{common}, as far as the largest fits; "
                "--enlarge each enlarges each as far as it fits"
            )
        elif options.enlarge is None:
            _note_scales(rows)
        together, hint = _together(data, rows, names, group_by)
        warnings += hint
        groups = (group_near_duplicates if options.kind == SMOOTH else make_groups)(structures, together)
        _note_groups(rows, names, groups)
        _write_cut_tiles(data, tiles, sheet)

        sheets = [Path(CONTACT_SHEETS, name) for name in page_names(len(groups))]
        portraits = [read_rgba(data / PREPARED / group.representative) for group in groups]
        captions = [(group.group_id, _count(len(group.members))) for group in groups]
        write_contact_sheets(data / CONTACT_SHEETS, portraits, captions)
        write_table(data / GROUP_TABLE, GROUP_COLUMNS, map(_group_row, groups))
        extend_group_labels(data / GROUP_LABELS, [group.group_id for group in groups])
        write_json(data / PREPARATION, _preparation(images, data, size, tiles, options, group_by))
        # Last: while it is there it names files that are there.
        write_table(data / RAW_TABLE, RAW_COLUMNS, map(vars, rows))
        _remove_stale(data, earlier - {Path(PREPARED, name) for name in names.values()} - set(sheets))

    reasons = reasons_of(rows)
    warnings += warnings_of(reasons)
    return PrepareReport(
        counts=dict(Counter(row.status for row in rows)),
        reasons=reasons,
        groups=len(groups),
        warnings=warnings + advice,
        seconds=time.monotonic() - started,
    )


def _write_cut_tiles(data: Path, tiles: Tiles | None, sheet: Mapping[str, np.ndarray]) -> None:
    """Draw the sheet that the tiles cut badly; where there is none, no picture of an earlier run stays."""
    for rgba in sheet.values():
        write_png(data / CUT_TILES, draw_cut_tiles(rgba, tiles, tiles.cut_through(rgba)))
    if not sheet:
        (data / CUT_TILES).unlink(missing_ok=True)


def _preparation(
    images: Path, data: Path, size: int, tiles: Tiles | None, options: PrepareOptions, group_by: str | None
) -> dict[str, object]:
    """The content of `prepare_config.json`."""
    try:
        where = Path(os.path.relpath(images, data)).as_posix()
    except ValueError:
        where = None  # another drive of Windows
    cut = None if tiles is None else asdict(tiles)
    return {"images": where, "size": size, "tiles": cut, "group_by": group_by} | asdict(options)


def labels_beside(data: Path) -> Path | None:
    """The `labels.csv` in the folder of the images that a data folder was prepared from, if there is one."""
    try:
        table = Path(data, read_json(Path(data) / PREPARATION, dict[str, Any], "")["images"], LABELS)
        return table if table.is_file() else None
    except (InputError, OSError, KeyError, TypeError):
        return None


def _one_scale(rows: Sequence[RawRow]) -> int | None:
    """The enlargement for all portraits where the pictures were cut to their content, else None.

    Such pictures have many sizes, which say nothing of how large a hero is drawn: each enlarged as far as it fits, a
    child would come out as tall as a giant, in larger pixels.
    """
    portraits = [row for row in rows if row.status in (ACCEPTED, DUPLICATE)]
    factors, sizes = {row.enlarged for row in portraits}, {row.sides for row in portraits}
    tight = sum(row.tight for row in portraits)
    many = len(sizes) >= max(LEAST_SIZES, 0.6 * min(len(portraits), 8))
    return min(factors) if len(factors) > 1 and many and tight >= TIGHT_SHARE * len(portraits) else None


def _note_scales(rows: Sequence[RawRow]) -> None:
    """Note in their rows which portraits are enlarged by another factor than most."""
    portraits = [row for row in rows if row.status == ACCEPTED]
    ((usual, _),) = Counter(row.enlarged for row in portraits).most_common(1)
    for row in portraits:
        if row.enlarged != usual:
            note = f"{ENLARGED}: x{row.enlarged} instead of x{usual}"
            row.reason = "; ".join(filter(None, [row.reason, note]))


def _together(
    data: Path, rows: Sequence[RawRow], names: dict[str, str], group_by: str | None
) -> tuple[list[list[str]], list[str]]:
    """Prepared names that belong to one group by what is known of their files; lines to say of it."""
    frames = {names[row.filename]: row.frame_of for row in rows if row.status == ACCEPTED and row.frame_of}
    together, lines = joined(frames), []
    filenames = sorted(names)
    if group_by is None:

        def colours_of(filename: str) -> np.ndarray:
            rgba = read_rgba(data / PREPARED / names[filename])
            return np.unique(pixel_numbers(rgba)[rgba[..., 3] > 0])

        heroes, words = guess_heroes(filenames, colours_of)
        if heroes:
            lines.append(
                f"files are taken for one hero, and go into one group, by the {words}: {_pair(heroes)}; "
                "--group-by silhouette goes by the pixels alone"
            )
        elif words:
            lines.append(
                f"file names may tell which files show one hero (by the {words}); --group-by folder, or a pattern "
                "such as '{hero}_*', keeps them in one group"
            )
    else:
        heroes = {} if group_by == SILHOUETTE else heroes_by_name(filenames, group_by)
    return together + joined({names[filename]: hero for filename, hero in heroes.items()}), lines


def _pair(heroes: dict[str, str]) -> str:
    """Two files of one hero, as an example."""
    return " and ".join(max(joined(heroes), key=len)[:2])


def _check_arguments(images: Path, data: Path, size: int) -> None:
    if not images.is_dir():
        raise InputError(f"{images} is not a folder; give the folder that holds the images")
    check_finished(images)
    check_range("size", size, 1, MOST_PIXELS)
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
    tiles: Tiles | None,
    options: PrepareOptions,
    sheet: dict[str, np.ndarray],
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
    for row, portrait in take_in(track(files, "preparing"), all_names, size, tiles, options, sheet):
        rows.append(row)
        if portrait is None:
            continue
        digest = pixel_hash(portrait)
        original = first_with_pixels.setdefault(digest, row.filename)
        if original != row.filename:
            row.status, row.duplicate_of = DUPLICATE, original
            row.reason = "; ".join(filter(None, [SAME_PIXELS, row.reason]))
            continue
        name = all_names.get(row.filename, row.filename)  # a frame or tile has its own
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
    (status, reason), files = next(iter(reasons_of(rows).items()))
    example = next(row for row in rows if row.status == status and row.reason.startswith(reason))
    advice = advice_for(reason)
    return (
        f"no usable image among {len(rows)} files in {images} (most often, {len(files)} times, {status}: "
        f"{example.reason}, e.g. {example.filename})" + (f"; {advice}" if advice else "")
    )


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
