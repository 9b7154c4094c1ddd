import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from src.images import (
    BadImage,
    count_colours,
    fit,
    over_background,
    read_picture,
    read_rgba,
    tile,
    with_binary_alpha,
    write_png,
)


def random_art(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Opaque noise: every pixel another colour."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    return pixels


def huge_png(width: int, height: int) -> bytes:
    """A small PNG file whose header promises an enormous picture."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("name", "options"), [("a.png", {}), ("a.webp", {"lossless": True}), ("a.bmp", {})])
def test_lossless_formats_are_read_to_the_pixel(tmp_path, name, options):
    art = random_art(9, 7)
    Image.fromarray(art[..., :3]).save(tmp_path / name, **options)
    assert np.array_equal(read_rgba(tmp_path / name), art)


def test_the_content_says_what_a_file_is_not_its_name(tmp_path):
    Image.fromarray(random_art(8, 8)[..., :3]).save(tmp_path / "a.png", format="JPEG")
    assert read_rgba(tmp_path / "a.png").shape == (8, 8, 4)


def test_the_first_frame_of_a_gif_is_read_with_its_transparency(tmp_path):
    frames = [Image.new("P", (4, 4), index) for index in (1, 2)]
    for frame in frames:
        frame.putpalette([0, 0, 0, 200, 10, 20, 30, 40, 250])
    frames[0].putpixel((0, 0), 0)
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], transparency=0)
    rgba = read_rgba(tmp_path / "a.gif")
    assert rgba[0, 0].tolist() == [0, 0, 0, 0]
    assert rgba[1, 1].tolist() == [200, 10, 20, 255]


def test_indexed_png_with_a_transparent_colour(tmp_path):
    image = Image.new("P", (3, 2), 1)
    image.putpalette([9, 9, 9, 50, 60, 70])
    image.putpixel((2, 1), 0)
    image.save(tmp_path / "a.png", transparency=0)
    rgba = read_rgba(tmp_path / "a.png")
    assert rgba[0, 0].tolist() == [50, 60, 70, 255]
    assert rgba[1, 2].tolist() == [0, 0, 0, 0]


def test_sixteen_bit_greys_are_scaled_not_clipped(tmp_path):
    Image.fromarray(np.array([[0, 256, 0x8000, 0xFFFF]], np.uint16)).save(tmp_path / "a.png")
    assert read_rgba(tmp_path / "a.png")[0, :, 0].tolist() == [0, 1, 128, 255]


def test_exif_orientation_is_applied(tmp_path):
    art = random_art(3, 5)
    exif = Image.Exif()
    exif[0x0112] = 6  # "the camera was turned": shown rotated a quarter clockwise
    Image.fromarray(art).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_rgba(tmp_path / "a.png"), np.rot90(art, -1))


def test_alpha_becomes_binary_and_hidden_colours_are_cleared():
    pixels = np.array([[[9, 9, 9, 0], [9, 9, 9, 127], [9, 9, 9, 128], [9, 9, 9, 255]]], np.uint8)
    expected = [[0, 0, 0, 0], [0, 0, 0, 0], [9, 9, 9, 255], [9, 9, 9, 255]]
    assert with_binary_alpha(pixels)[0].tolist() == expected


def test_bad_files_give_a_short_reason(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(random_art(64, 64)).save(path)
    whole = path.read_bytes()
    for content, reason in [
        (b"", "empty"),
        (b"not a picture at all", "not an image"),
        (whole[: len(whole) // 2], "truncated"),
        (huge_png(5000, 5000), "too large: 5000x5000"),
        (huge_png(60_000, 60_000), "too large"),
    ]:
        path.write_bytes(content)
        with pytest.raises(BadImage, match=reason) as caught:
            read_rgba(path)
        assert len(str(caught.value)) < 150 and "\n" not in str(caught.value)
    with pytest.raises(BadImage):
        read_rgba(tmp_path / "missing.png")


@pytest.mark.skipif(sys.platform == "win32", reason="measures memory by the resource module")
def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    import resource

    path = tmp_path / "bomb.png"
    path.write_bytes(huge_png(9000, 9000))  # 324 MB once decoded
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadImage):
        read_rgba(path)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50_000 * (1024 if sys.platform == "darwin" else 1)


def test_colours_are_counted_where_they_show():
    art = np.zeros((2, 2, 4), np.uint8)
    art[0] = (9, 9, 9, 255)
    art[1, 0] = (9, 9, 10, 255)
    assert count_colours(art) == 2


def test_small_art_is_enlarged_stands_below_and_is_centred_across():
    art = random_art(20, 12)
    fitted = fit(art, 64)
    assert fitted.shape == (64, 64, 4)
    enlarged = art.repeat(3, axis=0).repeat(3, axis=1)  # 60x36: a fourth would be too tall
    assert np.array_equal(fitted[4:, 14:50], enlarged)
    assert not fitted[:4].any() and not fitted[:, :14].any() and not fitted[:, 50:].any()


def test_art_of_the_right_size_is_left_as_it_is():
    art = random_art(64, 64)
    assert np.array_equal(fit(art, 64), art)


def test_what_cannot_be_fitted_says_why():
    with pytest.raises(BadImage, match="larger than 64x64: 65x10"):
        fit(random_art(10, 65), 64)
    with pytest.raises(BadImage, match="nothing visible"):
        fit(np.zeros((64, 64, 4), np.uint8), 64)


def test_over_background_mixes_by_alpha():
    pixels = np.array([[200, 100, 0, 255], [0, 0, 0, 0], [255, 0, 0, 51]], np.uint8)
    assert over_background(pixels, grey=100).tolist() == [[200, 100, 0], [100, 100, 100], [131, 80, 80]]


def test_tile_places_images_row_by_row():
    images = np.arange(1, 4, dtype=np.uint8).reshape(3, 1, 1, 1)
    grid = tile(images, columns=2, gap=1, scale=2, fill=9)
    assert grid[..., 0].tolist() == [
        [9, 9, 9, 9, 9, 9, 9],
        [9, 1, 1, 9, 2, 2, 9],
        [9, 1, 1, 9, 2, 2, 9],
        [9, 9, 9, 9, 9, 9, 9],
        [9, 3, 3, 9, 9, 9, 9],
        [9, 3, 3, 9, 9, 9, 9],
        [9, 9, 9, 9, 9, 9, 9],
    ]


def test_write_png_replaces_and_leaves_no_temporary_file(tmp_path):
    path = tmp_path / "folder" / "a.png"
    write_png(path, random_art(4, 4, seed=1))
    write_png(path, random_art(4, 4, seed=2))
    assert np.array_equal(read_rgba(path), random_art(4, 4, seed=2))
    with pytest.raises(TypeError):
        write_png(path, np.zeros((4, 4, 5), np.uint8))
    assert np.array_equal(read_rgba(path), random_art(4, 4, seed=2))
    assert [entry.name for entry in path.parent.iterdir()] == ["a.png"]


@pytest.mark.parametrize(("name", "options"), [("a.gif", {}), ("a.png", {}), ("a.webp", {"lossless": True})])
def test_frames_are_read_one_or_all_and_an_empty_first_one_is_passed_over(tmp_path, name, options):
    frames = [np.zeros((8, 6, 4), np.uint8), *(np.full((8, 6, 4), (value, 0, 0, 255), np.uint8) for value in (90, 200))]
    first, *others = map(Image.fromarray, frames)
    first.save(tmp_path / name, save_all=True, append_images=others, disposal=2, **options)
    one, every = read_picture(tmp_path / name), read_picture(tmp_path / name, all_frames=True)
    assert (one.first, one.count, every.count) == (1, 3, 3)
    assert np.array_equal(one.frames[0], frames[1]) and np.array_equal(read_rgba(tmp_path / name), frames[1])
    assert all(map(np.array_equal, every.frames, frames))
    with pytest.raises(BadImage, match="3 frames of 6x8"):
        read_picture(tmp_path / name, all_frames=True, max_pixels=100)
