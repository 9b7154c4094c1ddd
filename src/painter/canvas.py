"""The canvas that parts are drawn on: a map of (material, shade), not of colours.

Shapes are boolean masks `[64, 64]`. A part is a mask filled with one material; its shade follows the light, its line is
the material's darkest step (a *selective outline*). Colours come last, from a table: a recolour is the same map looked
up again.

Only sums, products, quotients and comparisons of float64 are used: the same map on every platform.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from src.images import grown, shifted

SIZE = 64

# Materials. Each has shades 0 (line) to 4 (highlight); `ramps.colour_table` says which of them share a colour.
EMPTY, OUTLINE, SKIN, HAIR, CLOTH, SECOND, METAL, LEATHER, TRIM, WHITE, IRIS, LIP = range(12)
MATERIAL_COUNT = 12
LINE, SHADOW, BASE, LIGHT, HIGHLIGHT = range(5)

# Where brightness (-1 .. 1) crosses from one shade to the next, by how a surface takes the light.
MATTE = (-0.42, 0.22, 0.95)
SOFT = (-0.62, 0.10, 0.78)
GLOSSY = (-0.35, 0.12, 0.52)

Point = tuple[float, float]
ROWS, COLUMNS = np.mgrid[0:SIZE, 0:SIZE]
CHECKERBOARD = (ROWS + COLUMNS) % 2 == 0


def polygon(points: Sequence[Point]) -> np.ndarray:
    """Mask of the pixels inside a closed polygon (even-odd rule); the centre of pixel (x, y) is at (x, y)."""
    x_start, y_start = np.asarray(points, dtype=np.float64).T
    x_end, y_end = _moved_on(x_start, 1), _moved_on(y_start, 1)
    # Half-open in y, and nudged off the pixel centres, so that no corner counts twice.
    row_places = np.arange(SIZE, dtype=np.float64) + 1 / 1024
    rows, edges = np.nonzero((y_start <= row_places[:, None]) != (y_end <= row_places[:, None]))
    mask = np.zeros((SIZE, SIZE), dtype=bool)
    if len(rows):
        rise = (y_end - y_start)[edges]
        crossings = x_start[edges] + (row_places[rows] - y_start[edges]) * (x_end - x_start)[edges] / rise
        right_of = crossings[:, None] <= np.arange(SIZE) + 1 / 1024
        firsts = np.flatnonzero(np.diff(rows, prepend=-1))
        mask[rows[firsts]] = np.logical_xor.reduceat(right_of, firsts, axis=0)
    return mask


def _moved_on(values: np.ndarray, places: int) -> np.ndarray:
    """The values from the given place on, then those before it."""
    return np.concatenate([values[places:], values[:places]])


def smooth(points: Sequence[Point], steps: int = 5, closed: bool = True) -> list[Point]:
    """A Catmull-Rom curve through the points, as the points of a polygon (or of a polyline, if not closed)."""
    knots = np.asarray(points, dtype=np.float64)
    if closed:
        before, end, beyond = _moved_on(knots, -1), _moved_on(knots, 1), _moved_on(knots, 2)
        start = knots
    else:
        padded = np.concatenate([knots[:1], knots, knots[-1:]])
        before, start, end, beyond = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    before, start, end, beyond = (each[:, None, :] for each in (before, start, end, beyond))
    t = (np.arange(steps) / steps)[None, :, None]
    places = (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - beyond) * (t * t)
        + (3 * start - before - 3 * end + beyond) * (t * t * t)
    ) / 2
    result = [(x, y) for x, y in places.reshape(-1, 2).tolist()]
    if not closed:
        result.append((float(knots[-1, 0]), float(knots[-1, 1])))
    return result


def blob(points: Sequence[Point]) -> np.ndarray:
    """Mask of the rounded closed shape through the points."""
    return polygon(smooth(points))


def ellipse(x: float, y: float, radius_x: float, radius_y: float) -> np.ndarray:
    """Mask of an axis-aligned ellipse; its centre may lie between pixels."""
    return ((COLUMNS - x) / radius_x) ** 2 + ((ROWS - y) / radius_y) ** 2 <= 1


def polyline(points: Sequence[Point], width: int = 1) -> np.ndarray:
    """Mask of the lines from point to point, `width` pixels across, without gaps."""
    places = np.asarray(points, dtype=np.float64)
    way = places[1:] - places[:-1]
    steps = np.maximum(1, (np.abs(way).max(axis=1) + 0.999).astype(int))
    # Every step of every line in one row: which line it is of, and which step of that.
    line = np.repeat(np.arange(len(way)), steps + 1)
    step = np.arange(len(line)) - np.repeat(np.cumsum(steps + 1) - (steps + 1), steps + 1)
    x, y = ((places[line] + way[line] * step[:, None] / steps[line, None] + 64.5).astype(int) - 64).T
    mask = np.zeros((SIZE, SIZE), dtype=bool)
    first = -((width - 1) // 2)
    for right in range(first, first + width):
        for down in range(first, first + width):
            on_canvas = (x + right >= 0) & (x + right < SIZE) & (y + down >= 0) & (y + down < SIZE)
            mask[y[on_canvas] + down, x[on_canvas] + right] = True
    return mask


def below(edge: Sequence[Point]) -> np.ndarray:
    """Mask of everything on and under a polyline that runs from left to right; nothing left or right of it."""
    (first_x, _), (last_x, _) = edge[0], edge[-1]
    return polygon([(first_x, 2 * SIZE), *edge, (last_x, 2 * SIZE)])


class Canvas:
    """A map of materials and shades, `[64, 64]` uint8 each, lit from above and from one side.

    Args:
        light: -1 where the light comes from the left, 1 where from the right.
    """

    def __init__(self, light: int) -> None:
        self.light = light
        self.material = np.zeros((SIZE, SIZE), dtype=np.uint8)
        self.shade = np.zeros((SIZE, SIZE), dtype=np.uint8)

    def brightness(self, mask: np.ndarray) -> np.ndarray:
        """How much light each pixel of a rounded form takes, about -1 .. 1: float64 `[64, 64]`, valid inside the mask.

        Each row and each column of the mask is taken for a bent surface between its ends.
        """
        left, right = np.argmax(mask, axis=1), SIZE - 1 - np.argmax(mask[:, ::-1], axis=1)
        top, bottom = np.argmax(mask, axis=0), SIZE - 1 - np.argmax(mask[::-1], axis=0)
        across = (2 * COLUMNS - (left + right)[:, None]) / np.maximum(right - left + 1, 1)[:, None]
        down = (2 * ROWS - (top + bottom)[None, :]) / np.maximum(bottom - top + 1, 1)[None, :]
        return 0.72 * self.light * across - 0.5 * down

    def fill(self, mask: np.ndarray, material: int, shade: int = BASE) -> None:
        """Colour a mask flat, without a line."""
        self.material[mask] = material
        self.shade[mask] = shade

    def part(
        self,
        mask: np.ndarray,
        material: int,
        surface: tuple[float, float, float] = MATTE,
        lift: float = 0.0,
        line: bool = True,
        dither: bool = False,
    ) -> None:
        """Draw a part: shaded by the light, with a line around it.

        Args:
            mask: bool `[64, 64]`.
            material: one of the materials.
            surface: the brightness at which shadow, base, light and highlight meet.
            lift: added to the brightness (negative: lies in the shade).
            line: draw the selective outline, one pixel outside the mask.
            dither: checker the border between shadow and base.
        """
        if line:
            self.fill(grown(mask) & ~mask, material, LINE)
        brightness = self.brightness(mask) + lift
        shade = SHADOW + np.sum([brightness > threshold for threshold in surface], axis=0)
        if dither:
            shade[CHECKERBOARD & (shade == BASE) & (brightness < surface[0] + 0.16)] = SHADOW
        self.material[mask] = material
        self.shade[mask] = shade[mask]

    def darken(self, mask: np.ndarray, steps: int = 1, material: int | None = None) -> None:
        """Step the shades inside a mask down, no deeper than shadow; lines stay. Only one material's, if given."""
        chosen = mask & (self.shade > SHADOW)
        if material is not None:
            chosen &= self.material == material
        self.shade[chosen] = np.maximum(self.shade[chosen].astype(np.int16) - steps, SHADOW)

    def lighten(self, mask: np.ndarray, material: int | None = None) -> None:
        """Step the shades inside a mask up, no further than highlight; lines stay. Only one material's, if given."""
        chosen = mask & (self.shade > LINE)
        if material is not None:
            chosen &= self.material == material
        self.shade[chosen] = np.minimum(self.shade[chosen] + 1, HIGHLIGHT)

    def cast_shadow(self, mask: np.ndarray, down: int = 2, material: int | None = None) -> None:
        """Darken what lies under a part, away from the light. Call it before the part is drawn over it."""
        shadow = np.zeros_like(mask)
        for step in range(1, down + 1):
            shadow |= shifted(mask, -self.light * (step // 2), step)
        self.darken(shadow & ~mask, 1, material)

    def crease(self, points: Sequence[Point], within: int, shade: int = SHADOW) -> None:
        """Draw a one-pixel line (a fold, a seam, a strand) on the material `within` only, never over its outline."""
        mask = polyline(points) & (self.material == within) & (self.shade > LINE)
        self.shade[mask] = shade

    def pixels(self, rows: Sequence[str], x: int, y: int, legend: dict[str, tuple[int, int]], mirrored: bool) -> None:
        """Set pixels from strings, one character a pixel, the first at (x, y); others than the legend's are skipped.

        Args:
            rows: strings of one length.
            legend: character -> (material, shade).
            mirrored: read each row from its end.
        """
        for row_index, row in enumerate(rows):
            for column, character in enumerate(reversed(row) if mirrored else row):
                if character in legend and 0 <= y + row_index < SIZE and 0 <= x + column < SIZE:
                    self.material[y + row_index, x + column], self.shade[y + row_index, x + column] = legend[character]

    def finish(self) -> None:
        """Darken the outer outline where it turns from the light; towards the light the material's own line stays."""
        solid = self.material != EMPTY
        border = solid & grown(~solid)
        lit = shifted(~solid, -self.light, 0) | shifted(~solid, 0, 1)
        edge = border & (self.shade == LINE) & ~lit
        self.fill(edge, OUTLINE, LINE)
