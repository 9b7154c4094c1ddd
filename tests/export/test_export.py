"""`export`: portraits or samples to files, through the command line."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from src.__main__ import main
from src.errors import InputError
from src.export.export import ANIMATIONS, FORMATS, export
from src.export.portraits import Portraits, read_portraits
from src.manifest import read_entries
from src.palettes.files import read_palette
from tests.conftest import make_portraits
from tests.export.art import few_colours, labelled, read, visible, write_folder


def folder_of(path, images):
    portraits = labelled(images)
    return write_folder(path, images, dict(zip(portraits.files, portraits.entries, strict=True)))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The portraits, and a folder with all formats of them."""
    folder = tmp_path_factory.mktemp("export")
    images = few_colours(7)
    arguments = ["--images", str(folder_of(folder / "in", images)), "--out", str(folder / "out"), "--scale", "2"]
    arguments += ["--margin", "2", "--spacing", "1", "--tags", "hero_class, gender"]
    assert main(["export", *arguments, "--formats", ",".join(FORMATS)]) == 0
    return labelled(images).sorted_by(["hero_class", "gender"]), folder / "out"


def test_every_file_shows_the_same_portraits(exported):
    portraits, out = exported
    images = few_colours(7)  # in the folder's order
    files = ["heroes.apng", "heroes.gif", "heroes.gpl", "heroes.hex", "heroes.json", "heroes.pal", "heroes.png"]
    files += ["heroes.tres", "heroes.tsx", "heroes_array.json", "heroes_x2.png", "portraits"]
    assert sorted(path.name for path in out.iterdir()) == files
    sheet, content = read(out / "heroes.png"), json.loads((out / "heroes.json").read_text())
    assert content["meta"]["format"] == "I8" and sheet.shape[:2] == (2 + 3 * 17 + 1,) * 2
    assert [f"{name}.png" for name in portraits.names] == list(content["frames"])
    for image, (name, frame) in zip(portraits.images, content["frames"].items(), strict=True):
        left, top = frame["frame"]["x"], frame["frame"]["y"]
        assert np.array_equal(sheet[top : top + 16, left : left + 16], image)
        assert np.array_equal(read(out / "portraits" / name), image)
    assert np.array_equal(read(out / "heroes_x2.png")[::2, ::2], sheet)
    again = read_portraits(out / "portraits")
    assert (dict(zip(again.files, again.labels, strict=True)), len(again.entries[0])) == (
        {f"{name}.png": labels for name, labels in zip(portraits.names, portraits.labels, strict=True)},
        3,
    )
    assert [tag["name"] for tag in content["meta"]["frameTags"]][:2] == ["bard_feminine", "bard_masculine"]
    tiles = [[each.get("value") for each in tile.iter()] for tile in ElementTree.parse(out / "heroes.tsx").iter("tile")]
    assert all(name in values for name, values in zip(portraits.names, tiles, strict=True))
    for kind in ANIMATIONS:
        with Image.open(out / f"heroes.{kind}") as animation:
            assert (animation.n_frames, animation.size) == (7, (32, 32))
            animation.seek(6)
            assert np.array_equal(visible(animation)[::2, ::2], images[6])


def test_one_palette_in_every_file_of_it(exported):
    _, out = exported
    palettes = [read_palette(out / f"heroes.{kind}").tolist() for kind in ("gpl", "hex", "pal")]
    assert palettes[0] == palettes[1] == palettes[2]
    assert (out / "heroes.pal").read_bytes().startswith(b"JASC-PAL\r\n0100\r\n27\r\n")
    for path in [out / "heroes.png", *(out / "portraits").glob("*.png")]:
        with Image.open(path) as picture:
            assert np.reshape(picture.getpalette(), (-1, 3))[1:28].tolist() == palettes[0]


