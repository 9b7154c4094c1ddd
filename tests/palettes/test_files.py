"""Palette files of every tool in use, recognised by their content."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from src.errors import InputError
from src.palettes.files import read_palette, write_palette

SIX = np.array([[0, 0, 0], [26, 28, 44], [93, 39, 93], [177, 62, 83], [239, 125, 87], [255, 255, 255]], np.uint8)


def text(*lines: str) -> bytes:
    return "\r\n".join([*lines, ""]).encode()


def gimp(*headers: str, alpha: str = "") -> bytes:
    return text("GIMP Palette", *headers, *(f"{red:3} {green:3} {blue:3}{alpha}" for red, green, blue in SIX))


def riff() -> bytes:
    entries = b"".join(bytes([*colour, 0]) for colour in SIX)
    data = struct.pack("<HH", 0x300, len(SIX)) + entries
    content = b"PAL " + b"odd " + struct.pack("<I", 3) + b"abc\0" + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(content)) + content


def act(count: int, transparent: int = 0xFFFF) -> bytes:
    return SIX.tobytes() + bytes(768 - SIX.size) + struct.pack(">HH", count, transparent)


def swatches(model: bytes = b"RGB ") -> bytes:
    blocks = [struct.pack(">HI", 0xC001, 6) + struct.pack(">HHH", 2, ord("g"), 0)]
    for colour in SIX:
        if model == b"CMYK":
            values = (*(1 - colour / 255), 0.0)
        elif model == b"Gray":
            values = (colour[0] / 255,)
        else:
            values = tuple(colour / 255)
        name = struct.pack(">HHH", 2, ord("c"), 0)
        body = name + model + struct.pack(f">{len(values)}f", *values) + struct.pack(">H", 0)
        blocks.append(struct.pack(">HI", 1, len(body)) + body)
    blocks.append(struct.pack(">HI", 0xC002, 0))
    return b"ASEF" + struct.pack(">HHI", 1, 0, len(blocks)) + b"".join(blocks)


HEX = [bytes(colour).hex() for colour in SIX]

FILES = {
    "lospec.hex": text("000000", "1A1C2C", "#5d275d", "b13e53", "ef7d57", "ffffff", "000000"),
    "with_alpha.hex": text(*(f"{colour}ff" for colour in HEX), "12345600"),
    "alpha_first.hex": text(*(f"ff{colour}" for colour in HEX), "00123456"),
    "comments.hex": text("; lospec", *HEX),
    "byte_order_mark.hex": b"\xef\xbb\xbf" + text(*HEX),
    "gimp.gpl": gimp("Name: Six", "Columns: 3", "# a comment"),
    "names_that_are_numbers.gpl": gimp("Name: Six", alpha="\t255 7"),
    "aseprite.gpl": gimp("Channels: RGBA", "#", alpha=" 255 Swatch"),
    "aseprite_no_names.gpl": gimp("Channels: RGBA", alpha=" 255"),
    "aseprite_clear.gpl": text(
        "GIMP Palette", "Channels: RGBA", "  9 9 9 0 Clear", *(f"{r} {g} {b} 255" for r, g, b in SIX)
    ),
    "shop.pal": text("JASC-PAL", "0100", "6", *(f"{red} {green} {blue}" for red, green, blue in SIX)),
    "shop_alpha.pal": text("JASC-PAL", "0100", "6", *(f"{red} {green} {blue} 255" for red, green, blue in SIX)),
    "paint_net.txt": text("; paint.net Palette File", "; a comment", *(f"FF{colour}" for colour in HEX), "00FF00FF"),
    "paint_net_late_comments.txt": text(f"FF{HEX[0]} ; first", "; the rest", *(f"FF{colour}" for colour in HEX[1:])),
    "paint_net_plain.txt": text(*(f"FF{colour}" for colour in HEX)),
    "windows.pal": riff(),
    "photoshop.act": act(6),
    "photoshop_transparent.act": act(7, 6),
    "raw.bin": SIX.repeat([251, 1, 1, 1, 1, 1], axis=0).tobytes(),
    "adobe.ase": swatches(),
    "adobe_cmyk.ase": swatches(b"CMYK"),
}


@pytest.mark.parametrize("ending", ["", ".gpl", ".pal"])
@pytest.mark.parametrize("name", FILES)
def test_formats_as_their_tools_write_them_whatever_the_ending(tmp_path, name, ending):
    path = tmp_path / f"{name}{ending}"
    path.write_bytes(FILES[name])
    assert read_palette(path).tolist() == SIX.tolist()


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_strips_and_indexed_pictures(tmp_path, mode):
    strip = np.concatenate([SIX.repeat(8, axis=0), np.full((48, 1), 255, np.uint8)], axis=1)[None].repeat(3, axis=0)
    picture = Image.fromarray(strip)
    (picture if mode == "RGBA" else picture.convert("RGB").quantize(6)).save(tmp_path / "strip.dat", format="PNG")
    assert {tuple(colour) for colour in read_palette(tmp_path / "strip.dat")} == {tuple(colour) for colour in SIX}


@pytest.mark.parametrize("name", ["p.hex", "p.gpl", "p.pal"])
def test_written_palettes_read_back(tmp_path, name):
    write_palette(tmp_path / name, SIX)
    assert np.array_equal(read_palette(tmp_path / name), SIX)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.hex", b"000000\nff00\n", r"a\.hex, line 2: 'ff00' is not a colour; it must be RRGGBB"),
        ("a.hex", b"000000\n\n12345g\n", "line 3"),
        ("a.gpl", b"GIMP Palette\n#\n0 0 0\n0 256 0 red\n", "line 4: '0 256 0 red'"),
        ("a.gpl", b"GIMP Palette\nName: x\n1 2\n", "line 3"),
        ("a.gpl", b"GIMP Palette\nChannels: RGBA\n1 2 3\n", "line 3: '1 2 3' is not a colour; it must be R G B A"),
        ("a.pal", b"JASC-PAL\n0100\n2\n0 0 0\n1 1 1 1 1\n", "line 5"),
        ("a.pal", b"JASC-PAL\n0100\n3\n0 0 0\n1 1 1\n", "line 3: the number of colours is '3', but 2 follow"),
        ("a.pal", b"JASC-PAL\n0100\n", "line 3"),
        ("a.pal", b"JASC-PAL\n", "line 2"),
        ("a.pal", riff()[:-3], "cut short"),
        ("a.ase", swatches()[:-30], "cut short"),
        ("a.ase", swatches(b"LAB "), "the model 'LAB '; save the swatches as RGB"),
        ("a.ase", b"....\xe0\xa5....", "is an Aseprite sprite"),
        ("a.txt", b"; paint.net\nFF00\n", "line 2: 'FF00' is not a colour; it must be AARRGGBB"),
        ("a.hex", b"", "not a palette file; it must be one of"),
        ("a.hex", "".join(f"0000{i:02x}\n0001{i:02x}\n" for i in range(200)).encode(), "holds 400 colours"),
        ("a.png", b"not a picture", "not a palette file"),
        ("a.png", b"\x89PNG of another kind", "cannot be read as a palette"),
        ("a.bin", b"\xff\xfe\x00\x01", "not a palette file"),
        ("a.hex", b"<!DOCTYPE html>", "not a palette file"),
    ],
)
def test_bad_palette_files_are_refused_in_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_palette(tmp_path / name)
    assert "\n" not in str(caught.value)


@given(st.sampled_from([*FILES.values(), swatches(b"Gray")]), st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_files_are_read_or_refused(tmp_path_factory, content, data):
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    del damaged[data.draw(st.integers(1, len(damaged))) :]
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(bytes(damaged))
    try:
        palette = read_palette(path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert palette.dtype == np.uint8 and palette.shape[1:] == (3,) and 1 <= len(palette) <= 256
