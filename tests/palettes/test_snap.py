"""Palette files, palettes by k-means, snapping."""

import subprocess
import sys

import numpy as np
import pytest

from src.errors import InputError
from src.palettes.files import write_palette
from src.palettes.oklab import srgb_to_oklab
from src.palettes.snap import ColourTable, choose_palette, cluster_palette, colour_table, snap
from tests.conftest import make_portraits

SIX = np.array([[0, 0, 0], [26, 28, 44], [93, 39, 93], [177, 62, 83], [239, 125, 87], [255, 255, 255]], np.uint8)


def as_set(colours):
    return {tuple(colour) for colour in np.asarray(colours).reshape(-1, 3).tolist()}


def test_snapping_takes_the_nearest_colour_of_the_palette_and_leaves_alpha_alone():
    images, _ = make_portraits(5)
    before = images.copy()
    snapped = snap(images, SIX)
    assert np.array_equal(images, before)
    assert np.array_equal(snapped[..., 3], images[..., 3])
    # A palette without black would show if transparent pixels were snapped too.
    assert (snap(images, SIX[1:])[images[..., 3] == 0] == 0).all()
    visible = images[..., 3] > 0
    assert as_set(snapped[visible][:, :3]) <= as_set(SIX)
    # One pixel at a time, by the definition.
    for pixel, result in zip(images[visible][:400, :3], snapped[visible][:400, :3], strict=True):
        distances = [float(np.linalg.norm(srgb_to_oklab(pixel) - srgb_to_oklab(colour))) for colour in SIX]
        assert tuple(result) == tuple(SIX[int(np.argmin(distances))])
    assert np.array_equal(snap(snapped, SIX), snapped)


def test_snapping_works_in_blocks_and_on_nothing():
    random = np.random.RandomState(0)
    many = random.randint(0, 256, (100, 100, 4)).astype(np.uint8)
    many[..., 3] = 255
    assert len(np.unique(many.reshape(-1, 4), axis=0)) > 2 * 4096
    whole = snap(many, SIX)
    assert np.array_equal(whole[90:], snap(many[90:], SIX))
    assert not snap(np.zeros((4, 4, 4), np.uint8), SIX).any()


def test_table_counts_visible_colours():
    images = np.zeros((2, 2, 2, 4), np.uint8)
    images[0, 0] = (10, 20, 30, 255)
    images[1, 0, 0] = (10, 20, 30, 255)
    images[1, 1, 1] = (200, 0, 0, 255)
    table = colour_table(images)
    assert dict(zip(map(tuple, table.colours.tolist()), table.counts.tolist(), strict=True)) == {
        (10, 20, 30): 3,
        (200, 0, 0): 1,
    }


def test_a_set_of_too_many_colours_is_merged_without_losing_a_pixel_or_inventing_a_colour():
    images, _ = make_portraits(48)
    visible = images[images[..., 3] > 0][:, :3]
    assert len(as_set(visible)) > 4096
    table = colour_table(images)
    assert 512 <= len(table.colours) <= 4096 and table.counts.sum() == len(visible)
    assert as_set(table.colours) <= as_set(visible)
    assert table.colours.nbytes + table.counts.nbytes < 50_000
    # The commoner of two colours that differ in the lowest bit stands for both.
    pair = np.full((1, 1, 24, 4), 255, np.uint8)
    pair[0, 0, :, 0] = np.repeat(np.arange(0, 256, 32), 3) + np.tile([0, 1, 1], 8)
    few = colour_table(pair, most=8)
    assert sorted(few.colours[:, 0].tolist()) == list(range(1, 256, 32)) and (few.counts == 3).all()


@pytest.mark.parametrize("count", [2, 6])
def test_kmeans_finds_planted_clusters(count):
    """Each planted colour is the commonest and in the middle of its cluster."""
    centres = SIX[np.linspace(1, 4, count).astype(int)] if count == 2 else SIX
    random = np.random.RandomState(1)
    colours, counts = [centres], [np.full(count, 50)]
    for centre in centres:
        colours.append(np.clip(centre.astype(int) + random.randint(-2, 3, (12, 3)), 0, 255).astype(np.uint8))
        counts.append(np.ones(12, int))
    distinct, first = np.unique(np.concatenate(colours), axis=0, return_index=True)
    table = ColourTable(distinct, np.concatenate(counts)[first])
    palette = cluster_palette(table, count)
    assert palette.shape == (count, 3)
    assert (np.diff(srgb_to_oklab(palette)[:, 0]) >= 0).all()
    # The middle of a cluster may be a neighbour a step or two away; in sRGB, planted colours lie 26 and more apart.
    assert (np.abs(palette.astype(int) - centres).max(axis=1) <= 2).all()
    assert as_set(palette) <= as_set(distinct)
    assert np.array_equal(palette, cluster_palette(table, count))


def test_kmeans_weighs_colours_by_how_often_they_occur():
    """Two near greys that fill the pictures get a colour each; weighed alike, the far-off rare ones would take both."""
    colours = np.array([[100, 100, 100], [130, 130, 130], [250, 0, 0], [0, 0, 250]], np.uint8)
    common = cluster_palette(ColourTable(colours, np.array([100_000, 100_000, 1, 1])), 2)
    assert as_set(common) == {(100, 100, 100), (130, 130, 130)}
    alike = cluster_palette(ColourTable(colours, np.array([1, 1, 1, 1])), 3)
    assert {(250, 0, 0), (0, 0, 250)} <= as_set(alike)


def test_a_set_with_fewer_colours_than_asked_for_gives_them_all():
    table = ColourTable(SIX[::-1].copy(), np.arange(1, 7))
    assert np.array_equal(cluster_palette(table, 32), SIX)


def test_a_palette_is_a_number_or_a_file(tmp_path):
    table = ColourTable(SIX, np.arange(1, 7))
    write_palette(tmp_path / "six.hex", SIX)
    assert len(choose_palette("3", table)) == 3
    assert np.array_equal(choose_palette(str(tmp_path / "six.hex"), None), SIX)
    for wanted, message in (
        ("1", "2 to 256"),
        ("257", "2 to 256"),
        ("-3", "neither a number"),
        (str(tmp_path / "none.hex"), "neither a number"),
        (str(tmp_path / "none.docx"), "neither a number"),
    ):
        with pytest.raises(InputError, match=message):
            choose_palette(wanted, table)
    with pytest.raises(InputError, match="give a palette file"):
        choose_palette("8", None)


def test_no_torch_is_needed():
    code = "import sys, src.palettes.snap; sys.exit(int('torch' in sys.modules or 'sklearn' in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
