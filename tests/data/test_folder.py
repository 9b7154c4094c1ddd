import hashlib
import sys

import numpy as np
import pytest

from src.data.build import build_dataset
from src.data.clean import PrepareOptions
from src.data.cutting import Tiles
from src.data.folder import labels_beside, prepare_folder
from src.data.intake import RAW_COLUMNS
from src.errors import InputError
from src.files import MARK
from src.images import read_rgba, write_png
from src.tables import write_table
from tests.data.art import CLOTH, hero, write_heroes
from tests.data.drawn import sprite
from tests.tables import read_rows


def content(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def images(tmp_path):
    """Three silhouettes in five colours, a copy, a broken file and a note."""
    folder = tmp_path / "images"
    write_heroes(folder, shapes=3)
    write_png(folder / "zz_copy.png", hero(0, CLOTH["cool"]))
    (folder / "broken.png").write_bytes(b"broken")
    (folder / "labels.csv").write_text("filename\n")
    return folder


def test_every_file_has_a_row_and_every_portrait_a_group(images, tmp_path):
    report = prepare_folder(images, tmp_path / "data")
    rows = {row["filename"]: row for row in read_rows(tmp_path / "data" / "sprites_raw.csv", RAW_COLUMNS)}
    assert tuple(rows["broken.png"]) == RAW_COLUMNS
    assert set(rows) == {path.relative_to(images).as_posix() for path in images.rglob("*") if path.is_file()}
    assert report.counts == {"accepted": 15, "duplicate": 1, "rejected": 1, "ignored": 1}
    assert (report.counts["accepted"], report.groups) == (15, 3)
    assert "1 rejected: not an image" in str(report)

    copy, original = rows["zz_copy.png"], rows["heroes/00_cool.png"]
    assert (copy["status"], copy["duplicate_of"]) == ("duplicate", "heroes/00_cool.png")
    assert copy["group_id"] == original["group_id"] != ""

    groups = read_rows(tmp_path / "data" / "sprite_groups.csv", ("group_id", "size", "silhouette_hash"))
    assert [(row["size"], row["representative"]) for row in groups] == [
        ("5", f"heroes/{shape:02d}_cool.png") for shape in range(3)
    ]
    assert {row["group_id"] for row in groups} == {row["group_id"] for row in rows.values() if row["group_id"]}
    sheet = read_rows(tmp_path / "data" / "group_labels.csv", ("gender", "hero_class", "source", "confidence"))
    assert [row["group_id"] for row in sheet] == [row["group_id"] for row in groups]
    assert read_rgba(tmp_path / "data" / "contact_sheets" / "groups_001.png").any()


def test_portraits_are_written_as_they_are(images, tmp_path):
    prepare_folder(images, tmp_path / "data")
    portrait = read_rgba(tmp_path / "data" / "prepared" / "heroes" / "02_warm.png")
    assert np.array_equal(portrait, hero(2, CLOTH["warm"]))


def test_running_again_changes_nothing(images, tmp_path):
    prepare_folder(images, tmp_path / "data")
    before = content(tmp_path / "data")
    prepare_folder(images, tmp_path / "data")
    assert content(tmp_path / "data") == before


def test_the_data_folder_may_lie_inside_the_images(images):
    first = prepare_folder(images, images / "data")
    assert prepare_folder(images, images / "data").counts == first.counts


def test_portraits_that_are_gone_are_removed_and_other_files_left(images, tmp_path):
    data = tmp_path / "data"
    write_png(images / "lonely" / "x.png", hero(50, CLOTH["warm"]))
    prepare_folder(images, data)
    (data / "prepared" / "mine.png").touch()
    (data / "contact_sheets" / "notes.txt").touch()
    (images / "lonely" / "x.png").unlink()
    (images / "heroes" / "01_warm.png").unlink()
    prepare_folder(images, data)
    left = set(content(data / "prepared"))
    assert "mine.png" in left and (data / "contact_sheets" / "notes.txt").exists()
    assert "heroes/01_warm.png" not in left and len(left) == 15
    assert not (data / "prepared" / "lonely").exists()


def test_a_table_that_names_files_elsewhere_removes_none_of_them(images, tmp_path):
    data, treasure = tmp_path / "data", tmp_path / "treasure.png"
    prepare_folder(images, data)
    treasure.touch()
    rows = read_rows(data / "sprites_raw.csv")
    for filename in ("../../treasure.png", str(treasure)):
        rows.append(dict.fromkeys(RAW_COLUMNS, "") | {"filename": filename, "status": "accepted"})
    write_table(data / "sprites_raw.csv", RAW_COLUMNS, rows)
    prepare_folder(images, data)
    assert treasure.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows cannot have")
def test_long_and_odd_names_have_their_rows(tmp_path):
    names = ["a\rb.png", "a\nb.png", 'a",b.png', "x" * 251 + ".png", "x" * 251 + ".gif", " a.png"]
    for number, name in enumerate(names):
        write_png(tmp_path / "images" / name, hero(number, CLOTH["warm"]))
    prepare_folder(tmp_path / "images", tmp_path / "data")
    rows = {row["filename"]: row for row in read_rows(tmp_path / "data" / "sprites_raw.csv")}
    assert set(rows) == set(names)
    assert "too long: rename" in rows.pop("x" * 251 + ".gif")["reason"]
    assert {row["status"] for row in rows.values()} == {"accepted"}
    assert build_dataset(tmp_path / "data").portraits == 5


def test_images_that_were_painted_in_part_are_refused(images, tmp_path):
    (images / MARK).write_text("paint\n")
    with pytest.raises(InputError, match="`paint` was stopped half-way"):
        prepare_folder(images, tmp_path / "data")


def test_a_sheet_becomes_tiles(tmp_path):
    sheet = np.concatenate([hero(shape, CLOTH["warm"]) for shape in (1, 2, 1)], axis=1)
    write_png(tmp_path / "images" / "sheet.png", sheet)
    report = prepare_folder(tmp_path / "images", tmp_path / "data", tiles=64)
    assert report.counts == {"ignored": 1, "accepted": 2, "duplicate": 1}
    assert set(content(tmp_path / "data" / "prepared")) == {"sheet_r00_c00.png", "sheet_r00_c01.png"}


def test_other_sizes(images, tmp_path):
    assert prepare_folder(images, tmp_path / "data", size=96).counts["accepted"] == 15
    assert read_rgba(tmp_path / "data" / "prepared" / "heroes" / "00_cool.png").shape == (96, 96, 4)


def test_options_reach_the_portraits_and_what_nobody_asked_for_is_told(tmp_path):
    large = hero(4, CLOTH["warm"], size=100)
    large[:, 70:] = np.arange(30)[:, None] * (8, 0, 0, 0) + (5, 200, 90, 255)
    write_png(tmp_path / "images" / "large.png", large)
    write_png(tmp_path / "images" / "flat.png", np.where(large[:60, :60, 3:] > 0, large[:60, :60], 255))
    report = prepare_folder(tmp_path / "images", tmp_path / "data", options=PrepareOptions(reduce="mode", colours=4))
    rows = {row["filename"]: row for row in read_rows(tmp_path / "data" / "sprites_raw.csv")}
    assert (rows["large.png"]["native_width"], rows["large.png"]["reason"]) == ("100", "larger art reduced by mode")
    assert int(rows["large.png"]["colours"]) <= 4
    assert rows["flat.png"]["reason"] == "flat background made transparent"
    assert report.reasons["accepted", "flat background made transparent"] == ["flat.png"]
    assert prepare_folder(tmp_path / "images", tmp_path / "data").counts == {"accepted": 1, "rejected": 1}


def test_bad_arguments_and_folders_say_what_to_do(images, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").touch()
    prepare_folder(images, tmp_path / "data")
    for arguments, told in [
        ((tmp_path / "nowhere", tmp_path / "d"), "not a folder"),
        ((images, images), "another data folder"),
        ((tmp_path / "data" / "prepared", tmp_path / "data"), "another data folder"),
        ((images, images / "broken.png"), "is a file"),
        ((tmp_path / "empty", tmp_path / "d"), "paint"),
        ((tmp_path / "bad", tmp_path / "d"), "empty file"),
        ((images, tmp_path / "d", 0), "size"),
        ((images, tmp_path / "d", 64, 0), "tiles"),
        ((images, tmp_path / "d", 100_000), "size must be from 1 to 1,024"),
    ]:
        with pytest.raises(InputError, match=told):
            prepare_folder(*arguments)


def trimmed_heroes(folder, sides):
    for height, width in sides:
        art = np.full((height, width, 4), (height, width, 90, 255), np.uint8)
        art[1::3, ::2] = (200, height, width, 255)
        write_png(folder / f"t{height}.png", art)


def test_pictures_cut_to_their_content_share_one_enlargement(tmp_path):
    trimmed_heroes(tmp_path / "images", [(31, 19), (27, 17), (20, 12), (35, 23), (16, 9)])
    heights = {}
    for enlarge in (None, "each", 2):
        options = PrepareOptions(enlarge=enlarge, keep_background=True)
        report = prepare_folder(tmp_path / "images", tmp_path / "data", options=options)
        portraits = [read_rgba(path) for path in sorted((tmp_path / "data" / "prepared").glob("*.png"))]
        heights[enlarge] = [int(portrait[..., 3].any(axis=1).sum()) for portrait in portraits]
        said = [line for line in report.warnings if "all are enlarged x1" in line]
        assert len(said) == (enlarge is None)
    assert heights == {None: [16, 20, 27, 31, 35], "each": [64, 60, 54, 62, 35], 2: [32, 40, 54, 62, 35]}


def test_other_enlargements_than_most_are_told_once_with_examples(images, tmp_path):
    for number in range(4):
        write_png(images / f"small{number}.png", sprite(number, 32))
    report = prepare_folder(images, tmp_path / "data")
    (line,) = [line for line in report.warnings if "enlarged" in line]
    assert line.startswith("4 images: enlarged unlike most, e.g. small0.png (x2 instead of x1), small1.png")
    assert line.endswith("; --enlarge 1 gives all one scale") and "small3.png" not in line
    rows = {row["filename"]: row["reason"] for row in read_rows(tmp_path / "data" / "sprites_raw.csv")}
    assert rows["small3.png"] == "enlarged unlike most: x2 instead of x1"


def test_frames_of_one_hero_are_one_group(tmp_path):
    for number in range(4):
        for frame in range(2):
            art = hero(10 * number + frame, (40 * number, 255 - 40 * number, 7 * number))
            write_png(tmp_path / "images" / f"hero{number}" / f"walk_{frame}.png", art)
    group_of = {}
    for group_by in (None, "silhouette", "folder", "*walk_{frame}"):
        report = prepare_folder(tmp_path / "images", tmp_path / "data", group_by=group_by)
        rows = read_rows(tmp_path / "data" / "sprites_raw.csv")
        group_of[group_by] = {row["filename"]: row["group_id"] for row in rows}
        assert any("one hero" in line for line in report.warnings) == (group_by is None)
    by_hero = group_of[None]
    assert len(set(by_hero.values())) == 4 and by_hero == group_of["folder"]
    assert all(len({by_hero[f"hero{number}/walk_{frame}.png"] for frame in range(2)}) == 1 for number in range(4))
    assert len(set(group_of["silhouette"].values())) > 4 and len(set(group_of["*walk_{frame}"].values())) <= 2


def test_badly_cut_sheets_are_drawn_and_good_ones_take_the_picture_away(tmp_path):
    sheet = np.concatenate([np.pad(hero(shape, CLOTH["warm"]), ((0, 0), (4, 4), (0, 0))) for shape in (1, 2)], axis=1)
    write_png(tmp_path / "images" / "sheet.png", sheet)
    report = prepare_folder(tmp_path / "images", tmp_path / "data", tiles=Tiles(40, 64))
    assert any("tile cuts through a drawing" in line and "cut_tiles.png" in line for line in report.warnings)
    assert read_rgba(tmp_path / "data" / "cut_tiles.png").any()
    assert prepare_folder(tmp_path / "images", tmp_path / "data", 72, Tiles(72, 64)).warnings == []
    assert not (tmp_path / "data" / "cut_tiles.png").exists()


def test_labels_beside_the_images_are_found_again(images, tmp_path):
    data = tmp_path / "data"
    assert labels_beside(data) is None
    prepare_folder(images, data)
    assert labels_beside(data).samefile(images / "labels.csv")
    (images / "labels.csv").unlink()
    assert labels_beside(data) is None
    (data / "prepare_config.json").write_text("[]")
    assert labels_beside(data) is None
