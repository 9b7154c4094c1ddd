"""Portraits to files: all formats in one folder, under one name. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from src.errors import InputError
from src.export.animation import enlarged, write_apng, write_gif
from src.export.godot import sprite_frames
from src.export.indexed import MOST_VISIBLE, visible_colours, write_picture
from src.export.portraits import Portraits
from src.export.sheet import APP, Layout, Tag, describe_sheet, draw_sheet, plan_layout, tag_by_labels
from src.export.tiled import tileset
from src.files import write_text
from src.manifest import MANIFEST, read_entries
from src.palettes.files import MOST_COLOURS, write_palette
from src.palettes.snap import choose_palette, colour_table, snap
from src.progress import track
from src.tables import write_json

NAME = "heroes"
"""Of every file but the portraits themselves."""

SHEETS = ("json-hash", "json-array", "godot", "tiled", "preview")
"""Formats that go with the sheet, which is written for any of them."""

PALETTES = ("gpl", "hex", "pal")
ANIMATIONS = ("gif", "apng")
FORMATS = ("png", *SHEETS, *PALETTES, *ANIMATIONS)

DESCRIPTIONS = {
    "json-hash": f"{NAME}.json",
    "json-array": f"{NAME}_array.json",
    "godot": f"{NAME}.tres",
    "tiled": f"{NAME}.tsx",
}
"""Formats that say where each portrait lies on the sheet -> their file."""

SIGNS = {
    "json-hash": f'"app": "{APP}"',
    "json-array": f'"app": "{APP}"',
    "godot": '"SpriteFrames"',
    "tiled": "<tileset",
}
"""What is in each of these files, and hardly in another of its name."""

LONGEST_SIDE = 16384
"""Pixels of a sheet's side: what graphics cards hold, and more than Godot imports."""


def export(
    portraits: Portraits,
    out: Path,
    formats: Sequence[str] = ("png", "json-hash"),
    palette_snap: str = "",
    tags: Sequence[str] | None = None,
    columns: int | None = None,
    margin: int = 0,
    spacing: int = 0,
    scale: int = 4,
    milliseconds: int = 200,
) -> list[str]:
    """Write portraits for other tools, those of equal labels next to each other.

    - `png`: each as a PNG in `portraits`, indexed; all with one palette where 255 colours are enough for all. With them
      `manifest.json`, so that the folder can be exported again, or seen in a gallery; portraits that lie there already
      stay in it.
    - `json-hash`, `json-array`: the sheet, and Aseprite's JSON for it. A new sheet replaces an earlier one and all that
      describes that.
    - `godot`, `tiled`: the sheet, and a `SpriteFrames` or a tileset for it.
    - `preview`: the sheet, and enlarged by a whole number.
    - `gpl`, `hex`, `pal`: their palette.
    - `gif`, `apng`: one after another as they come, enlarged.

    Args:
        portraits: from `read_portraits` or of samples.
        out: folder for the files.
        formats: some of `FORMATS`.
        palette_snap: a number of colours, worked out from the portraits, or a palette file: they are snapped to it.
            Empty: as they are.
        tags: attributes by which they are put in order and tagged; None: all.
        columns, margin, spacing: of the sheet, see `plan_layout`.
        scale: enlargement of previews and animations, at least 1.
        milliseconds: that each is shown in animations.

    Returns:
        What was written, and what is not indexed: a line each.

    Raises:
        InputError: an unknown format or attribute, a number out of range, a bad palette, a palette asked for of
            portraits with more than 256 colours. Nothing is written then.
    """
    check(formats, scale, milliseconds)
    if not formats:
        raise InputError(f"no format is named; choose some of: {', '.join(FORMATS)}")
    for name in tags or ():
        if name not in portraits.attributes:
            raise InputError(f"no portrait has {name!r}; attributes: {', '.join(portraits.attributes) or 'none'}")
    portraits, palette = _in_palette(portraits, palette_snap)
    in_time = portraits.images
    portraits = portraits.sorted_by(portraits.attributes if tags is None else tags)
    palettes = [kind for kind in PALETTES if kind in formats]
    if palettes and len(palette) > MOST_COLOURS:
        raise InputError(
            f"the portraits have {len(palette)} colours and a palette file at most {MOST_COLOURS}; "
            f"reduce them with --palette-snap {MOST_VISIBLE}, or leave {', '.join(palettes)} out"
        )
    layout, on_sheet = plan_layout(portraits.images.shape[:3], columns, margin, spacing), bool({*SHEETS} & {*formats})
    if on_sheet and max(layout.size) * (scale if "preview" in formats else 1) > LONGEST_SIDE:
        raise InputError(
            f"the sheet would be {layout.size[0]}x{layout.size[1]} pixels and a preview {scale} times as large; the "
            f"most is {LONGEST_SIDE} a side: export fewer portraits"
        )

    out, lines = Path(out), []
    described = descriptions_in(out) if on_sheet else []
    if "png" in formats:
        lines += _write_portraits(out / "portraits", portraits, palette)
    if on_sheet:
        of_labels = tag_by_labels(portraits.labels, portraits.attributes if tags is None else tags)
        lines += _write_sheet(out, formats, portraits, palette, layout, of_labels, described, scale, milliseconds)
    for kind in palettes:
        write_palette(out / f"{NAME}.{kind}", palette)
        lines.append(f"{out / NAME}.{kind}: {len(palette)} colours")
    animations = [kind for kind in ANIMATIONS if kind in formats]
    frames = [enlarged(image, scale) for image in in_time] if animations else []
    return lines + write_animations(out, animations, frames, milliseconds)


