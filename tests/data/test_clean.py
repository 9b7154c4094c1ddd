import numpy as np
import pytest

from src.data import pictures
from src.data.clean import (
    PrepareOptions,
    clean,
    collapse_noise,
    flat_background,
    noise_note,
    reduce_art,
    reduce_colours,
    remove_checkerboard,
    remove_fringe,
    remove_orphans,
    snap,
    trimmed,
)
from src.data.groups import colour_layout
from src.data.native_grid import NativeArt, recover_native
from src.errors import InputError
from src.images import BadImage, count_colours, write_png
from src.palettes.oklab import srgb_to_oklab
from tests.data.drawn import decode, encode, enlarge, over, sprite
from tests.test_images import random_art


@pytest.mark.parametrize("factor", [4, 5, 7.3, 9])
def test_jpeg_noise_collapses_to_the_palette_it_came_from(factor):
    for seed in range(3):
        art = over(sprite(seed, 48))
        found = recover_native(decode(encode(enlarge(art, factor), "JPEG", quality=80)), 64)
        collapsed = collapse_noise(found.pixels)
        # The same regions, in colours within a few steps of the drawn ones.
        assert np.mean(np.abs(collapsed.astype(int) - art).max(axis=-1) <= 6) > 0.97
        assert count_colours(found.pixels) > 10 * count_colours(art) and count_colours(collapsed) <= 14


def test_collapsing_leaves_clean_art_alone():
    art = sprite(0, 48)
    assert np.array_equal(collapse_noise(art), art)


def test_a_flat_background_is_found_and_a_picture_that_fills_its_frame_is_not_eaten():
    art = sprite(0, 32)
    assert np.array_equal(flat_background(over(art, (0, 90, 60))), art[..., 3] == 0)
    assert flat_background(art) is None  # it has transparency
    full = over(art, (0, 90, 60))
    full[4:28, 0] = full[4:28, -1] = full[0, 4:28] = (200, 0, 0, 255)  # equal corners, but a painted border
    assert flat_background(full) is None
    assert flat_background(random_art(32, 32)) is None


def test_colours_of_the_background_inside_the_drawing_stay():
    art = over(sprite(0, 32), (0, 90, 60))
    art[20, 16] = art[0, 0]
    pixels, notes = clean(NativeArt(art, 1), 64, PrepareOptions())
    assert notes == ["flat background made transparent"]
    assert pixels[20, 16].tolist() == [0, 90, 60, 255] and pixels[0, 0, 3] == 0
    kept, notes = clean(NativeArt(art, 1), 64, PrepareOptions(keep_background=True))
    assert np.array_equal(kept, art) and notes == []


def test_one_opaque_colour_is_no_drawing():
    with pytest.raises(BadImage, match="one colour"):
        clean(NativeArt(np.full((8, 8, 4), 255, np.uint8), 1), 64, PrepareOptions())


def test_orphans_go_and_what_has_a_neighbour_of_its_colour_stays():
    art = np.zeros((12, 12, 4), np.uint8)
    art[3:9, 3:9] = (200, 40, 40, 255)
    expected = art.copy()
    expected[5, 5:7] = art[5, 5:7] = (250, 250, 250, 255)
    art[7, 7] = (0, 255, 0, 255)  # alone within the drawing
    art[1, 10] = (0, 0, 255, 255)  # alone outside
    assert np.array_equal(remove_orphans(art), expected)
    pixels, _ = clean(NativeArt(art, 1), 64, PrepareOptions())
    assert np.array_equal(pixels, art)  # only where asked for


def test_the_fringe_of_anti_aliasing_goes():
    art = np.zeros((12, 12, 4), np.uint8)
    art[3:9, 3:9] = (200, 40, 40, 255)
    on_white = over(art)
    on_white[3:9, 2] = (242, 212, 212, 255)  # a quarter drawing
    on_white[3:9, 9] = (214, 94, 94, 255)  # three quarters
    art[3:9, 9] = (200, 40, 40, 255)
    pixels, _ = clean(NativeArt(on_white, 1), 64, PrepareOptions(remove_fringe=True))
    assert np.array_equal(pixels, art)
    untouched = sprite(0, 32)
    assert np.array_equal(remove_fringe(untouched, np.array([0, 90, 60])), untouched)


def test_snapping_is_exact_in_oklab():
    art = random_art(24, 24)
    palette = np.random.default_rng(1).integers(0, 256, (40, 3), dtype=np.uint8)
    distances = np.linalg.norm(srgb_to_oklab(art[..., :3])[..., None, :] - srgb_to_oklab(palette), axis=-1)
    assert np.array_equal(snap(art, palette)[..., :3], palette[distances.argmin(axis=-1)])


