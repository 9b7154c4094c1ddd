"""Palettes as the files that artists pass around: .gpl (GIMP), .hex (Lospec), .pal (JASC) and PNG strips. No torch."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from src.errors import InputError
from src.files import replacing
from src.images import BadImage, read_rgba

MOST_COLOURS = 256
"""The most colours of a palette: as many as an indexed PNG holds."""

PALETTE_SUFFIXES = (".gpl", ".hex", ".pal", ".png")


def read_palette(path: Path) -> np.ndarray:
    """Read a palette, whose format the file's ending says.

    - `.hex`: one `RRGGBB` a line, as lospec.com gives them; a `#` before it is allowed.
    - `.gpl`: `GIMP Palette`, then header lines, comments (`#`) and `R G B name` a line.
    - `.pal`: `JASC-PAL`, `0100`, the number of colours, then `R G B` a line.
    - `.png`: every visible colour of the picture, row by row.

    Returns:
        sRGB uint8 `[K, 3]`, K from 1 to 256, in the file's order; a colour that comes twice is kept once.

    Raises:
        InputError: no such file, another ending, no colours or more than 256, or a line that is none; it is named.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in PALETTE_SUFFIXES:
        raise InputError(f"{path} is no palette file; its name must end in one of: {', '.join(PALETTE_SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"the palette file {path} does not exist")
    colours = _from_png(path) if suffix == ".png" else _from_text(path, suffix)
    distinct = list(dict.fromkeys(colours))
    if not 1 <= len(distinct) <= MOST_COLOURS:
        raise InputError(f"{path} holds {len(distinct)} colours; a palette has 1 to {MOST_COLOURS}")
    return np.array(distinct, np.uint8)


def write_palette(path: Path, palette: np.ndarray) -> None:
    """Write a palette as `.hex` or `.gpl`, by the path's ending.

    Args:
        path: where; missing folders are made.
        palette: sRGB uint8 `[K, 3]`.
    """
    path = Path(path)
    if path.suffix == ".gpl":
        lines = ["GIMP Palette", f"Name: {path.stem}", "#"]
        lines += [f"{red:3d} {green:3d} {blue:3d}\t{red:02x}{green:02x}{blue:02x}" for red, green, blue in palette]
    else:
        lines = [f"{red:02x}{green:02x}{blue:02x}" for red, green, blue in palette]
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _from_png(path: Path) -> list[tuple[int, ...]]:
    try:
        pixels = read_rgba(path)
    except BadImage as error:
        raise InputError(f"{path} cannot be read as a palette: {error}") from None
    visible = pixels[pixels[..., 3] > 0, :3]
    distinct, first = np.unique(visible, axis=0, return_index=True)
    return [tuple(colour) for colour in distinct[np.argsort(first)].tolist()]


def _from_text(path: Path, suffix: str) -> list[tuple[int, ...]]:
    """The colours of a text file, one a line; blank lines say nothing in any of the formats."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file, so no {suffix} palette") from None
    numbered = [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]
    texts = [text for _, text in numbered]
    if suffix == ".gpl":
        if texts[:1] != ["GIMP Palette"]:
            raise InputError(f"{path}, line 1: a .gpl palette begins with `GIMP Palette`")
        numbered = [(n, text) for n, text in numbered[1:] if not text.startswith(("#", "Name:", "Columns:"))]
    elif suffix == ".pal":
        if texts[:2] != ["JASC-PAL", "0100"]:
            raise InputError(f"{path}, line 1: a .pal palette begins with the lines `JASC-PAL` and `0100`")
        said, numbered = " ".join(texts[2:3]), numbered[3:]
        if said != str(len(numbered)):
            raise InputError(f"{path}, line 3: the number of colours is {said!r}, but {len(numbered)} follow")
    return [_colour(path, number, text, suffix) for number, text in numbered]


def _colour(path: Path, number: int, text: str, suffix: str) -> tuple[int, ...]:
    if suffix == ".hex":
        if not re.fullmatch(r"#?[0-9a-fA-F]{6}", text):
            raise InputError(f"{path}, line {number}: {text[:40]!r} is no colour; it must be RRGGBB")
        return tuple(bytes.fromhex(text[-6:]))
    # A .gpl line may go on with the colour's name.
    found = re.match(r"([0-9]{1,3})\s+([0-9]{1,3})\s+([0-9]{1,3})" + (r"(\s|$)" if suffix == ".gpl" else "$"), text)
    values = tuple(int(value) for value in found.groups()[:3]) if found else (256,)
    if max(values) > 255:
        raise InputError(f"{path}, line {number}: {text[:40]!r} is no colour; it must be R G B, each 0 to 255")
    return values