def descriptions_in(out: Path) -> list[str]:
    """The formats of a folder's files that describe an earlier sheet.

    Raises:
        InputError: a file has the name of one and is something else.
    """
    found = [kind for kind, file in DESCRIPTIONS.items() if (out / file).is_file()]
    for kind in found:
        path = out / DESCRIPTIONS[kind]
        if SIGNS[kind].encode() not in path.read_bytes():
            raise InputError(f"{path} is not of an earlier export, and would be lost; choose another --out")
    return found


def write_animations(
    out: Path, formats: Sequence[str], frames: Sequence[np.ndarray], milliseconds: int = 200
) -> list[str]:
    """Write `heroes.gif`, `heroes.apng` or both of frames uint8 [H, W, 4]; returns a line each.

    Raises:
        InputError: another format; frames that are shown too shortly or for too long.
    """
    check(formats, 1, milliseconds)
    if not set(formats) <= set(ANIMATIONS):
        raise InputError(f"frames become {' or '.join(ANIMATIONS)}, not {', '.join(formats)}")
    for kind in formats:
        (write_gif if kind == "gif" else write_apng)(Path(out) / f"{NAME}.{kind}", frames, milliseconds)
    return [f"{Path(out) / NAME}.{kind}: {len(frames)} frames" for kind in formats]


def check(formats: Sequence[str], scale: int, milliseconds: int) -> None:
    """Raises:
    InputError: an unknown format, or a number out of range.
    """
    for name in formats:
        if name not in FORMATS:
            raise InputError(f"unknown format {name!r}; choose some of: {', '.join(FORMATS)}")
    if not 1 <= scale <= 32:
        raise InputError(f"--scale must be 1 to 32, not {scale}")
    # Browsers show a frame of less than 20 milliseconds for 100.
    if not 20 <= milliseconds <= 60_000:
        raise InputError(f"a frame is shown for 20 to 60000 milliseconds, not {milliseconds}")


def _in_palette(portraits: Portraits, palette_snap: str) -> tuple[Portraits, np.ndarray]:
    """The portraits, snapped if that is asked for, and their colours."""
    if not portraits.images[..., 3].any():
        raise InputError("every pixel of the portraits is transparent; there is nothing to export")
    if not palette_snap:
        return portraits, visible_colours(portraits.images)
    palette = choose_palette(palette_snap, colour_table(portraits.images))
    entries = tuple({**entry, "snapped_to": Path(palette_snap).name} for entry in portraits.entries)
    portraits = replace(portraits, images=snap(portraits.images, palette), entries=entries)
    # A file's colours keep their numbers in every export, so that a game can exchange palettes.
    return portraits, palette if len(palette) <= MOST_VISIBLE else visible_colours(portraits.images)


def _write_portraits(folder: Path, portraits: Portraits, palette: np.ndarray) -> list[str]:
    """Each as a PNG, with the palette of all where that is small enough, else with its own."""
    shared = palette if len(palette) <= MOST_VISIBLE else None
    earlier, too_many = read_entries(folder), 0
    named = zip(portraits.names, portraits.images, strict=True)
    for name, image in track(named, "writing", len(portraits.images), delay=2.0):
        too_many += not write_picture(folder / f"{name}.png", image, shared)
    written = {f"{name}.png": dict(entry) for name, entry in zip(portraits.names, portraits.entries, strict=True)}
    others = {path.name for path in folder.glob("*.png")} - written.keys()
    write_json(folder / MANIFEST, {**{name: entry for name, entry in earlier.items() if name in others}, **written})
    lines = [f"{folder}: {len(portraits.images)} portraits"]
    if others:
        lines.append(f"{len(others)} other PNG files lie there too, e.g. {min(others)}: remove what is not wanted")
    return lines + [_not_indexed(f"{too_many} portraits have")] * (too_many > 0)


def _write_sheet(
    out: Path,
    formats: Sequence[str],
    portraits: Portraits,
    palette: np.ndarray,
    layout: Layout,
    tags: Sequence[Tag],
    described: Sequence[str],
    scale: int,
    milliseconds: int,
) -> list[str]:
    image, names, picture = f"{NAME}.png", portraits.names, draw_sheet(portraits.images, layout)
    # Before the sheet is replaced, so that none is ever beside the description of another one.
    for kind in described:
        (out / DESCRIPTIONS[kind]).unlink()
    indexed = write_picture(out / image, picture, palette)
    lines = [f"{out / image}: {layout.columns} x {layout.rows} portraits, {len(palette)} colours"]
    lines += [
        f"{out / DESCRIPTIONS[kind]} described an earlier sheet and was removed; --formats {kind} writes it anew"
        for kind in described
        if kind not in formats
    ]
    if not indexed:
        lines.append(_not_indexed("the sheet has"))
    for kind in ("json-hash", "json-array"):
        if kind in formats:
            file, as_array = DESCRIPTIONS[kind], kind == "json-array"
            write_json(out / file, describe_sheet(layout, names, tags, image, indexed, milliseconds, as_array))
            lines.append(f"{out / file}: {len(tags)} tags")
    texts = {}
    if "godot" in formats:
        texts[DESCRIPTIONS["godot"]] = sprite_frames(layout, tags, image, milliseconds)
    if "tiled" in formats:
        texts[DESCRIPTIONS["tiled"]] = tileset(layout, names, portraits.entries, image, NAME)
    for file, text in texts.items():
        write_text(out / file, text)
        lines.append(f"{out / file}: {layout.count} portraits")
    if "preview" in formats:
        file = f"{NAME}_x{scale}.png"
        write_picture(out / file, enlarged(picture, scale), palette)
        lines.append(f"{out / file}: the sheet, {scale} times as large")
    return lines


def _not_indexed(have: str) -> str:
    return f"{have} more than {MOST_VISIBLE} colours: not indexed; --palette-snap {MOST_VISIBLE} or less reduces them"
