"""Reading a folder to export, and names that every system can have."""

import numpy as np
import pytest
from PIL import Image

from src.errors import InputError
from src.export.portraits import LONGEST_NAME, Portraits, read_portraits
from tests.export.art import few_colours, write_folder


def names(*files):
    return Portraits(np.zeros((len(files), 1, 1, 4), np.uint8), files, ({"labels": {}},) * len(files)).names


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("hero_feminine_mage_000001.png", "hero_feminine_mage_000001"),
        ("con.png", "hero_con"),
        ("a b/c__d.PNG", "hero_a-b_c_d"),
        ("..\\z*?.png", "hero_z"),
        (".png", "hero"),
        ("\udcff<é>.png", "hero_é"),
    ],
)
def test_names_are_safe(file, name):
    assert names(file) == [name]


def test_names_are_distinct_on_any_file_system_and_short():
    found = names("a.png", "A.png", "a_2.png", "e\u0301.png", "é.png", "\u4e00" * 200 + ".png", "_".join("abc" * 99))
    assert found[:5] == ["hero_a", "hero_A_2", "hero_a_2_2", "hero_e", "hero_é"]
    assert all(len(name.encode()) <= LONGEST_NAME for name in found)


def test_a_manifest_says_which_pictures_and_in_which_order(tmp_path):
    images = few_colours(3)
    entries = {f"{name}.png": {"seed": 1, "labels": {"gender": name, "none": ""}} for name in "bca"}
    folder = write_folder(tmp_path / "in", images, entries)
    Image.fromarray(images[0]).save(tmp_path / "outside.png")
    Image.fromarray(images[0]).save(folder / "grid.png")
    Image.new("RGBA", (99, 99)).save(folder / "sheet.png")
    (folder / "c.png").unlink()
    text = (folder / "manifest.json").read_text()
    # A byte order mark, as some editors write.
    (folder / "manifest.json").write_text(
        "\ufeff" + text.replace('{"b.png"', '{"../outside.png": {"labels": {}}, "b.png"'), encoding="utf-8"
    )
    portraits = read_portraits(folder)
    assert portraits.files == ("b.png", "a.png") and np.array_equal(portraits.images, images[[0, 2]])
    assert portraits.labels == ({"gender": "b"}, {"gender": "a"}) and portraits.attributes == ("gender",)
    assert portraits.sorted_by(["gender"]).files == ("a.png", "b.png")


def test_any_pictures_do_and_a_table_may_label_them(tmp_path):
    for place in ("x/2.png", "1.png", "grid.png", "._1.png", ".ipynb_checkpoints/1-checkpoint.png"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        Image.fromarray(few_colours(1)[0]).save(tmp_path / place)
    (tmp_path / "labels.csv").write_text("filename,mood\nx/2.png,grim\n")
    portraits = read_portraits(tmp_path)
    assert portraits.files == ("1.png", "x/2.png") and portraits.labels == ({}, {"mood": "grim"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "holds no pictures"),
        ({"a.png": b"no picture"}, r"a\.png: not an image"),
        ({"manifest.json": b"[1]", "a.png": b""}, "is not a manifest"),
        ({"manifest.json": b'{"a.png": {"labels": 3}}', "a.png": b""}, "is not a manifest"),
    ],
)
def test_bad_folders_are_refused_in_one_line(tmp_path, content, message):
    for name, text in content.items():
        (tmp_path / name).write_bytes(text)
    with pytest.raises(InputError, match=message) as caught:
        read_portraits(tmp_path)
    assert "\n" not in str(caught.value)


def test_sizes_that_differ_are_refused(tmp_path):
    Image.new("RGBA", (16, 16)).save(tmp_path / "a.png")
    Image.new("RGBA", (16, 17)).save(tmp_path / "b.png")
    with pytest.raises(InputError, match=r"b\.png is 16x17, a\.png is 16x16"):
        read_portraits(tmp_path)
