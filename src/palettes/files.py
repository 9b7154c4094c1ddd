"""Palettes as the files that artists pass around, recognised by what is in them, whatever they are called. No torch."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from src.errors import InputError
from src.files import write_text
from src.images import BadImage, read_rgba

MOST_COLOURS = 256
"""The most colours of a palette: as many as an indexed PNG holds."""

KINDS = "GIMP .gpl, JASC or RIFF .pal, .hex, Paint.NET .txt, Adobe .act or .ase, 768 raw bytes, PNG"

LARGEST = 2**20
"""In bytes: no palette is larger, but for pictures."""

PICTURES = (b"\x89PNG", b"GIF8", b"BM")
"""How files begin whose visible colours are the palette."""

Colour = tuple[int, ...]
"""Red, green, blue and, where the file has it, alpha; 0 to 255."""


def read_palette(path: Path) -> np.ndarray:
    """Read a palette.

    - GIMP and Aseprite `.gpl`: `GIMP Palette`, header lines, comments (`#`), `R G B name` or, after `Channels: RGBA`,
      `R G B A name` a line.
    - JASC `.pal`: `JASC-PAL`, `0100`, the number of colours, `R G B` or `R G B A` a line.
    - `.hex`: one `RRGGBB` or `RRGGBBAA` a line, as lospec.com gives them; a `#` before it is allowed.
    - Paint.NET `.txt`: `AARRGGBB` or `RRGGBB` a line, comments after `;`.
    - RIFF `.pal` (Windows), Adobe `.act` (256 colours, and how many of them count) and `.ase` (swatches), 768 bytes.
    - PNG, GIF or BMP: every visible colour of the picture, row by row.

    Returns:
        sRGB uint8 `[K, 3]`, K from 1 to 256, in the file's order; a colour that comes twice is kept once, transparent
        ones are left out.

    Raises:
        InputError: no such file, none of these kinds, no colours or more than 256, or a line that is none; it is named.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"the palette file {path} does not exist")
    with open(path, "rb") as file:
        content = file.read(LARGEST + 1)
    if content.startswith(PICTURES):
        colours = _from_picture(path)
    elif len(content) > LARGEST:
        raise InputError(f"{path} is too large to be a palette; it must be one of: {KINDS}")
    else:
        colours = _reader(path, content)(path, content)
    distinct = list(dict.fromkeys(colour[:3] for colour in colours if len(colour) == 3 or colour[3] > 0))
    if not 1 <= len(distinct) <= MOST_COLOURS:
        raise InputError(f"{path} holds {len(distinct)} colours; a palette has 1 to {MOST_COLOURS}")
    return np.array(distinct, np.uint8)


def write_palette(path: Path, palette: np.ndarray) -> None:
    """Write a palette as GIMP's `.gpl`, JASC's `.pal` or `.hex`, by the path's ending.

    Args:
        path: where; missing folders are made.
        palette: sRGB uint8 `[K, 3]`.
    """
    path = Path(path)
    if path.suffix == ".gpl":
        lines = ["GIMP Palette", f"Name: {path.stem}", "#"]
        lines += [f"{red:3d} {green:3d} {blue:3d}\t{red:02x}{green:02x}{blue:02x}" for red, green, blue in palette]
    elif path.suffix == ".pal":
        lines = ["JASC-PAL", "0100", str(len(palette)), *(f"{red} {green} {blue}" for red, green, blue in palette)]
    else:
        lines = [f"{red:02x}{green:02x}{blue:02x}" for red, green, blue in palette]
    line_end = "\r\n" if path.suffix == ".pal" else "\n"  # Paint Shop Pro's own
    write_text(path, "".join(line + line_end for line in lines))


def _reader(path: Path, content: bytes) -> Callable[[Path, bytes], list[Colour]]:
    """What reads a file that begins so."""
    if content[:4] == b"RIFF" and content[8:12] == b"PAL ":
        return _from_riff
    if content[:4] == b"ASEF":
        return _from_swatches
    if content[4:6] == b"\xe0\xa5":
        raise InputError(f"{path} is an Aseprite sprite, not a palette; save its palette as .gpl, or export it as PNG")
    try:
        lines = content.decode("utf-8-sig").splitlines()
        text = [line.strip() for line in lines if line.strip()]
        is_text = "\0" not in content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text, is_text = [], False
    if is_text and text:
        if text[0] == "GIMP Palette":
            return _from_gimp
        if text[0] == "JASC-PAL":
            return _from_jasc
        with_comments = re.match(";|[0-9a-fA-F]{6}", text[0]) and any(";" in line for line in text)
        if with_comments or _alpha_comes_first(text, path.suffix.lower() == ".txt"):
            return _from_paint_net
        if re.match("#?[0-9a-fA-F]{3}", text[0]):
            return _from_hex
    if len(content) in (768, 772):
        return _from_raw
    raise InputError(f"{path} is not a palette file; it must be one of: {KINDS}")


def _alpha_comes_first(lines: Sequence[str], usual: bool) -> bool:
    """Whether colours of eight digits have their alpha, all or nothing, before the others; `usual`: or behind them."""
    if not all(re.fullmatch("[0-9a-fA-F]{8}", line) for line in lines):
        return False
    first, last = (all(line[part].lower() in ("ff", "00") for line in lines) for part in (slice(2), slice(6, 8)))
    return usual if first == last else first


def _from_picture(path: Path) -> list[Colour]:
    try:
        pixels = read_rgba(path)
    except BadImage as error:
        raise InputError(f"{path} cannot be read as a palette: {error}") from None
    visible = pixels[pixels[..., 3] > 0, :3]
    distinct, first = np.unique(visible, axis=0, return_index=True)
    return [tuple(colour) for colour in distinct[np.argsort(first)].tolist()]


