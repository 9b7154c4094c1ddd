"""Hand-made heroes: a few rectangles each, in any colours."""

from pathlib import Path

import numpy as np

from src.images import write_png

SKIN, OUTLINE = (225, 170, 130), (20, 15, 18)
CLOTH = {
    "cool": (60, 100, 200),
    "dark": (45, 30, 40),
    "muted": (100, 130, 160),
    "neutral": (128, 128, 130),
    "warm": (220, 60, 40),
}


def hero(shape: int, colour: tuple[int, int, int], size: int = 64) -> np.ndarray:
    """A bust, uint8 `[size, size, 4]`: the shape (0 to 99) decides the silhouette, the colour the cloth.

    No two shapes are near twins: the units widen the body, the tens raise a banner beside it.
    """
    image = np.zeros((size, size, 4), np.uint8)
    image[12:30, 24:40] = (*SKIN, 255)
    image[30:, 8 : 36 + 2 * (shape % 10)] = (*colour, 255)
    image[max(size - 6 * (shape // 10), 0) :, 56:] = (*colour, 255)
    image[30:33, 8:40] = (*OUTLINE, 255)
    image[2:6, 20:44] = (*colour, 255)
    return image


def write_heroes(folder: Path, shapes: int, palettes: tuple[str, ...] = tuple(CLOTH)) -> list[dict[str, str]]:
    """Each silhouette in each palette as `heroes/SS_palette.png`; returns rows of labels, one a file."""
    rows = []
    for shape in range(shapes):
        for name in palettes:
            filename = f"heroes/{shape:02d}_{name}.png"
            write_png(folder / filename, hero(shape, CLOTH[name]))
            gender, hero_class = ("feminine", "masculine")[shape % 2], ("bard", "knight", "mage")[shape % 3]
            rows.append({"filename": filename, "gender": gender, "hero_class": hero_class, "theme": name})
    return rows