def test_colours_are_reduced_to_ones_that_occur():
    art = random_art(24, 24)
    reduced = reduce_colours(art, 8)
    assert count_colours(reduced) <= 8
    own = {tuple(colour) for colour in art.reshape(-1, 4).tolist()}
    assert {tuple(colour) for colour in reduced.reshape(-1, 4).tolist()} <= own
    few = sprite(0, 32)
    assert np.array_equal(reduce_colours(few, 16), few)


def test_larger_art_is_reduced_without_mixing_colours():
    art = sprite(1, 40)
    assert np.array_equal(reduce_art(art.repeat(3, axis=0).repeat(3, axis=1), 40, "mode"), art)
    large = sprite(2, 100)[:, :80]
    for method in ("mode", "nearest"):
        reduced = reduce_art(large, 64, method)
        assert reduced.shape == (64, 51, 4)
        assert set(map(tuple, reduced.reshape(-1, 4))) <= set(map(tuple, large.reshape(-1, 4)))


def test_layouts_survive_jpeg_at_a_large_scale():
    art = over(sprite(3, 48))
    found = recover_native(decode(encode(enlarge(art, 9), "JPEG", quality=90)), 64)
    assert np.mean(colour_layout(collapse_noise(found.pixels)) == colour_layout(art)) > 0.95


def test_bad_options_say_what_there_is():
    for options, told in [
        ({"reduce": "lanczos"}, "mode, nearest"),
        ({"colours": 0}, "at least 1"),
        ({"keep_background": True, "remove_fringe": True}, "keep_background"),
        ({"keep_background": True, "remove_key": True}, "remove_key needs"),
        ({"fit": "pad"}, "fit is for smooth art; leave it out, or choose kind=smooth"),
        ({"resample": "box"}, "resample is for smooth art"),
    ]:
        with pytest.raises(InputError, match=told):
            PrepareOptions(**options)


def test_the_picture_shows_what_the_options_change(tmp_path):
    write_png(tmp_path / "plain.png", over(np.zeros((64, 64, 4), np.uint8)))
    write_png(tmp_path / "a.png", sprite(0, 64))  # its one bright pixel is an orphan
    shown = np.asarray(pictures.draw_cleaning(tmp_path, PrepareOptions(remove_orphans=True)))
    assert (shown == (220, 30, 30)).all(axis=-1).sum() == 4  # one pixel, twice as large
    nothing = np.asarray(pictures.draw_cleaning(tmp_path, PrepareOptions(colours=64)))
    assert not (nothing == (220, 30, 30)).all(axis=-1).any()


@pytest.mark.parametrize(
    ("colour", "is_key"),
    [
        ((255, 0, 255), True),
        ((0, 255, 0), True),
        ((255, 0, 128), True),
        ((255, 0, 0), False),
        ((0, 0, 255), True),
        ((255, 255, 255), False),
    ],
)
def test_a_key_colour_goes_inside_the_drawing_too(colour, is_key):
    art = over(sprite(0, 32), colour)
    art[18:22, 14:17] = art[0, 0]  # a hole
    pixels, notes = clean(NativeArt(art, 1), 64, PrepareOptions())
    assert notes == ["key colour made transparent" if is_key else "flat background made transparent"]
    assert bool(pixels[20, 15, 3]) != is_key and pixels[0, 0, 3] == 0


@pytest.mark.parametrize(
    ("colour", "notes"),
    [
        ((255, 0, 255), ["key colour left in: 12 pixels of magenta"]),
        ((0, 255, 0), ["key colour left in: 12 pixels of green"]),
        ((255, 0, 128), []),
    ],
)
def test_a_key_colour_forgotten_in_holes_of_a_transparent_picture_is_noted(colour, notes):
    art = sprite(0, 32)
    art[18:22, 14:17] = (*colour, 255)
    pixels, found = clean(NativeArt(art, 1), 64, PrepareOptions())
    assert found == notes and np.array_equal(pixels, art)
    for picture, removed in ((art, []), (over(art, (9, 9, 99)), ["flat background made transparent"])):
        pixels, found = clean(NativeArt(picture, 1), 64, PrepareOptions(remove_key=True))
        assert found == removed + ["key colour made transparent"] * len(notes)
        assert pixels[18:22, 14:17, 3].any() == (notes == []) and pixels[25:].any()


