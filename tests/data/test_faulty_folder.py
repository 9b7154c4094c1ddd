"""A folder with every fault people's collections have: each file gets the right row."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image

from src.data.folder import prepare_folder
from src.images import fit, read_rgba
from tests.data.drawn import encode, enlarge, over, smooth_noise, sprite
from tests.tables import read_rows
from tests.test_images import huge_png

SIDE = 48
FACTORS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 7.3)


def write_faulty_folder(folder):
    """Write the files; returns file name -> (status, word of the reason, scale, native art or None)."""
    expected = {}

    def add(name, content, status="accepted", word="", scale=1, art=None):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        expected[name] = (status, word, scale, art)

    for number, factor in enumerate(FACTORS):
        art = sprite(number, SIDE)
        add(f"clean/x{factor}.png", encode(enlarge(art, factor), "PNG"), scale=factor, art=art)
        if factor > 1:
            flat = over(sprite(100 + number, SIDE))
            lossy = encode(enlarge(flat, factor), "JPEG", quality=80)
            add(f"jpeg/x{factor}.jpg", lossy, word="noise", scale=factor)
    art = sprite(20, SIDE)
    add("cropped.png", encode(enlarge(art, 5)[3:, 2:], "PNG"), scale=5, art=art)
    cut = enlarge(over(sprite(21, SIDE)), 6)[4:, 3:]
    add("cropped.jpg", encode(cut, "JPEG", quality=80), word="noise", scale=6)

    art = sprite(22, SIDE)
    indexed = Image.fromarray(over(art)).convert("RGB").quantize(16)
    indexed.save(folder / "indexed.png")
    expected["indexed.png"] = ("accepted", "background", 1, art)
    add("lossless.webp", encode(sprite(23, SIDE), "WEBP", lossless=True), art=sprite(23, SIDE))
    add("lossy.webp", encode(enlarge(sprite(24, SIDE), 5), "WEBP", quality=80), word="noise", scale=5)
    frame = Image.fromarray(sprite(25, SIDE))
    frame.save(folder / "animated.gif", save_all=True, append_images=[Image.fromarray(sprite(26, SIDE))])
    expected["animated.gif"] = ("accepted", "one frame of several taken", 1, sprite(25, SIDE))
    mirrored = sprite(27, SIDE)[:, ::-1]
    add("mirrored.png", encode(mirrored, "PNG"), art=mirrored)
    recoloured = sprite(28, SIDE)[..., [2, 0, 1, 3]]
    add("recoloured.png", encode(recoloured, "PNG"), art=recoloured)
    add("copy_x4.png", encode(enlarge(sprite(0, SIDE), 4), "PNG"), "duplicate", "same pixels", 4)

    whole = encode(sprite(29, SIDE), "PNG")
    add("truncated.png", whole[: len(whole) // 2], "rejected", "truncated", "")
    add("empty.png", b"", "rejected", "empty", "")
    add("bomb.png", huge_png(30_000, 30_000), "rejected", "too large", "")
    add("text.png", b"once upon a time", "rejected", "not an image", "")
    add("jpeg_inside.png", encode(enlarge(over(sprite(30, SIDE)), 5), "JPEG", quality=80), word="noise", scale=5)
    add("picture.txt", whole, "ignored", "not an image by its name", "")
    for number, name in enumerate(("herz ♥ ünïcode.png", "two  spaces .png", "a.b.c.PNG")):
        add(name, encode(sprite(40 + number, SIDE), "PNG"), art=sprite(40 + number, SIDE))
    add(".hidden.png", whole, "ignored", "hidden", "")
    add(".folder/inside.png", whole, "ignored", "hidden", "")
    deep = (sprite(31, SIDE)[..., 0].astype(np.uint16) << 8) + 77
    Image.fromarray(deep).save(folder / "sixteen_bit.png")
    expected["sixteen_bit.png"] = ("accepted", "background", 1, None)
    add("one_colour.png", encode(np.full((64, 64, 4), 255, np.uint8), "PNG"), "rejected", "one colour", 64)
    add("transparent.png", encode(np.zeros((64, 64, 4), np.uint8), "PNG"), "rejected", "nothing visible", 64)
    add("photograph.png", encode(smooth_noise(0, 64), "PNG"), "rejected", "photograph", "")
    add("photograph.jpg", encode(smooth_noise(1, 300), "JPEG", quality=90), "rejected", "photograph", "")
    for name in ("bilinear", "bicubic"):
        smooth = enlarge(sprite(32, SIDE), 4, Image.Resampling[name.upper()])
        add(f"{name}.png", encode(smooth, "PNG"), "rejected", "smooth enlargement", "")
    add("large.png", encode(sprite(33, 100), "PNG"), "rejected", "100x100 true pixels", 1)
    return expected


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The rows by file name, what is expected of them, and the data folder."""
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "images").mkdir()
    expected = write_faulty_folder(folder / "images")
    prepare_folder(folder / "images", folder / "data")
    rows = {row["filename"]: row for row in read_rows(folder / "data" / "sprites_raw.csv")}
    return rows, expected, folder / "data"


