"""Drawn sprites with detail down to the pixel, and what people's tools do to them."""

import io

import numpy as np
from PIL import Image

from src.images import with_binary_alpha

PALETTE = np.array(
    [
        (24, 20, 32),
        (232, 180, 140),
        (176, 112, 80),
        (200, 48, 56),
        (112, 24, 48),
        (72, 104, 200),
        (96, 200, 120),
        (248, 232, 112),
    ],
    np.uint8,
)
WHITE = (255, 255, 255)


def sprite(seed: int, size: int = 32) -> np.ndarray:
    """A figure of patches in eight colours with an outline and one bright pixel, uint8 `[size, size, 4]`."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] / (size - 1)
    half_width = 0.2 + 0.25 * rows + 0.06 * np.sin(9 * rows + seed)
    body = (np.abs(columns - 0.5) < half_width) & (rows > 0.06)
    coarse = generator.integers(1, 8, (size // 4 + 1, size // 2 + 1))
    patches = coarse[(rows * (size // 4)).astype(int), (columns * (size // 2)).astype(int)]
    inside = body.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            inside &= np.roll(body, step, axis)
    number = np.where(inside, patches, 0)
    image = np.zeros((size, size, 4), np.uint8)
    image[..., :3] = np.where(body[..., None], PALETTE[number], 0)
    image[..., 3] = np.where(body, 255, 0)
    image[size // 3, size // 2] = (250, 250, 250, 255)
    return image


def over(rgba: np.ndarray, colour: tuple[int, int, int] = WHITE) -> np.ndarray:
    """The picture on a flat opaque background."""
    return np.where(rgba[..., 3:] > 0, rgba, np.array((*colour, 255), np.uint8))


def enlarge(rgba: np.ndarray, factor: float, method: Image.Resampling = Image.Resampling.NEAREST) -> np.ndarray:
    """Enlarged as an image program does it; smooth methods leave half-transparent rims, made binary as on reading."""
    sides = round(rgba.shape[1] * factor), round(rgba.shape[0] * factor)
    return with_binary_alpha(np.array(Image.fromarray(rgba).resize(sides, method)))


def encode(rgba: np.ndarray, kind: str, **options: object) -> bytes:
    """The content of an image file; JPEG has no alpha."""
    content = io.BytesIO()
    image = Image.fromarray(rgba)
    (image.convert("RGB") if kind == "JPEG" else image).save(content, kind, **options)
    return content.getvalue()


def decode(content: bytes) -> np.ndarray:
    """The pixels of an image file as the package reads them."""
    return with_binary_alpha(np.array(Image.open(io.BytesIO(content)).convert("RGBA")))


def smooth_noise(seed: int, size: int) -> np.ndarray:
    """An opaque picture with photographs' statistics: soft shapes of all sizes and a little grain."""
    generator = np.random.default_rng(seed)
    picture = np.zeros((size, size, 3))
    for cells in (3, 6, 12, 24, 48):
        layer = Image.fromarray(generator.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        picture += (np.asarray(layer.resize((size, size), Image.Resampling.BICUBIC), float) - 128) * 2 / cells
    picture += generator.normal(0, 1, picture.shape)
    opaque = np.full((size, size, 1), 255)
    return np.concatenate([np.clip(128 + picture, 0, 255), opaque], axis=-1).astype(np.uint8)
