"""Sheets: cutting them into tiles, seeing that tiles cut through figures, and that a picture looks like a sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from src.errors import InputError
from src.images import over_background, pixel_numbers

# Of a sheet that is taken for one, each tile fills at least this share of its side in one direction.
LEAST_FILLED = 0.3
LEAST_TILE = 8
# Pixels that sheets in use leave around their tiles, and between them.
USUAL_GAPS = (0, 1, 2, 3, 4, 8)
# A tile is cut through where so many pixels of its border have their own colour beyond it, too.
LEAST_CUT_PIXELS = 3
# The longest side of the picture of a badly cut sheet.
PICTURE_SIDE = 1600


@dataclass(frozen=True)
class Tiles:
    """How a sheet is divided, in pixels.

    Args:
        width: of a tile.
        height: of a tile.
        margin: around all tiles.
        spacing: between neighbouring tiles.
    """

    width: int
    height: int
    margin: int = 0
    spacing: int = 0

    def __post_init__(self) -> None:
        if min(self.width, self.height) < 1:
            raise InputError(f"tiles must be at least 1 pixel a side, not {self.width}x{self.height}")
        if min(self.margin, self.spacing) < 0:
            raise InputError(f"margin and spacing must be at least 0 pixels, not {self.margin} and {self.spacing}")

    @classmethod
    def parse(cls, side: str, margin: int = 0, spacing: int = 0) -> Tiles:
        """Of `32`, or `24x32`: width x height.

        Raises:
            InputError: another text, or numbers out of range.
        """
        numbers = side.lower().split("x")
        if len(numbers) > 2 or not all(number.isascii() and number.isdigit() and len(number) < 6 for number in numbers):
            raise InputError(f"tiles are given as a side or as width x height, such as 32 or 24x32, not {side!r}")
        return cls(int(numbers[0]), int(numbers[-1]), margin, spacing)

    def __str__(self) -> str:
        side = str(self.width) if self.width == self.height else f"{self.width}x{self.height}"
        more = [f" --{name} {value}" for name, value in (("margin", self.margin), ("spacing", self.spacing)) if value]
        return "".join(["--tiles ", side, *more])

    def enlarged(self, scale: int) -> Tiles:
        """The same tiles of a sheet that was enlarged."""
        return Tiles(self.width * scale, self.height * scale, self.margin * scale, self.spacing * scale)

    def starts(self, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """The first pixel row and the first pixel column of each whole tile of a sheet."""
        # Some programs leave the margin out at the right and below.
        rows = np.arange(self.margin, height - self.height + 1, self.height + self.spacing)
        columns = np.arange(self.margin, width - self.width + 1, self.width + self.spacing)
        return rows, columns

    def left_over(self, height: int, width: int) -> tuple[int, int]:
        """The columns and rows of pixels of a sheet beyond the last whole tiles."""
        rows, columns = self.starts(height, width)
        beyond = width - self.width - columns[-1], height - self.height - rows[-1]
        return max(0, int(beyond[0]) - self.margin), max(0, int(beyond[1]) - self.margin)

    def cut(self, sheet: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
        """Row, column and pixels of each tile of uint8 `[H, W, 4]`."""
        rows, columns = self.starts(*sheet.shape[:2])
        for row, top in enumerate(rows):
            for column, left in enumerate(columns):
                yield row, column, sheet[top : top + self.height, left : left + self.width]

    def cut_through(self, sheet: np.ndarray) -> np.ndarray:
        """Which tiles cut through something drawn: it goes on beyond a border of theirs in the same colours.

        Args:
            sheet: uint8 `[H, W, 4]`, binary alpha.

        Returns:
            bool `[rows, columns]`.
        """
        rows, columns = self.starts(*sheet.shape[:2])
        packed = np.pad(pixel_numbers(sheet), 1)
        through = np.zeros((len(rows), len(columns)), bool)
        for row, column in np.ndindex(*through.shape):
            top, left = rows[row] + 1, columns[column] + 1
            block = packed[top - 1 : top + self.height + 1, left - 1 : left + self.width + 1]
            sides = (block[:2, 1:-1], block[-2:, 1:-1], block[1:-1, :2].T, block[1:-1, -2:].T)
            through[row, column] = max(((one == two) & (one > 0)).sum() for one, two in sides) >= LEAST_CUT_PIXELS
        return through


def draw_cut_tiles(sheet: np.ndarray, tiles: Tiles, through: np.ndarray) -> np.ndarray:
    """The sheet over grey with the borders of its tiles: red where they cut through something, else white.

    Returns:
        uint8 `[H, W, 3]`, a few times as large.
    """
    scale = max(1, min(4, PICTURE_SIDE // max(sheet.shape[:2])))
    picture = over_background(sheet).repeat(scale, axis=0).repeat(scale, axis=1)
    rows, columns = tiles.starts(*sheet.shape[:2])
    for colour, is_cut in (((255, 255, 255), False), ((230, 30, 30), True)):
        for row, column in np.argwhere(through == is_cut):
            top, left = rows[row] * scale, columns[column] * scale
            bottom, right = top + tiles.height * scale - 1, left + tiles.width * scale - 1
            picture[[top, bottom], left : right + 1] = colour
            picture[top : bottom + 1, [left, right]] = colour
    return picture


def sheet_of(visible: np.ndarray) -> Tiles | None:
    """The tiles that a picture seems to have; None where it looks like one drawing.

    Nothing visible crosses the borders of the tiles, and most of those that show something show a figure of about one
    size, at least two of them. Tiles with one figure each come first, then sides of multiples of 8, larger tiles,
    smaller gaps.

    Args:
        visible: bool `[height, width]`.
    """
    filled = [visible.any(axis=axis) for axis in (0, 1)]  # by column, by row
    if all(_is_one_run(lines) for lines in filled):
        return None
    best, best_key = None, (0,)
    most = min(int(lines.argmax()) for one_way in filled for lines in (one_way, one_way[::-1]))
    ways = [_ways(lines, most) for lines in filled]
    for width, margin, spacing in ways[0]:
        for height, *gaps in ways[1]:
            if gaps != [margin, spacing]:
                continue
            tiles = Tiles(width, height, margin, spacing)
            shown = [tile for _, _, tile in tiles.cut(visible)]
            sides = np.array([(tile.any(1).sum(), tile.any(0).sum()) for tile in shown])
            usual = np.median(sides[sides[:, 0] > 0], axis=0)
            like_most = ((sides > usual / 1.6) & (sides < 1.6 * usual)).all(axis=1)
            figures = [tile for tile, alike in zip(shown, like_most, strict=True) if alike]
            filled_share = max(usual / (height, width))
            if len(figures) < 2 or like_most.sum() < 0.7 * (sides[:, 0] > 0).sum() or filled_share < LEAST_FILLED:
                continue
            one_piece = sum(_is_one_run(tile.any(0)) and _is_one_run(tile.any(1)) for tile in figures)
            key = (one_piece >= 0.8 * len(figures), width % 8 == height % 8 == 0, -len(figures), -margin - spacing)
            if best is None or key > best_key:
                best, best_key = tiles, key
    return best


def _is_one_run(lines: np.ndarray) -> bool:
    """Whether all that is True lies side by side."""
    return np.count_nonzero(lines[1:] > lines[:-1]) + lines[0] <= 1


def _ways(filled: np.ndarray, most: int) -> list[tuple[int, int, int]]:
    """Side, margin and spacing of the tiles that divide one axis without cutting through anything.

    Args:
        filled: whether anything is visible in each line, bool.
        most: the largest margin.
    """
    length, ways = len(filled), []
    for margin, spacing in product((gap for gap in USUAL_GAPS if gap <= most), USUAL_GAPS):
        if margin > 2 and not spacing:
            continue  # an empty border around drawings
        inner = length - 2 * margin + spacing
        for count in range(1, inner // (LEAST_TILE + spacing) + 1):
            if inner % count:
                continue
            side = inner // count - spacing
            starts = margin + np.arange(count) * (side + spacing)
            inside = np.zeros(length, bool)
            inside[(starts[:, None] + np.arange(side)).ravel()] = True
            borders = starts[1:]
            if (filled & ~inside).any() or (spacing == 0 and (filled[borders] & filled[borders - 1]).any()):
                continue
            ways.append((side, margin, spacing))
    return ways
