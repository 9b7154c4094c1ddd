import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from src.data import native_grid
from src.data.native_grid import ramp_share, recover_native
from src.images import BadImage, count_colours
from tests.data.art import CLOTH, hero
from tests.data.drawn import decode, encode, enlarge, over, smooth_noise, sprite
from tests.test_images import random_art

SMOOTH = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)


@given(st.integers(1, 6), st.integers(2, 9), st.integers(2, 9), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_whole_enlargement_is_found_and_undone(factor, height, width, seed):
    art = random_art(height, width, seed)
    enlarged = art.repeat(factor, axis=0).repeat(factor, axis=1)
    found = recover_native(enlarged, 64)
    assert (found.scale, found.noisy) == (factor, False)
    assert np.array_equal(found.pixels, art)


@pytest.mark.parametrize("factor", [2.5, 3.7, 6.2, 7.3])
def test_a_fractional_enlargement_is_undone_to_the_pixel(factor):
    for seed in range(3):
        art = sprite(seed, 48)
        found = recover_native(enlarge(art, factor), 64)
        assert found.scale == pytest.approx(factor, abs=0.02)
        assert np.array_equal(found.pixels, art)


@pytest.mark.parametrize("factor", [3, 5, 7.3])
def test_a_cropped_enlargement_keeps_the_cells_that_still_show(factor):
    art = over(sprite(4, 48))
    cut = enlarge(art, factor)[2:-4, 1:-3]
    found = recover_native(cut, 64)
    assert found.scale == pytest.approx(factor, abs=0.02)
    height, width = found.pixels.shape[:2]
    assert np.array_equal(found.pixels, art[:height, :width])
    assert min(height, width) >= 46


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 7.3, 9])
def test_the_grid_survives_jpeg(factor):
    for seed in range(2):
        art = over(sprite(seed, 48))
        found = recover_native(decode(encode(enlarge(art, factor), "JPEG", quality=80)), 64)
        assert (found.noisy, found.pixels.shape) == (True, art.shape)
        assert found.scale == pytest.approx(factor, abs=0.02)
        error = np.abs(found.pixels.astype(int) - art)[..., :3].max(axis=-1)
        # Half the colour resolution of JPEG is lost: cells of two or three pixels take colour from their neighbours.
        assert np.median(error) <= {2: 10, 3: 8}.get(factor, 4)


@pytest.mark.parametrize("method", SMOOTH)
@pytest.mark.parametrize("factor", [3, 4, 7.3])
@pytest.mark.parametrize("background", [False, True])
def test_smooth_enlargements_are_refused(method, factor, background):
    art = sprite(5, 48)
    enlarged = enlarge(over(art) if background else art, factor, method)
    with pytest.raises(BadImage, match="smooth enlargement"):
        recover_native(enlarged, 64)


def test_a_smooth_picture_is_refused_even_where_it_fits():
    for picture in (smooth_noise(0, 64), smooth_noise(1, 200), enlarge(sprite(0, 16), 4, Image.Resampling.BILINEAR)):
        with pytest.raises(BadImage, match="smooth"):
            recover_native(picture, 64)


def test_drawn_art_is_never_taken_for_smooth():
    radius = np.hypot(*(np.mgrid[:64, :64] - 32.0))
    glow = np.stack([255 - 4 * radius, 200 - 3 * radius, 80 + 2 * radius, np.full((64, 64), 255)], axis=-1)
    gradient = np.where(sprite(1, 64)[..., 3:] > 0, sprite(1, 64), np.clip(glow, 0, 255).astype(np.uint8))
    for art in (gradient, random_art(64, 64), hero(0, CLOTH["warm"]), sprite(2, 64)):
        found = recover_native(art, 64)
        assert found.scale == 1 and np.array_equal(found.pixels, art)


def test_a_pixel_drawn_on_top_of_an_enlargement_is_not_smoothed_away():
    for art in (over(sprite(0, 32)), random_art(32, 32)):  # few colours, and as many as noise has
        enlarged = enlarge(art, 6).copy()
        enlarged[100, 101, :3] = (0, 255, 0)
        found = recover_native(enlarged, 64)
        assert found.scale == 1 and np.array_equal(found.pixels, enlarged)


def test_a_few_rectangles_do_not_make_a_comb():
    art = np.zeros((64, 64, 4), np.uint8)
    art[7:28, 7:35] = art[28:49, 14:56] = (200, 10, 10, 255)
    art[14:21, 14:21] = (10, 10, 200, 255)
    assert recover_native(art, 64).scale == 1


def test_the_ramp_share_tells_steps_from_slopes():
    slope = np.zeros((8, 64, 4), np.uint8)
    slope[..., :3] = np.arange(0, 256, 4, dtype=np.uint8)[:, None]
    slope[..., 3] = 255
    assert ramp_share(slope) == 1
    assert ramp_share(slope.repeat(4, axis=1)) == 0


@pytest.mark.parametrize("factor", [1.5, 1.75, 1.8])
def test_an_enlargement_below_twofold_is_undone_to_the_pixel(factor):
    for seed in range(3):
        art = sprite(seed, 32)
        found = recover_native(enlarge(art, factor), 64)
        assert found.scale == pytest.approx(factor, abs=0.02) and np.array_equal(found.pixels, art)


def test_half_as_large_again_is_undone_anywhere_on_a_canvas():
    canvas = np.zeros((64, 64, 4), np.uint8)
    canvas[11:59, 7:55] = enlarge(sprite(1, 32), 1.5)
    found = recover_native(canvas, 64)
    assert (found.scale, count_colours(found.pixels)) == (1.5, count_colours(canvas))
    assert enlarge(found.pixels, 1.5).any() and found.pixels.shape[0] in (42, 43)


@pytest.mark.parametrize("size", [16, 24, 48])
def test_drawn_lines_are_not_taken_for_repeated_ones(size):
    for seed in range(10):
        assert recover_native(sprite(seed, size), 64).scale == 1


def test_regular_patterns_in_small_tiles_stay():
    tile = np.zeros((16, 16, 4), np.uint8)
    tile[..., 3] = 255
    tile[np.arange(16) % 3 != 2] = (200, 90, 40, 255)
    tile[:, np.arange(16) % 3 == 0, 1] = 10
    assert recover_native(tile, 64).scale == 1


def test_the_period_of_a_picture_of_few_pixels_is_measured():
    random = np.random.RandomState(0)
    small = np.concatenate([random.randint(0, 256, (9, 9, 3)), np.full((9, 9, 1), 255)], axis=2).astype(np.uint8)
    assert 0 <= native_grid._second_difference_period(small) < 1.5
