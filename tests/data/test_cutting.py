import numpy as np
import pytest

from src.data.cutting import Tiles, draw_cut_tiles, sheet_of
from src.errors import InputError
from tests.data.drawn import sprite


def sheet(tiles, rows, columns, seed=0):
    """A sheet of figures, each with an empty pixel around it."""
    height = 2 * tiles.margin + rows * (tiles.height + tiles.spacing) - tiles.spacing
    width = 2 * tiles.margin + columns * (tiles.width + tiles.spacing) - tiles.spacing
    result = np.zeros((height, width, 4), np.uint8)
    for number, (_, _, tile) in enumerate(tiles.cut(result)):
        figure = sprite(seed + number, max(tiles.width, tiles.height))
        tile[1:-1, 1:-1] = figure[: tiles.height - 2, : tiles.width - 2]
    return result


@pytest.mark.parametrize(
    "tiles", [Tiles(16, 16), Tiles(24, 32), Tiles(24, 32, 1, 1), Tiles(16, 24, 2, 1), Tiles(24, 32, 3, 2)]
)
def test_a_sheet_is_known_and_its_tiles_cut_through_nothing(tiles):
    drawn = sheet(tiles, 3, 4)
    assert len(list(tiles.cut(drawn))) == 12 and tiles.left_over(*drawn.shape[:2]) == (0, 0)
    assert not tiles.cut_through(drawn).any()
    found = sheet_of(drawn[..., 3] > 0)
    assert found is not None and not found.cut_through(drawn).any() and len(list(found.cut(drawn))) == 12
    if not tiles.margin:
        assert found == tiles


def test_of_several_tiles_sides_of_eight_come_first():
    assert sheet_of(sheet(Tiles(16, 16, 2, 4), 3, 4)[..., 3] > 0) == Tiles(16, 16, 2, 4)


def test_two_specks_are_no_sheet():
    specks = np.zeros((32, 64), bool)
    specks[14:16, 14:16] = specks[14:16, 46:48] = True
    assert sheet_of(specks) is None
    specks[8:24, 8:24] = specks[8:24, 40:56] = True
    assert sheet_of(specks) is not None


def test_one_figure_is_no_sheet():
    for seed in range(20):
        assert sheet_of(sprite(seed, 48)[..., 3] > 0) is None
    apart = sprite(0, 48)
    apart[:, 40:] = 0
    apart[4:44, 45] = (200, 200, 200, 255)  # a staff beside the figure
    assert sheet_of(apart[..., 3] > 0) is None


def test_wrong_tiles_are_seen_and_drawn():
    drawn = sheet(Tiles(24, 32), 2, 3)
    wrong = Tiles(20, 32)
    through = wrong.cut_through(drawn)
    assert through.mean() > 0.5
    picture = draw_cut_tiles(drawn, wrong, through)
    assert picture.shape == (256, 288, 3) and (picture == (230, 30, 30)).all(axis=-1).any()


@pytest.mark.parametrize(
    ("text", "margin", "spacing", "tiles"),
    [("32", 0, 0, (32, 32)), ("24x32", 1, 2, (24, 32)), ("24X32", 0, 0, (24, 32))],
)
def test_tiles_are_read(text, margin, spacing, tiles):
    read = Tiles.parse(text, margin, spacing)
    assert (read.width, read.height, read.margin, read.spacing) == (*tiles, margin, spacing)
    assert str(Tiles(24, 32, 1)) == "--tiles 24x32 --margin 1"


@pytest.mark.parametrize("given", [("0",), ("24x",), ("x",), ("1x2x3",), ("-4",), ("٣",), ("8", -1)])
def test_bad_tiles_are_one_line(given):
    with pytest.raises(InputError, match=r"tiles|margin"):
        Tiles.parse(*given)
