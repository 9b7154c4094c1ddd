"""Smooth art: paintings, rendered faces, photographs. Their colours run into each other and have no pixel grid.

They are cropped or padded, resized with antialiasing and made opaque; no colour is counted or limited. Near-duplicates
are grouped by a perceptual hash: the signs of the low frequencies of the grey picture (Zauner, 2010).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from src.data.groups import Group, components
from src.images import MAX_PIXELS, BadImage, count_colours, read_picture

PIXEL, SMOOTH = "pixel", "smooth"
KINDS = (PIXEL, SMOOTH)
FITS = ("crop", "pad")
RESAMPLING = {name: Image.Resampling[name.upper()] for name in ("lanczos", "bicubic", "bilinear", "box")}
"""Ways to resize. All of them average over what a pixel covers where a picture becomes smaller."""

BACKGROUND = (255, 255, 255)
"""Lies behind transparency, and around a padded picture."""

LEAST_SHARE = 0.5
"""Of a portrait's side: shorter pictures have too little in them to be enlarged."""

HASH_SIDE, HASH_PICTURE = 8, 32
NEAR_DUPLICATE_BITS = 6
"""Hashes that differ in so few of their 64 bits are of one picture: resized, saved again, recoloured."""

SMOOTH_COLOURS_A_PIXEL = 0.25
"""Opaque portraits with more distinct colours a pixel are smooth; drawn ones have some 0.03."""

_BLOCK = 1024


def read_smooth(path: Path) -> np.ndarray:
    """A picture laid over `BACKGROUND`, upright: uint8 `[height, width, 3]`.

    Raises:
        BadImage: as `read_picture`; four times as large a picture is read.
    """
    picture = Image.fromarray(read_picture(path, False, 4 * MAX_PIXELS, binary_alpha=False).frames[0])
    behind = Image.new("RGBA", picture.size, (*BACKGROUND, 255))
    return np.asarray(Image.alpha_composite(behind, picture).convert("RGB"))


def fit_smooth(picture: np.ndarray, size: int, fit: str = "crop", resample: str = "lanczos") -> np.ndarray:
    """Bring a picture to `size` x `size`.

    Args:
        picture: uint8 `[height, width, 3]`.
        size: side of the portrait in pixels.
        fit: `crop` takes the square in the middle; `pad` keeps all of it, on `BACKGROUND`.
        resample: a name of `RESAMPLING`.

    Returns:
        uint8 `[size, size, 4]`, opaque.

    Raises:
        BadImage: a picture of less than half the size, or of one colour.
    """
    height, width = picture.shape[:2]
    if min(height, width) < LEAST_SHARE * size:
        raise BadImage(f"too small for {size}x{size}: {width}x{height} pixels")
    if (picture == picture[0, 0]).all():
        raise BadImage("one colour only: nothing is drawn")
    image, square = Image.fromarray(picture), (size, size)
    if fit == "crop":
        image = ImageOps.fit(image, square, RESAMPLING[resample])
    else:
        image = ImageOps.pad(image, square, RESAMPLING[resample], BACKGROUND)
    return np.array(image.convert("RGBA"))


def is_smooth(images: np.ndarray) -> bool:
    """Whether portraits uint8 `[N, H, W, 4]` are smooth art: nearly all opaque, with about a colour for every pixel.

    Measures and rules of pixel art mean nothing for such a set.
    """
    some = images[:: max(1, len(images) // 64)]
    return bool(
        (some[..., 3] > 0).mean() > 0.99
        and np.median([count_colours(image) for image in some]) > SMOOTH_COLOURS_A_PIXEL * some[0, ..., 0].size
    )


def perceptual_hash(rgba: np.ndarray) -> np.ndarray:
    """The hash of a portrait uint8 `[H, W, 4]`, and that of its mirror image: bool `[2, 64]`."""
    grey = Image.fromarray(rgba).convert("L").resize((HASH_PICTURE, HASH_PICTURE), Image.Resampling.BOX)
    both = np.stack([np.asarray(grey, np.float64), np.asarray(ImageOps.mirror(grey), np.float64)])
    from scipy.fft import dctn  # its import takes a quarter of a second: pixel art does without

    low = dctn(both, axes=(1, 2))[:, :HASH_SIDE, :HASH_SIDE].reshape(2, -1)
    return low > np.median(low[:, 1:], axis=1, keepdims=True)


def group_near_duplicates(hashes: Mapping[str, np.ndarray], together: Iterable[Sequence[str]] = ()) -> list[Group]:
    """Group portraits whose hashes, or those of their mirror images, differ in few bits; directly or through others.

    Args:
        hashes: portrait name -> `perceptual_hash`.
        together: names of portraits that belong to one group whatever they look like.

    Returns:
        Groups by the name of their first member.
    """
    names = sorted(hashes)
    signs = np.stack([hashes[name] for name in names]).astype(np.float32) * 2 - 1
    pairs = [pair for start in range(0, len(names), _BLOCK) for pair in _near(signs, start)]
    place = {name: index for index, name in enumerate(names)}
    pairs += [(place[group[0]], place[name]) for group in together for name in group[1:]]
    numbers = components(len(names), pairs)
    members: dict[int, list[str]] = {}
    for name, number in zip(names, numbers, strict=True):
        members.setdefault(number, []).append(name)
    return [_group(group, hashes) for group in members.values()]


def _near(signs: np.ndarray, start: int) -> list[tuple[int, int]]:
    """Pairs of near-duplicates whose first is in the block that begins at `start`. signs: -1 or 1, `[N, 2, 64]`."""
    block = signs[start : start + _BLOCK, 0]
    agreement = np.maximum(block @ signs[:, 0].T, block @ signs[:, 1].T)
    first, second = np.nonzero(agreement >= signs.shape[2] - 2 * NEAR_DUPLICATE_BITS)
    return [(start + one, other) for one, other in zip(first.tolist(), second.tolist(), strict=True)]


def _group(names: Sequence[str], hashes: Mapping[str, np.ndarray]) -> Group:
    least = min(np.packbits(one).tobytes() for name in names for one in hashes[name])
    digest = hashlib.sha256(b"perceptual" + least).hexdigest()
    return Group(f"g{digest[:12]}", digest, tuple(names), names[0])
