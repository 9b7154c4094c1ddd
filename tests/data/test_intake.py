import os
import sys

import numpy as np
import pytest
from PIL import Image

from src.data.clean import PrepareOptions
from src.data.cutting import Tiles
from src.data.intake import DEFAULT_OPTIONS, find_files, pixel_hash, prepared_names, take_in
from src.images import write_png
from tests.data.art import CLOTH, hero
from tests.data.drawn import over, sprite


def found(folder, leave_out="nowhere"):
    problems = []
    return [file.filename for file in find_files(folder, folder / leave_out, problems)], problems


def rows_of(folder, size=64, tiles=None, options=DEFAULT_OPTIONS):
    files = find_files(folder, folder / "nowhere", [])
    names = prepared_names(file.filename for file in files)
    return {
        row.filename: (row, portrait)
        for row, portrait in take_in(files, names, size, tiles and Tiles(tiles, tiles), options)
    }


def test_every_file_is_found_but_those_of_the_data_folder(tmp_path):
    for name in ("b.png", "deep/er/a.png", ".hidden/x", "labels.csv", "data/prepared/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert found(tmp_path, "data") == ([".hidden/x", "b.png", "deep/er/a.png", "labels.csv"], [])


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_to_folders_are_followed_once(tmp_path):
    images, elsewhere = tmp_path / "images", tmp_path / "elsewhere"
    for folder in (images / "sub", elsewhere):
        folder.mkdir(parents=True)
    (images / "sub" / "a.png").touch()
    (images / "top.png").touch()
    (elsewhere / "b.png").touch()
    os.symlink(images, images / "sub" / "loop")
    os.symlink(images / "sub", images / "also_sub")
    os.symlink(elsewhere, images / "linked")
    os.symlink(elsewhere, images / "linked_again")
    os.symlink(images, elsewhere / "back")
    assert found(images) == (["linked/b.png", "sub/a.png", "top.png"], [])


def test_prepared_names_never_collide():
    names = prepared_names(["a.png", "a.jpg", "A.PNG", "a.jpg.png", "b/a.gif", "c.bmp", "c.bmp/d.png", "c.png/e.png"])
    assert names["a.png"] == "a.png" or names["A.PNG"] == "A.png"
    assert names["a.jpg.png"] == "a.jpg.png"
    assert names["b/a.gif"] == "b/a.png"
    assert len({name.casefold() for name in names.values()}) == len(names)
    assert all(name.endswith(".png") for name in names.values())
    # A portrait must not be called like a folder that others lie in.
    assert names["c.bmp"] not in ("c.png", "c.bmp")


def test_prepared_names_depend_on_the_names_alone():
    names = ["a.jpg", "a.png", "a.webp"]
    assert prepared_names(names) == prepared_names(reversed(names)) == prepared_names(prepared_names(names))


def test_what_is_not_taken_has_a_reason(tmp_path):
    write_png(tmp_path / "good.png", hero(0, CLOTH["warm"]))
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.webp").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".ghost.png").write_bytes(whole)
    Image.new("RGBA", (70, 70)).save(tmp_path / "blank.png")
    noise = np.random.default_rng(0).integers(0, 256, (70, 70, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "wide.png")

    rows = rows_of(tmp_path)
    told = {name: (row.status, row.reason) for name, (row, _) in rows.items()}
    assert told.pop("good.png") == ("accepted", "")
    assert told.pop("notes.txt") == ("ignored", "not an image by its name")
    assert told.pop(".ghost.png") == ("ignored", "hidden")
    assert {status for status, _ in told.values()} == {"rejected"}
    for name, word in [
        ("half.png", "truncated"),
        ("empty.webp", "empty"),
        ("blank.png", "nothing"),
        ("wide.png", "70x70"),
    ]:
        assert word in told[name][1]
    assert [name for name, (_, portrait) in rows.items() if portrait is not None] == ["good.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes there")
def test_a_pipe_does_not_hang_the_run(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    os.symlink(tmp_path / "gone", tmp_path / "dead.png")
    assert {name: row.status for name, (row, _) in rows_of(tmp_path).items()} == {
        "pipe.png": "rejected",
        "dead.png": "rejected",
    }


def test_the_row_says_how_a_portrait_came_about(tmp_path):
    native = hero(3, CLOTH["cool"], size=64)[:, 8:56]
    write_png(tmp_path / "big.png", native.repeat(5, axis=0).repeat(5, axis=1))
    row, portrait = rows_of(tmp_path)["big.png"]
    assert (row.width, row.height, row.scale, row.native_width, row.native_height) == (240, 320, 5, 48, 64)
    assert row.colours == 3
    assert np.array_equal(portrait[:, 8:56], native)


def test_a_sheet_is_cut_into_the_tiles_that_show_something(tmp_path):
    sheet = np.zeros((35, 48, 4), np.uint8)
    tiles = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 4), dtype=np.uint8)
    tiles[..., 3] = 255
    sheet[:16, 16:32], sheet[16:32, 32:48] = tiles
    write_png(tmp_path / "sheet.png", sheet)
    rows = rows_of(tmp_path, tiles=16)
    assert list(rows) == ["sheet.png", "sheet_r00_c01.png", "sheet_r01_c02.png"]
    row, portrait = rows["sheet.png"]
    assert (row.status, portrait) == ("ignored", None)
    assert row.reason == "cut into tiles: 6, of them empty 4; left over: 0 columns and 3 rows of pixels"
    assert np.array_equal(rows["sheet_r01_c02.png"][1], tiles[1].repeat(4, axis=0).repeat(4, axis=1))


def test_a_key_colour_in_a_transparent_sheet_is_noted_at_the_tiles_that_have_it(tmp_path):
    sheet = np.random.default_rng(0).integers(0, 99, (16, 48, 4), np.uint8)
    sheet[..., 3] = 255
    sheet[:2, 16:] = sheet[14:, 16:] = sheet[:, 30:34] = 0
    sheet[4:6, 4:6] = sheet[4:6, 24:26] = (255, 0, 255, 255)
    write_png(tmp_path / "sheet.png", sheet)
    note = "key colour left in: 4 pixels of magenta"
    reasons = [row.reason for row, _ in rows_of(tmp_path, tiles=16).values()]
    assert reasons == ["cut into tiles: 3, of them empty 0", note, note, ""]
    reasons = [row.reason for row, _ in rows_of(tmp_path, tiles=16, options=PrepareOptions(remove_key=True)).values()]
    assert reasons[1:] == ["key colour made transparent"] * 3


def test_a_sheet_smaller_than_a_tile_is_rejected(tmp_path):
    write_png(tmp_path / "sheet.png", hero(0, CLOTH["warm"]))
    assert rows_of(tmp_path, tiles=65)["sheet.png"][0].status == "rejected"


def test_the_pixel_hash_tells_every_pixel():
    image = hero(0, CLOTH["warm"])
    other = image.copy()
    other[63, 20, 2] ^= 1
    assert pixel_hash(image) == pixel_hash(image.copy()) != pixel_hash(other)


def test_frames_are_rows_of_their_own_or_a_note(tmp_path):
    frames = [Image.fromarray(hero(shape, CLOTH["warm"])) for shape in (1, 2, 3)]
    blank = Image.new("RGBA", frames[0].size)
    blank.save(tmp_path / "walk.webp", save_all=True, append_images=frames, lossless=True)
    write_png(tmp_path / "walk_f00.png", hero(9, CLOTH["cool"]))
    rows = rows_of(tmp_path)
    assert rows["walk.webp"][0].reason == "one frame of several taken: 2 of 4"
    assert np.array_equal(rows["walk.webp"][1], hero(1, CLOTH["warm"]))
    rows = rows_of(tmp_path, options=PrepareOptions(frames="all"))
    assert rows["walk.webp"][0].reason == "taken apart into frames: 4, of them empty 1"
    # The file of that name keeps it.
    assert list(rows) == ["walk.webp", "walk__f01.png", "walk__f02.png", "walk__f03.png", "walk_f00.png"]
    assert {row.frame_of for row, _ in rows.values()} == {"", "walk.webp"}


def test_a_picture_that_looks_like_a_sheet_gets_a_hint(tmp_path):
    sheet = np.zeros((96, 96, 4), np.uint8)
    for row, column in np.ndindex(3, 4):
        sheet[row * 32 + 2 : row * 32 + 32, column * 24 + 2 : column * 24 + 22] = sprite(4 * row + column, 30)[:, 5:25]
    write_png(tmp_path / "large.png", sheet)
    write_png(tmp_path / "small.png", sheet[:64, :48])
    rows = rows_of(tmp_path)
    size, hint = rows["large.png"][0].reason.split("; ")
    assert size.startswith("larger than 64x64: 96x96 true pixels") and hint == "looks like a sheet: --tiles 24x32"
    assert (rows["small.png"][0].status, rows["small.png"][0].reason) == (
        "accepted",
        "looks like a sheet: --tiles 24x32",
    )


def test_a_key_colour_goes_from_a_whole_sheet(tmp_path):
    figure = sprite(0, 30)
    sheet = np.full((32, 96, 4), (255, 0, 255, 255), np.uint8)
    for left in (0, 64):
        sheet[1:31, left + 1 : left + 31] = over(figure, (255, 0, 255))
    write_png(tmp_path / "sheet.png", sheet)
    rows = rows_of(tmp_path, size=32, tiles=32)
    assert rows["sheet.png"][0].reason == "cut into tiles: 3, of them empty 1"
    row, portrait = rows["sheet_r00_c02.png"]
    assert row.reason == "key colour made transparent" and np.array_equal(portrait[1:31, 1:31], figure)
