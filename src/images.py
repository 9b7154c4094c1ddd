"""What an image is here: uint8 RGBA with binary alpha; reading any file safely, bringing it to size without blur.

No torch here.
"""

from __future__ import annotations

import io
import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from src.files import replacing

ORPHAN_AGREEING_NEIGHBOURS = 5
"""An orphan pixel has no neighbour of its colour, and this many of its eight neighbours share another."""

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
"""File name endings taken for images, in lower case. What a file is, its content says: a JPEG named `.png` is read."""

MAX_PIXELS = 4096 * 4096
"""The largest image decoded (64 MiB as RGBA). Pixel art, even enlarged, and sheets of tiles stay below it."""

MAX_BYTES = 64 * 1024 * 1024
"""The largest file opened: some decoders read the whole file before they tell its size."""

ALPHA_THRESHOLD = 128
"""Portraits have binary alpha: from this value on a pixel is opaque, below it transparent."""

_OPAQUE = np.array([0, 0, 0, 255], np.uint8).view(np.uint32)[0]

# Only these decoders are tried: Pillow knows dozens of formats, some of which start other programs.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")


class BadImage(ValueError):
    """A file or picture that cannot become a portrait; the message is a short plain reason."""


@dataclass(frozen=True)
class Picture:
    """What a file holds.

    Args:
        frames: uint8 `[height, width, 4]` each; alpha is 0 or 255, and RGB is 0 wherever alpha is 0.
        first: the number of the first of these frames in the file, from 0.
        count: the frames in the file.
        lossy: it is a JPEG.
    """

    frames: list[np.ndarray]
    first: int
    count: int
    lossy: bool