def test_many_colours_are_said_and_snapped_when_that_is_asked_for(tmp_path, capsys):
    images, _ = make_portraits(4)
    folder = str(folder_of(tmp_path / "in", images))
    assert main(["export", "--images", folder, "--out", str(tmp_path / "raw")]) == 0
    said = capsys.readouterr().out
    assert "the sheet has more than 255 colours: not indexed; --palette-snap 255 or less" in said
    assert json.loads((tmp_path / "raw" / "heroes.json").read_text())["meta"]["format"] == "RGBA8888"
    (tmp_path / "own.hex").write_text("ffffff\n000000\nff00ff\n")
    arguments = ["export", "--images", folder, "--out", str(tmp_path / "out"), "--formats", "png,json-hash,gpl"]
    assert main([*arguments, "--palette-snap", str(tmp_path / "own.hex")]) == 0
    assert "not indexed" not in capsys.readouterr().out
    # The file's colours keep their numbers.
    palette = read_palette(tmp_path / "out" / "heroes.gpl").tolist()
    assert palette == [[255, 255, 255], [0, 0, 0], [255, 0, 255]]
    with Image.open(tmp_path / "out" / "heroes.png") as picture:
        assert np.reshape(picture.getpalette(), (-1, 3))[1:4].tolist() == palette


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--formats", "png,psd"], "unknown format 'psd'; choose some of: png, json-hash"),
        (["--formats", ","], "no format is named; choose some of: png, json-hash"),
        (["--tags", "mood"], "no portrait has 'mood'; attributes: gender, hero_class, palette"),
        (["--scale", "0"], "--scale must be 1 to 32"),
        (["--milliseconds", "5"], "20 to 60000"),
        (["--margin", "16"], "the margin must be 0 to 15"),
        (["--columns", "0"], "at least one column"),
        (["--formats", "png,hex"], "colours and a palette file at most 256; reduce them with --palette-snap 255"),
        (["--palette-snap", "1"], "a palette has 2 to 256 colours"),
        (["--scale", "8"], "--scale enlarges preview, gif and apng"),
        (["--seed", "3"], "--seed is for samples"),
        (["--gender", "feminine"], "--gender is for samples"),
    ],
)
def test_bad_requests_are_one_line_and_write_nothing(tmp_path, capsys, arguments, message):
    folder = folder_of(tmp_path / "in", make_portraits(4)[0])
    assert main(["export", "--images", str(folder), "--out", str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and message in error and not (tmp_path / "out").exists()


def test_what_lies_beside_the_exported_portraits_is_named(tmp_path, capsys):
    out = tmp_path / "out" / "portraits"
    folder = folder_of(tmp_path / "in", make_portraits(4)[0])
    arguments = ["export", "--images", str(folder), "--out", str(out.parent), "--formats", "png"]
    assert main(arguments) == 0
    (out / "aaa.png").write_bytes(b"")
    capsys.readouterr()
    assert main(arguments) == 0
    assert "1 other PNG files lie there too, e.g. aaa.png" in capsys.readouterr().out
    assert (out / "aaa.png").exists()


def test_bad_formats_are_refused_before_samples_are_made(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("src.__main__.sampled_heroes", lambda _: pytest.fail("sampled"))
    assert main(["export", "--out", str(tmp_path), "--formats", "png,psd"]) == 2
    assert "unknown format 'psd'" in capsys.readouterr().err


def test_nothing_visible_and_too_large_sheets_are_refused(tmp_path):
    with pytest.raises(InputError, match="transparent"):
        export(labelled(np.zeros((2, 16, 16, 4), np.uint8)), tmp_path)
    with pytest.raises(InputError, match="export fewer"):
        export(labelled(few_colours(40)), tmp_path, ["preview"], columns=40, scale=32)
    assert not list(tmp_path.iterdir())


def test_training_becomes_an_animation(tmp_path, capsys):
    (tmp_path / "samples").mkdir()
    for number, name in enumerate(["fakes_init", "fakes_000001"]):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / "samples" / f"{name}.png")
    arguments = ["export", "--training", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    assert "heroes.gif: 2 frames" in capsys.readouterr().out
    with Image.open(tmp_path / "out" / "heroes.gif") as animation:
        assert animation.n_frames == 2
    assert main([*arguments, "--formats", "gif,png"]) == 2
    assert "frames become gif or apng" in capsys.readouterr().err.splitlines()[-1]


def test_a_new_sheet_is_never_beside_the_description_of_another(tmp_path, capsys):
    """Not even where the second export is stopped once the sheet is there."""
    first, second = (labelled(few_colours(count)) for count in (4, 6))
    export(first, tmp_path, ["json-hash", "json-array", "godot", "tiled"])
    lines = export(second, tmp_path, ["tiled"])
    assert {path.name for path in tmp_path.iterdir()} == {"heroes.png", "heroes.tsx"}
    assert sum("described an earlier sheet and was removed" in line for line in lines) == 3
    assert ElementTree.parse(tmp_path / "heroes.tsx").getroot().get("tilecount") == "6"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("heroes.json", '{"heroes": [{"name": "Anna"}]}'),
        ("heroes_array.json", "[]"),
        ("heroes.tres", '[gd_resource type="Resource"]'),
        ("heroes.tsx", "export const Heroes = () => <ul />"),
    ],
)
def test_a_file_of_the_games_own_is_not_lost(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match="is not of an earlier export"):
        export(labelled(few_colours(4)), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == text
    assert export(labelled(few_colours(4)), tmp_path, ["hex"])


def test_portraits_of_an_earlier_export_stay_in_the_manifest(tmp_path):
    first, second = few_colours(4)[:2], few_colours(4)[2:]
    for images, name in ((first, "a"), (second, "b")):
        entries = tuple({"labels": {"kind": name}} for _ in images)
        export(Portraits(images, (f"{name}_1.png", f"{name}_2.png"), entries), tmp_path, ["png"])
        (tmp_path / "portraits" / "hero_a_2.png").unlink(missing_ok=True)
    assert sorted(read_portraits(tmp_path / "portraits").files) == ["hero_a_1.png", "hero_b_1.png", "hero_b_2.png"]
    assert not read_entries(tmp_path / "portraits").keys() & {"hero_a_2.png"}


def test_an_export_does_not_read_what_it_wrote(tmp_path, capsys):
    folder = folder_of(tmp_path / "in", few_colours(2))
    # With a manifest only what that names is read.
    assert main(["export", "--images", str(folder), "--out", str(folder / "game")]) == 0
    (folder / "manifest.json").unlink()
    for out in (folder, folder / "other"):
        assert main(["export", "--images", str(folder), "--out", str(out)]) == 2
        assert "choose another --out" in capsys.readouterr().err
    portraits = folder_of(tmp_path / "zip" / "portraits", few_colours(2))
    before = {path.name: path.read_bytes() for path in portraits.iterdir()}
    assert main(["export", "--images", str(portraits), "--out", str(tmp_path / "zip"), "--palette-snap", "2"]) == 2
    assert {path.name: path.read_bytes() for path in portraits.iterdir()} == before


def test_a_table_that_names_other_files_is_said(tmp_path, capsys):
    folder = folder_of(tmp_path / "in", few_colours(2))
    (folder / "manifest.json").unlink()
    (folder / "labels.csv").write_text("filename,kind\nelsewhere.png,mage\n")
    assert main(["export", "--images", str(folder), "--out", str(tmp_path / "out")]) == 0
    assert "labels.csv says nothing of 2 of 2 pictures" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--tags", "--columns", "--margin", "--spacing", "--scale", "--palette-snap"])
def test_training_grids_take_no_option_of_portraits(tmp_path, capsys, option):
    assert main(["export", "--training", str(tmp_path), "--out", str(tmp_path / "out"), option, "3"]) == 2
    assert f"{option} is for portraits; leave it out" in capsys.readouterr().err


def test_portraits_alone_need_no_sheet_that_a_card_can_hold(tmp_path):
    wide = np.zeros((5, 100, 9000, 4), np.uint8)
    wide[:, 0] = 255
    export(labelled(wide), tmp_path / "out", ["png"])
    with pytest.raises(InputError, match="the sheet would be"):
        export(labelled(wide), tmp_path / "sheet", ["png", "json-hash"])
