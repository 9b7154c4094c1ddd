"""Indexed PNG: number 0 is transparent, and no colour changes."""

import numpy as np
import pytest
from PIL import Image

from src.export.indexed import visible_colours, write_picture
from tests.export.art import few_colours, read


def many_colours(count):
    """One picture uint8 [20, 20, 4] of so many colours, and transparency."""
    pixels = np.zeros((400, 4), np.uint8)
    pixels[:count, 0], pixels[:count, 1], pixels[:count, 3] = np.arange(count) % 256, np.arange(count) // 256, 255
    return pixels.reshape(20, 20, 4)


@pytest.mark.parametrize(
    ("picture", "indexed"),
    [
        (few_colours(1)[0], True),
        (many_colours(1), True),
        (many_colours(255), True),
        (many_colours(256), False),
        (many_colours(400), False),
        (many_colours(0), True),
    ],
    ids=["few", "black alone", "255", "256", "opaque", "nothing"],
)
def test_a_picture_reads_back_and_number_0_is_transparent(tmp_path, picture, indexed):
    assert write_picture(tmp_path / "a.png", picture) is indexed
    assert np.array_equal(read(tmp_path / "a.png"), picture)
    with Image.open(tmp_path / "a.png") as opened:
        assert opened.mode == ("P" if indexed else "RGBA")
        if indexed:
            assert opened.info["transparency"] == 0
            assert np.array_equal(np.asarray(opened) == 0, picture[..., 3] == 0)


def test_pictures_with_one_palette_share_its_numbers(tmp_path):
    images = few_colours(3)
    palette = visible_colours(images)[::-1]
    for number, image in enumerate(images):
        write_picture(tmp_path / f"{number}.png", image, palette)
        with Image.open(tmp_path / f"{number}.png") as opened:
            assert opened.getpalette()[3 : 3 + palette.size] == palette.reshape(-1).tolist()
            numbers = np.asarray(opened)
        assert np.array_equal(palette[numbers[numbers > 0] - 1], image[numbers > 0][:, :3])


def test_colours_come_dark_to_light():
    assert visible_colours(few_colours(2)).tolist()[0] == [0, 0, 0]
    assert visible_colours(few_colours(2)).tolist()[-1] == [200, 200, 200]