def read_rgba(path: Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """The one frame of a file that `read_picture` takes, uint8 `[height, width, 4]`.

    Raises:
        BadImage: as `read_picture` does.
    """
    return read_picture(path, max_pixels=max_pixels).frames[0]


def read_picture(
    path: Path, all_frames: bool = False, max_pixels: int = MAX_PIXELS, binary_alpha: bool = True
) -> Picture:
    """Decode an image file, upright, as RGBA with binary alpha.

    Args:
        path: PNG, JPEG, WebP, GIF or BMP, by content.
        all_frames: take every frame of an animation, not only the first that shows something.
        max_pixels: larger images, all frames taken together, are refused by their header, before any pixel is decoded.
        binary_alpha: False leaves colours and alpha as they are in the file.

    Raises:
        BadImage: an empty, truncated, damaged, foreign, unreadable or too large file.
    """
    try:
        length = os.path.getsize(path)
        if length == 0:
            raise BadImage("empty file")
        if length > MAX_BYTES:
            raise BadImage(f"too large: {length // 2**20} MiB, the limit is {MAX_BYTES // 2**20} MiB")
        with warnings.catch_warnings():
            # Pillow warns of large images and odd metadata; the limit below and the result decide instead.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=_FORMATS) as image:
                if image.width * image.height > max_pixels:
                    raise BadImage(f"too large: {image.width}x{image.height} pixels")
                return _decoded(image, all_frames, max_pixels // (image.width * image.height), binary_alpha)
    except BadImage:
        raise
    except Image.DecompressionBombError:
        raise BadImage("too large: a decompression bomb by its header") from None
    except UnidentifiedImageError:
        raise BadImage("not an image: the content is not PNG, JPEG, WebP, GIF or BMP") from None
    except PermissionError:
        raise BadImage("cannot be read: permission denied") from None
    except MemoryError:
        raise BadImage("too large for the memory of this machine") from None
    except Exception as error:
        # Decoders meet damaged files with any exception there is (OSError, SyntaxError, struct.error, IndexError ...),
        # and one bad file must not stop a run over thousands.
        detail = " ".join(str(error).split())[:80]
        raise BadImage(f"truncated or damaged: {detail or type(error).__name__}") from None


def _decoded(image: Image.Image, all_frames: bool, most_frames: int, binary_alpha: bool) -> Picture:
    lossy = image.format in ("JPEG", "MPO")
    count = 1 if lossy else getattr(image, "n_frames", 1)  # the further pictures of a JPEG are thumbnails
    if all_frames and count > most_frames:
        raise BadImage(f"too large: {count} frames of {image.width}x{image.height} pixels")
    frames = []
    for number in range(min(count, most_frames)):
        if number:
            image.seek(number)
        frame = with_binary_alpha(_to_rgba(image)) if binary_alpha else _to_rgba(image)
        if all_frames:
            frames.append(frame)
        elif frame[..., 3].any():
            return Picture([frame], number, count, lossy)
    return Picture(frames or [frame], 0, count, lossy)


def _to_rgba(image: Image.Image) -> np.ndarray:
    """Any Pillow mode -> uint8 `[height, width, 4]`."""
    transparent_grey = image.info.get("transparency")
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if not image.mode.startswith("I"):
        return np.array(image if image.mode == "RGBA" else image.convert("RGBA"))
    # 16-bit greys: Pillow's own conversion clips at 255 instead of scaling, and forgets the transparent grey.
    grey16 = np.asarray(image).astype(np.int64)
    grey = (grey16.clip(0, 65535) >> 8).astype(np.uint8)
    if isinstance(transparent_grey, int):
        alpha = np.where(grey16 == transparent_grey, 0, 255).astype(np.uint8)
    else:
        alpha = np.full_like(grey, 255)
    return np.stack([grey, grey, grey, alpha], axis=-1)


def with_binary_alpha(rgba: np.ndarray) -> np.ndarray:
    """The same pixels with alpha 0 or 255, and RGB 0 wherever alpha is 0.

    Hidden colours under transparent pixels would make equal-looking portraits differ, and a network learn them.

    Args:
        rgba: uint8 `[..., 4]`.
    """
    visible = rgba[..., 3] >= ALPHA_THRESHOLD
    numbers = np.where(visible, pixel_numbers(rgba) | _OPAQUE, np.uint32(0))
    return numbers[..., None].view(np.uint8)


def count_colours(rgba: np.ndarray) -> int:
    """Distinct visible colours of a picture, uint8 `[H, W, 4]` with binary alpha."""
    return len(np.unique(pixel_numbers(rgba)[rgba[..., 3] > 0]))


def pixel_numbers(rgba: np.ndarray) -> np.ndarray:
    """Each pixel of uint8 `[..., 4]` as one number, uint32 `[...]`: a comparison of one in place of four."""
    return np.ascontiguousarray(rgba).view(np.uint32)[..., 0]


def colour_numbers(colours: np.ndarray) -> np.ndarray:
    """Red, green and blue of uint8 `[..., 3 or 4]` as one number, which sorts by red first: uint32 `[...]`."""
    red, green, blue = (colours[..., channel].astype(np.uint32) for channel in range(3))
    return red << 16 | green << 8 | blue


def colours_of_numbers(numbers: np.ndarray) -> np.ndarray:
    """The colours behind `colour_numbers`: uint8 `[..., 3]`."""
    return np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=-1).astype(np.uint8)


def fit(native: np.ndarray, size: int, most: int | None = None) -> np.ndarray:
    """Bring art to `size` x `size` without blur: whole-number scaling and transparent padding only.

    Art is enlarged by the largest whole number that fits. Padding goes evenly left and right, and above: a bust stands
    on the lower border, and would float if centred.

    Args:
        native: uint8 `[height, width, 4]`, binary alpha, in the pixels it was drawn in.
        size: side of the portrait in pixels.
        most: the most to enlarge it; None for as much as fits.

    Returns:
        uint8 `[size, size, 4]`.

    Raises:
        BadImage: nothing visible, or art larger than `size`.
    """
    if not native[..., 3].any():
        raise BadImage("nothing visible: every pixel is transparent")
    height, width = native.shape[:2]
    if max(height, width) > size:
        raise BadImage(f"larger than {size}x{size}: {width}x{height} true pixels")
    factor = min(size // max(height, width), most or size)
    enlarged = native.repeat(factor, axis=0).repeat(factor, axis=1)
    pixels = np.zeros((size, size, 4), np.uint8)
    left = (size - width * factor) // 2
    pixels[size - height * factor :, left : left + width * factor] = enlarged
    return pixels


def over_background(rgba: np.ndarray, grey: int = 128) -> np.ndarray:
    """Lay portraits over a flat grey.

    Args:
        rgba: uint8 `[..., 4]`.
        grey: the background, 0 to 255.

    Returns:
        uint8 `[..., 3]`.
    """
    alpha = rgba[..., 3:].astype(np.uint16)
    mixed = rgba[..., :3] * alpha + np.uint16(grey) * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def tile(images: np.ndarray, columns: int, gap: int = 2, scale: int = 1, fill: int = 255) -> np.ndarray:
    """Lay images out as a grid, row by row.

    Args:
        images: uint8 `[N, h, w, C]`, N at least 1.
        columns: images a row; fewer where N is smaller.
        gap: pixels between and around images.
        scale: whole-number enlargement of each image.
        fill: value of the gaps and of the places left over, in every channel.

    Returns:
        uint8 `[H, W, C]`.
    """
    count, height, width, channels = images.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    height, width = height * scale, width * scale
    grid = np.full((gap + rows * (height + gap), gap + columns * (width + gap), channels), fill, np.uint8)
    for index, image in enumerate(images):
        top = gap + index // columns * (height + gap)
        left = gap + index % columns * (width + gap)
        grid[top : top + height, left : left + width] = image.repeat(scale, axis=0).repeat(scale, axis=1)
    return grid


def write_png(path: Path, array: np.ndarray) -> None:
    """Write a PNG whole or not at all.

    Args:
        path: where; missing folders are made.
        array: uint8 `[height, width]`, `[height, width, 3]` or `[height, width, 4]`.
    """
    with replacing(path) as temporary:
        Image.fromarray(array).save(temporary, format="PNG")


def png_bytes(picture: Image.Image, optimize: bool = False) -> bytes:
    """A picture as the content of a PNG."""
    stream = io.BytesIO()
    picture.save(stream, format="PNG", optimize=optimize)
    return stream.getvalue()


def neighbours(rgba: np.ndarray) -> np.ndarray:
    """The eight neighbours of every pixel of uint8 [H, W, 4], as [8, H, W, 4]; beyond the border lies transparency."""
    height, width = rgba.shape[:2]
    padded = np.pad(rgba, ((1, 1), (1, 1), (0, 0)))
    places = [(row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)]
    return np.stack([padded[row : row + height, column : column + width] for row, column in places])


def orphans(rgba: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Single opaque pixels of uint8 [H, W, 4] of a colour that no neighbour has, where most neighbours share another.

    Returns:
        Which they are, bool [H, W], and the commonest colour around every pixel, [H, W, 4].
    """
    packed, around = pixel_numbers(rgba), pixel_numbers(neighbours(rgba))
    agreeing = (around[:, None] == around[None]).sum(axis=1)
    commonest = np.take_along_axis(around, np.argmax(agreeing, axis=0)[None], axis=0)[0]
    orphan = (around != packed).all(axis=0) & (agreeing.max(axis=0) >= ORPHAN_AGREEING_NEIGHBOURS) & (packed != 0)
    return orphan, commonest.view(np.uint8).reshape(rgba.shape)


def shifted(values: np.ndarray, right: int, down: int) -> np.ndarray:
    """`[..., H, W]` moved by whole pixels; what leaves is gone, what comes in is 0."""
    height, width = values.shape[-2:]
    moved = np.zeros_like(values)
    moved[..., max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = values[
        ..., max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)
    ]
    return moved


def cell_means(values: np.ndarray, cells: int) -> np.ndarray:
    """The means of `[..., H, W]` over a grid of so many cells a side, float32 `[..., cells, cells]`; H and W need not
    divide evenly."""
    height, width = values.shape[-2:]
    rows, columns = (np.linspace(0, side, cells + 1).astype(int)[:-1] for side in (height, width))
    sums = np.add.reduceat(np.add.reduceat(values, rows, axis=-2, dtype=np.float32), columns, axis=-1)
    return sums * (cells**2 / (height * width))


def grown(masks: np.ndarray) -> np.ndarray:
    """Masks bool `[..., H, W]` with their four-neighbours."""
    wider = masks.copy()
    wider[..., 1:, :] |= masks[..., :-1, :]
    wider[..., :-1, :] |= masks[..., 1:, :]
    wider[..., 1:] |= masks[..., :-1]
    wider[..., :-1] |= masks[..., 1:]
    return wider