def test_every_file_has_the_right_row(prepared):
    rows, expected, _ = prepared
    assert set(rows) == set(expected)
    wrong = {}
    for name, (status, word, scale, _) in expected.items():
        row = rows[name]
        right_reason = word in row["reason"] if word else not row["reason"]
        right_scale = row["scale"] == "" if scale == "" else abs(float(row["scale"] or 0) - scale) <= 0.02
        if row["status"] != status or not right_reason or not right_scale:
            wrong[name] = row
    assert not wrong
    assert rows["copy_x4.png"]["duplicate_of"] == "clean/x1.png"


def test_native_sides_are_told(prepared):
    rows, expected, _ = prepared
    for name, (status, _, scale, _) in expected.items():
        if status == "accepted" and scale != 1:
            assert (rows[name]["native_width"], rows[name]["native_height"]) == (str(SIDE), str(SIDE)), name


def test_clean_files_come_back_to_the_pixel(prepared):
    _, expected, data = prepared
    compared = 0
    for name, (_, _, _, art) in expected.items():
        if art is not None:
            portrait = data / "prepared" / (name[: name.rindex(".")] + ".png")
            assert np.array_equal(read_rgba(portrait), fit(art, 64)), name
            compared += 1
    assert compared >= 18


@pytest.mark.parametrize(("factor", "tolerance", "share"), [(2, 40, 0.9), (3, 40, 0.9), (5, 10, 0.95), (7.3, 10, 0.95)])
def test_jpegs_come_back_to_their_colours_within_a_tolerance(prepared, factor, tolerance, share):
    # Cells of two or three pixels share their colour, which JPEG keeps at half the resolution, with their neighbours.
    _, _, data = prepared
    original = fit(sprite(100 + FACTORS.index(factor), SIDE), 64)
    found = read_rgba(data / "prepared" / "jpeg" / f"x{factor}.png")
    assert np.mean(found[..., 3] == original[..., 3]) > 0.995
    assert np.mean(np.abs(found.astype(int) - original).max(axis=-1) <= tolerance) > share


@pytest.mark.skipif(sys.platform == "win32", reason="measures memory by the resource module")
def test_a_bomb_takes_no_memory(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "bomb.png").write_bytes(huge_png(30_000, 30_000))  # 3.6 GB once decoded
    (tmp_path / "images" / "art.png").write_bytes(encode(sprite(0, SIDE), "PNG"))
    script = """
        import resource, sys
        from pathlib import Path
        from src.data.folder import prepare_folder
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        report = prepare_folder(Path(sys.argv[1]), Path(sys.argv[2]))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(report.counts["rejected"], grown // (1024 if sys.platform == "darwin" else 1))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "images"), str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rejected, grown_kib = map(int, done.stdout.split())
    assert rejected == 1 and grown_kib < 100_000