def test_a_key_colour_is_noted_once_and_not_in_a_full_picture():
    full = random_art(32, 32)
    full[:4, :4] = (255, 0, 255, 255)
    assert clean(NativeArt(full, 1), 64, PrepareOptions())[1] == []
    both = over(sprite(0, 32), (0, 255, 0))
    both[18:22, 14:17] = (255, 0, 255, 255)
    pixels, notes = clean(NativeArt(both, 1), 64, PrepareOptions(remove_key=True))
    assert notes == ["key colour made transparent"] and not pixels[18:22, 14:17].any()


def test_a_checkerboard_shows_through_a_hole_but_a_white_eye_stays():
    squares = np.add.outer(np.arange(64) // 8, np.arange(64) // 8) % 2
    painted = np.full((64, 64, 4), 255, np.uint8)
    painted[..., :3] = np.array((255, 204), np.uint8)[squares][..., None]
    board = painted.copy()
    painted[8:56, 8:56, :3] = (90, 20, 60)
    painted[20:36, 20:36], painted[42:44, 42:44] = board[20:36, 20:36], board[0, 0]
    cleaned, notes = remove_checkerboard(painted)
    assert notes and not cleaned[20:36, 20:36].any() and cleaned[42:44, 42:44].all()


@pytest.mark.parametrize(("side", "greys"), [(8, (255, 204)), (4, (204, 255)), (16, (153, 102))])
@pytest.mark.parametrize("offset", [0, 3])
def test_a_painted_checkerboard_goes(side, greys, offset):
    art = sprite(3, 64)
    squares = (np.add.outer(np.arange(64), np.arange(64) * 0) + offset) // side + (np.arange(64) + offset) // side
    board = np.array(greys, np.uint8)[squares % 2][..., None].repeat(3, axis=-1)
    painted = art.copy()
    painted[art[..., 3] == 0, :3] = board[art[..., 3] == 0]
    painted[..., 3] = 255
    cleaned, notes = remove_checkerboard(painted)
    assert notes == ["painted checkerboard made transparent"]
    assert np.array_equal(cleaned, art)
    dither = np.array(greys, np.uint8)[np.indices((64, 64)).sum(axis=0) % 2][..., None].repeat(4, axis=-1)
    dither[..., 3] = 255
    with_transparency = painted.copy()
    with_transparency[40, 40] = 0
    dithered = np.where(art[..., 3:] > 0, art, dither)
    for other in (art, over(art), over(art, (20, 90, 60)), random_art(32, 32), dithered, with_transparency):
        assert remove_checkerboard(other)[1] == []


def test_a_small_drawing_on_a_large_canvas_is_cut_out():
    art = sprite(0, 36)
    canvas = np.zeros((300, 400, 4), np.uint8)
    canvas[50:86, 20:56] = art
    for picture in (canvas, over(canvas)):
        pixels, notes = clean(NativeArt(picture, 1), 64, PrepareOptions())
        assert np.array_equal(pixels, trimmed(art))
        assert notes[-1] == f"empty border cut off: 400x300 to {pixels.shape[1]}x{pixels.shape[0]}"
    small = np.zeros((64, 64, 4), np.uint8)
    small[20:56, 20:56] = art
    assert clean(NativeArt(small, 1), 64, PrepareOptions())[0].shape == (64, 64, 4)  # its canvas was chosen


@pytest.mark.parametrize("quality", [80, 95])
def test_a_jpeg_in_its_own_size_is_noted_or_cleaned(quality):
    art = over(sprite(0, 32))
    noisy = decode(encode(art, "JPEG", quality=quality))
    assert noise_note(noisy, count_colours(noisy), lossy=True) == [
        f"compression noise left in: {count_colours(noisy)} colours"
    ]
    cleaned, notes = clean(NativeArt(noisy, 1), 64, PrepareOptions(remove_noise=True))
    assert notes == ["flat background made transparent"]
    assert count_colours(cleaned) < 32
    assert noise_note(art, count_colours(art), lossy=True) == []
    assert noise_note(random_art(32, 32), 1024, lossy=False) == []


def test_few_colours_are_noise_in_a_jpeg_alone():
    art = np.full((12, 12, 4), 255, np.uint8)
    art[3:9, 3:9, :3] = (200, 30, 40)
    noisy = decode(encode(art, "JPEG", quality=60))
    colours = count_colours(noisy)
    assert 32 < colours <= 128
    assert noise_note(noisy, colours, lossy=True) and noise_note(noisy, colours, lossy=False) == []


def test_a_background_that_leaves_a_few_pixels_is_the_drawing():
    dots = np.full((64, 64, 4), 255, np.uint8)
    dots[10, 10:40, :3] = 0
    assert flat_background(dots) is None
    dots[10:14, 10:40, :3] = 0
    assert flat_background(dots) is not None