def _lines(content: bytes) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, with their numbers from 1."""
    for number, line in enumerate(content.decode("utf-8-sig").splitlines(), start=1):
        if line.strip():
            yield number, line.strip()


def _from_gimp(path: Path, content: bytes) -> list[Colour]:
    _, *numbered = _lines(content)
    with_alpha, colours = False, []
    for number, text in numbered:
        header = re.fullmatch(r"Channels:\s*(\w+)", text)
        if header:
            with_alpha = header[1].upper() == "RGBA"
        elif not text.startswith(("#", "Name:", "Columns:")):
            colours.append(_decimal(path, number, text, 4 if with_alpha else 3, named=True))
    return colours


def _from_jasc(path: Path, content: bytes) -> list[Colour]:
    numbered = list(_lines(content))
    version, count = ([text for _, text in numbered[1:3]] + ["", ""])[:2]
    if version != "0100":
        raise InputError(f"{path}, line 2: a JASC palette has `0100` there, not {version[:40]!r}")
    colours = numbered[3:]
    if count != str(len(colours)):
        raise InputError(f"{path}, line 3: the number of colours is {count[:40]!r}, but {len(colours)} follow")
    return [_decimal(path, number, text, 4 if len(text.split()) == 4 else 3) for number, text in colours]


def _decimal(path: Path, number: int, text: str, count: int, named: bool = False) -> Colour:
    """So many numbers from 0 to 255, and perhaps a name behind them."""
    words = text.split()
    values = [int(word) if re.fullmatch("[0-9]{1,3}", word) else 256 for word in words[:count]]
    if len(values) < count or max(values) > 255 or (len(words) > count and not named):
        form = "R G B A" if count == 4 else "R G B"
        raise InputError(f"{path}, line {number}: {text[:40]!r} is not a colour; it must be {form}, each 0 to 255")
    return tuple(values)


def _from_hex(path: Path, content: bytes) -> list[Colour]:
    colours = []
    for number, text in _lines(content):
        if not re.fullmatch(r"#?[0-9a-fA-F]{6}([0-9a-fA-F]{2})?", text):
            raise InputError(f"{path}, line {number}: {text[:40]!r} is not a colour; it must be RRGGBB")
        colours.append(tuple(bytes.fromhex(text.lstrip("#"))))
    return colours


def _from_paint_net(path: Path, content: bytes) -> list[Colour]:
    colours = []
    for number, text in _lines(content):
        text = text.partition(";")[0].strip()
        if text and not re.fullmatch("[0-9a-fA-F]{6}([0-9a-fA-F]{2})?", text):
            raise InputError(f"{path}, line {number}: {text[:40]!r} is not a colour; it must be AARRGGBB")
        if text:
            *alpha, red, green, blue = bytes.fromhex(text)
            colours.append((red, green, blue, *alpha))
    return colours


def _from_raw(path: Path, content: bytes) -> list[Colour]:
    """256 times three bytes; Adobe's `.act` may say behind them how many count, and which one is transparent."""
    colours = [tuple(content[start : start + 3]) for start in range(0, 768, 3)]
    if len(content) == 772:
        count, transparent = struct.unpack(">HH", content[768:])
        if transparent < 256:
            colours[transparent] = (*colours[transparent], 0)
        if 1 <= count <= 256:
            colours = colours[:count]
    return colours


def _from_riff(path: Path, content: bytes) -> list[Colour]:
    """A `data` chunk: version, number of colours, then red, green, blue and flags (Windows' LOGPALETTE)."""
    start = 12
    while start + 8 <= len(content):
        name, length = content[start : start + 4], int.from_bytes(content[start + 4 : start + 8], "little")
        if name == b"data" and start + 12 <= len(content):
            count = int.from_bytes(content[start + 10 : start + 12], "little")
            entries = content[start + 12 : start + 12 + 4 * count]
            if len(entries) == 4 * count:
                return [tuple(entries[at : at + 3]) for at in range(0, 4 * count, 4)]
            break
        start += 8 + length + length % 2
    raise InputError(f"{path} is a RIFF palette that is cut short; save it again")


def _from_swatches(path: Path, content: bytes) -> list[Colour]:
    """Adobe Swatch Exchange: blocks, of which those of type 1 are colours."""
    colours, start = [], 12
    try:
        for _ in range(struct.unpack_from(">I", content, 8)[0]):
            kind, length = struct.unpack_from(">HI", content, start)
            if kind == 1:
                name_length = struct.unpack_from(">H", content, start + 6)[0]
                at = start + 8 + 2 * name_length
                colours.append(_swatch(path, content[at : at + 4], content, at + 4))
            start += 6 + length
    except struct.error:
        raise InputError(f"{path} is an Adobe swatch file that is cut short; save it again") from None
    return colours


def _swatch(path: Path, model: bytes, content: bytes, start: int) -> Colour:
    if model == b"RGB ":
        shares = struct.unpack_from(">3f", content, start)
    elif model == b"Gray":
        shares = struct.unpack_from(">f", content, start) * 3
    elif model == b"CMYK":
        *ink, black = struct.unpack_from(">4f", content, start)
        shares = [(1 - each) * (1 - black) for each in ink]
    else:
        raise InputError(f"{path} has a colour of the model {model.decode('latin-1')!r}; save the swatches as RGB")
    if not all(0 <= share <= 1 for share in shares):
        raise InputError(f"{path} has a colour outside 0 to 1; save the swatches again")
    return tuple(round(255 * share) for share in shares)
