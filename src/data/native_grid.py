"""The native grid: which pixels an artist drew, in a picture that was enlarged afterwards.

Enlarging by nearest neighbour turns every drawn pixel into a cell of equal pixels, so colours change only on a comb of
lines, `scale` apart. From the surest sign to the weakest:

1. every change lies on multiples of a whole number: an exact enlargement, undone by skipping pixels;
2. every change lies on a comb with any spacing and offset (x7.3, or cropped): exact as well;
3. nearly all the change does, and the rest is the noise of JPEG or WebP: the cells' medians;
4. lines that equal the one before come as evenly as an enlargement below twofold makes them (x1.5): they are left out.

Combs are found by the spectrum of the change along each axis, refined by trying spacings and offsets, and believed only
if the picture, enlarged again from the recovered pixels, agrees with the source. Smooth enlargements and photographs
have no such comb; their ramps distinguish them from drawn art, and they are refused: what was blended away cannot be
recovered.

The sign of a smooth enlargement, a period in the second differences, is Gallagher's ("Detection of linear and cubic
interpolation in JPEG compressed images", 2005).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from src.images import BadImage, count_colours, pixel_numbers

# No comb is sought below twofold: it would hold most of the lines there are, and fit anything. So it does with few
# cells. (A little below two: x2.01 of a cropped picture measures so.)
LEAST_SCALE = 1.9
LEAST_CELLS = 4

# An exact comb needs evidence: changes on at least so many lines of each axis, and on this share of its lines, both
# axes taken together, between the first change and the last. A few rectangles fit many combs.
LEAST_CHANGED_LINES = 6
LEAST_FILLED_SHARE = 0.5

# A noisy comb: the mean energy off the lines relative to that on them (JPEG 80 measures up to 0.02, a smooth
# enlargement from 0.06 up), and the error of the picture enlarged again relative to its contrast (0.06; 0.2).
MOST_ENERGY_BETWEEN = 0.04
MOST_RELATIVE_ERROR = 0.12
MOST_ALPHA_ERROR = 0.01
# Noise is in most of the cells that have an edge. Where it is not, the pixels that disturb a cell were drawn.
LEAST_NOISY_SHARE = 0.5

# Enlargements below twofold repeat single lines; below 1.25 there are too few of them, and so there are in tiles of 16
# pixels. That all of these lines repeat by chance must be this unlikely, as the logarithm. At most so many lines change
# in such a picture.
LEAST_UNEVEN_SCALE = 1.25
LEAST_REPEATS = 8
MOST_CHANCE = -14.0
MOST_UNEVEN_CHANGED = 0.84
# Of the lines that are left most change, or the picture is enlarged further.
LEAST_LEFT_CHANGED = 0.45

# Up to this many colours art is drawn, not noisy or blended: the quick way for the many files that need no more looking
# at.
FEW_COLOURS = 128

# Ramps, see `ramp_share`: drawn sprites measure up to 0.15 with up to 0.13 colours a pixel, smooth pictures from 0.13
# with 0.2 up. A large picture has many pixels of each colour whatever it shows, so there the number itself counts.
SMOOTH_RAMP_SHARE = 0.13
SMOOTH_COLOURS_A_PIXEL = 0.18
SMOOTH_COLOURS = 512
# Fewer visible pixels than in 16x16 say nothing about ramps.
SMOOTH_PIXELS = 256
SMOOTH_LARGE_RAMP_SHARE = 0.09
PERIODIC_RAMP_SHARE = 0.17
# The period of a smooth enlargement, see `_second_difference_period`: photographs measure up to 0.10.
LEAST_PERIODICITY = 0.12

SMOOTH_ENLARGEMENT = "smooth enlargement: its pixels were blended, export it with nearest neighbour"
PHOTOGRAPH = "photograph or smooth picture: colours run into each other and no pixel grid explains them"

_SIMPLE_RATIOS = ((3, 2), (4, 3), (5, 3), (5, 4), (7, 4), (7, 5), (8, 5))
"""Enlargements below twofold as pixels afterwards, and before."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class NativeArt:
    """A picture in the pixels it was drawn in.

    Args:
        pixels: uint8 `[native_height, native_width, 4]`, binary alpha.
        scale: the enlargement that was undone, 1 for native art; a fraction to two decimals.
        noisy: the pixels are medians of noisy cells: near the colours that were drawn, not equal to them.
    """

    pixels: np.ndarray
    scale: int | float
    noisy: bool = False


@dataclass(frozen=True)
class Comb:
    """Evenly spaced lines along one axis, and how well they match the changes.

    Args:
        starts: the first pixel of each cell, ascending from 0.
        spacing: pixels from line to line, a real number.
        score: the share of the change that lies on the evenly spaced lines, less the share that chance would put there.
            Single lines may have been moved by a pixel since.
    """

    starts: np.ndarray
    spacing: float
    score: float

    def cell_of_pixel(self, length: int) -> np.ndarray:
        """The cell's number of each of `length` pixels."""
        return np.repeat(np.arange(len(self.starts)), np.diff(self.starts, append=length))


def recover_native(rgba: np.ndarray, size: int, drawn: bool = False) -> NativeArt:
    """Find the pixels a picture was drawn in and undo its enlargement.

    Args:
        rgba: uint8 `[height, width, 4]`, binary alpha.
        size: side of a portrait: pictures that fit and have few colours are taken for native without a search.
        drawn: a picture that fits is known to be pixel art, however noisy it looks.

    Raises:
        BadImage: a smooth enlargement or a photograph.
    """
    scale = enlargement(rgba)
    native = np.ascontiguousarray(rgba[::scale, ::scale])
    colours, small = count_colours(native), max(native.shape[:2]) <= size
    if scale == 1 and not (small and colours <= FEW_COLOURS and _changes_everywhere(rgba)):
        art = _undo_exact_comb(rgba)
        if art is None and colours > FEW_COLOURS:
            art = _undo_noisy_comb(rgba)
        if art is not None:
            return art
    if scale == 1:
        art = _undo_uneven(rgba)
        if art is not None:
            return art
    if not (small and drawn):
        _refuse_smooth(native, colours, small)
    return NativeArt(native, scale)


def enlargement(rgba: np.ndarray) -> int:
    """The largest whole number of which the image is an exact nearest-neighbour enlargement; 1 for native art.

    Colours can change only at multiples of the enlargement, so it is the greatest common divisor of the places where
    neighbouring rows or columns differ (that is, of the run lengths) and of both sides.

    Args:
        rgba: uint8 `[height, width, 4]`.
    """
    columns, rows = _changed_lines(rgba)
    return math.gcd(*rgba.shape[:2], *np.flatnonzero(columns).tolist(), *np.flatnonzero(rows).tolist())


def _changed_lines(rgba: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For columns `[width]` and rows `[height]`: whether any pixel differs from the one before. The first is False."""
    packed = pixel_numbers(rgba)
    columns, rows = np.zeros(packed.shape[1], bool), np.zeros(packed.shape[0], bool)
    columns[1:] = (packed[:, 1:] != packed[:, :-1]).any(axis=0)
    rows[1:] = (packed[1:] != packed[:-1]).any(axis=1)
    return columns, rows


def _changes_everywhere(rgba: np.ndarray) -> bool:
    """Whether the lines of change are too dense for any comb: then the art is native."""
    return any(_extent(lines).mean() > 1 / LEAST_SCALE for lines in _changed_lines(rgba))


def _extent(lines: np.ndarray) -> np.ndarray:
    """The part of an array from its first to its last nonzero value, or one zero."""
    places = np.flatnonzero(lines)
    return lines[places[0] : places[-1] + 1] if len(places) else np.zeros(1, lines.dtype)


def _undo_exact_comb(rgba: np.ndarray) -> NativeArt | None:
    lines = _changed_lines(rgba)
    if _changes_everywhere(rgba) or any(line.sum() < LEAST_CHANGED_LINES for line in lines):
        return None
    for columns, rows in _combs([line.astype(np.float64) for line in lines]):
        # On a comb that explains everything its own lines are the changes; most of them must have one.
        filled = [_extent(line[comb.starts]).mean() for line, comb in zip(lines, (columns, rows), strict=True)]
        if np.mean(filled) < LEAST_FILLED_SHARE:
            continue
        native = rgba[rows.starts][:, columns.starts]
        if np.array_equal(_enlarged(native, columns, rows, rgba.shape), rgba):
            return NativeArt(native, _common_scale(columns, rows))
    return None


def _undo_uneven(rgba: np.ndarray) -> NativeArt | None:
    """Leave out the lines that an enlargement between 1.25 and 1.9 repeated; what is left gives the picture exactly."""
    lines = _changed_lines(rgba)
    for changed in lines:
        if changed.sum() < LEAST_CHANGED_LINES or _extent(changed).mean() > MOST_UNEVEN_CHANGED:
            return None
    best, best_repeats = None, 0
    columns, rows = map(_repeats, lines)
    for scale in sorted(columns.keys() & rows.keys()):
        (across, chance_across), (down, chance_down) = columns[scale], rows[scale]
        repeats = int(across.sum() + down.sum())
        if chance_across + chance_down < MOST_CHANCE and repeats > best_repeats:
            best, best_repeats = (scale, across, down), repeats
    if best is None:
        return None
    scale, across, down = best
    return NativeArt(np.ascontiguousarray(rgba[~down][:, ~across]), scale)


def _repeats(changed: np.ndarray) -> dict[float, tuple[np.ndarray, float]]:
    """Enlargements below twofold that one axis allows.

    Args:
        changed: for every line whether it differs from the one before, bool `[length]`.

    Returns:
        The scale, to two decimals -> which lines it repeats, bool `[length]`, and the logarithm of the chance that all
        of these equal the line before.
    """
    length, places = len(changed), np.flatnonzero(changed)
    first, last = places[0], places[-1]
    pace, starts, either_way = _uneven_enlargements(length)
    padded = np.concatenate([changed, [True] * 2])
    starts = starts + (either_way & ~padded[starts] & padded[starts + 1])
    repeated = np.ones((len(pace), length + 2), bool)
    np.put_along_axis(repeated, starts, False, axis=1)
    repeated = repeated[:, :length]
    repeated[:, 0] = False  # the first line is nobody's copy
    within = repeated[:, first : last + 1]
    count = within.sum(axis=1)
    possible = ~(within & changed[first : last + 1]).any(axis=1) & (count >= LEAST_REPEATS)
    allowed: dict[float, tuple[np.ndarray, float]] = {}
    for index in np.flatnonzero(possible):
        change = (len(places) - 0.5) / (last - first + 1 - count[index])
        if change < LEAST_LEFT_CHANGED:
            continue
        # Of two lines either may be the copy, where the program decides.
        chance = float(count[index] * np.log1p(-(change ** (2 if either_way[index].any() else 1))))
        scale = round(1 / float(pace[index]), 2)
        if scale not in allowed or chance < allowed[scale][1]:
            allowed[scale] = repeated[index], chance
    return allowed


@lru_cache
def _uneven_enlargements(length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Enlargements below twofold that give so many pixels.

    Returns:
        Drawn lines a pixel of each, `[K]`; the pixel at which each line begins, int `[K, length + 2]`, at most
        `length`; and whether it may begin a pixel later as well, bool of that shape.
    """
    # Whole pictures: pixel i shows line floor(i n / length), or that of half a pixel on, and where this is a whole
    # number programs round either way. Cut-outs: simple ratios, any offset.
    sides = np.arange(math.ceil(length / LEAST_SCALE), int(length / LEAST_UNEVEN_SCALE) + 1) / length
    simple = [(part / whole, step / whole) for whole, part in _SIMPLE_RATIOS for step in range(whole)]
    ways = [(pace, 0.0, 0) for pace in sides] + [(pace, pace / 2, 1) for pace in sides]
    ways += [(*way, rounding) for way in simple for rounding in (0, 1)]
    pace, offset, rounding = np.array(ways).T
    begins = (np.arange(length + 2) - offset[:, None]) / pace[:, None]
    starts = np.ceil(begins - 1e-6).astype(np.int64)
    either_way = (rounding[:, None] > 0) & (np.abs(begins - starts) < 1e-6)
    return pace, np.clip(starts, 0, length), either_way


def _undo_noisy_comb(rgba: np.ndarray) -> NativeArt | None:
    energies = _edge_energies(rgba)
    for columns, rows in _combs(energies):
        between = [_energy_between(*pair) for pair in zip(energies, (columns, rows), strict=True)]
        if max(between) > MOST_ENERGY_BETWEEN:
            continue
        native = _cell_medians(rgba, columns, rows)
        if _explains(native, columns, rows, rgba):
            return NativeArt(native, _common_scale(columns, rows), noisy=True)
    return None


def _edge_energies(rgba: np.ndarray) -> list[np.ndarray]:
    """For columns `[width]` and rows `[height]`: the squared luma differences to the line before, summed.

    Squares let the edges of the drawing drown the noise. Only pairs of visible pixels count: the edge of a mask is
    sharp in a smooth enlargement, too.
    """
    luma, visible = rgba[..., :3] @ _LUMA, rgba[..., 3] > 0
    energies = []
    for values, mask in ((luma, visible), (luma.T, visible.T)):
        squares = np.square(np.diff(values, axis=1)) * (mask[:, 1:] & mask[:, :-1])
        energies.append(np.concatenate([[0.0], squares.sum(axis=0, dtype=np.float64)]))
    return energies


def _combs(profiles: list[np.ndarray]) -> Iterator[tuple[Comb, Comb]]:
    """Pairs of combs, for columns and rows, that match the profiles of change, the best first."""
    if any(profile.sum() == 0 or len(profile) < LEAST_CELLS * LEAST_SCALE for profile in profiles):
        return
    pairs = [tuple(_fit_comb(profile, frequency) for profile in profiles) for frequency in _frequencies(profiles)]
    yield from sorted(pairs, key=lambda pair: pair[0].score + pair[1].score, reverse=True)


def _frequencies(profiles: list[np.ndarray], most: int = 8) -> list[float]:
    """Candidates for the lines a pixel: the strongest peaks of the profiles' spectra taken together."""
    # Padded eightfold: the peak of a comb that does not fit the length a whole number of times is found all the same.
    length = 1 << (8 * max(map(len, profiles)) - 1).bit_length()
    spectrum = sum(np.abs(np.fft.rfft(profile, length)) / profile.sum() for profile in profiles)
    least = LEAST_CELLS / min(map(len, profiles))
    padded = np.pad(spectrum, 1)
    peaks = np.flatnonzero((spectrum >= padded[:-2]) & (spectrum >= padded[2:]))
    peaks = peaks[peaks / length >= least]
    return (peaks[np.argsort(-spectrum[peaks], kind="stable")][:most] / length).tolist()


def _fit_comb(profile: np.ndarray, frequency: float) -> Comb:
    """The best comb whose frequency is near the given one, over spacing and offset.

    Spacings that are whole, or fit the length a whole number of times, win over ones that match no better.
    """
    length, spacing = len(profile), 1 / frequency
    # Beyond the drawing there is no change to match; a line there must not count against a comb.
    changes = np.flatnonzero(profile > 1e-3 * profile.max())
    first, last = changes[0], changes[-1]
    total, extent = profile.sum(), last - first + 1

    tolerance = 0.5 / length  # half the width of a spectrum's peak
    whole = np.arange(math.ceil(length * (frequency - tolerance)), length * (frequency + tolerance))
    fine = frequency + tolerance * np.linspace(-1, 1, 2 * math.ceil(2 * spacing) + 1)
    best_score, best_spacing, best_lines = -1.0, spacing, np.zeros(0, np.int64)
    for candidate in (1 / round(spacing), *(whole / length), *fine):
        if abs(candidate - frequency) > 2 * tolerance:
            continue
        offsets = np.arange(0, 1 / candidate, 0.25)
        # Pixel i lies in cell floor((i + offset) * frequency): where this grows to k, line k is.
        numbers = np.arange(1, math.ceil((length + 1 / candidate) * candidate) + 1)
        lines = np.ceil(numbers / candidate - offsets[:, None] - 1e-9).astype(np.int64)
        inside = (lines >= first) & (lines <= last)
        captured = np.where(inside, profile[np.where(inside, lines, 0)], 0).sum(axis=1) / total
        scores = captured - inside.sum(axis=1) / extent
        winner = int(np.argmax(scores))
        if scores[winner] > best_score + 0.01:
            best_score, best_spacing = float(scores[winner]), 1 / candidate
            best_lines = lines[winner][(lines[winner] >= 1) & (lines[winner] < length)]
    lines = _snapped(best_lines, profile)
    if np.abs(np.diff(lines) - best_spacing).max(initial=0) >= 1:
        lines = best_lines  # moved out of step
    cells = len(lines) + 1
    if best_spacing != round(best_spacing) and abs(length - cells * best_spacing) < 1:
        best_spacing = length / cells  # not cropped: the sides tell the enlargement
    return Comb(np.concatenate([[0], lines]), best_spacing, best_score)


def _snapped(lines: np.ndarray, profile: np.ndarray) -> np.ndarray:
    """The lines, each moved by one pixel where the change clearly lies there: programs round x7.3 in their own ways."""
    around = np.stack([lines, lines - 1, np.minimum(lines + 1, len(profile) - 1)])
    change = profile[around]
    strongest = np.argmax(change, axis=0)
    clearly = change.max(axis=0) > np.maximum(4 * change[0], 0.25 * profile.mean())
    # Never onto another line of the comb.
    moved = around[strongest, np.arange(len(lines))]
    clearly &= (moved > 0) & ~np.isin(moved, lines)
    return np.unique(np.where(clearly, moved, lines))


def _common_scale(columns: Comb, rows: Comb) -> int | float:
    scale = round(float(columns.spacing + rows.spacing) / 2, 2)
    return int(scale) if scale == int(scale) else scale


def _energy_between(energy: np.ndarray, comb: Comb) -> float:
    """Mean energy off the lines of a comb relative to that on them; 0 where changes keep to the lines."""
    on_line = np.zeros(len(energy), bool)
    on_line[comb.starts[1:]] = True
    off_line = ~on_line
    off_line[0] = False
    if not off_line.any() or not energy[on_line].any():
        return math.inf
    return float(energy[off_line].mean() / energy[on_line].mean())


def _cell_medians(rgba: np.ndarray, columns: Comb, rows: Comb) -> np.ndarray:
    """The median colour of the middle half of each cell, uint8 `[rows, columns, 4]`: noise is worst at the edges."""
    across, down = _middles(columns, rgba.shape[1]), _middles(rows, rgba.shape[0])
    # A band of cells at a time: a large picture need not be held several times over.
    native = np.empty((len(down), len(across), 4), np.uint8)
    for row, places in enumerate(down):
        native[row] = np.round(np.median(rgba[places][:, across], axis=(0, 2)))
    native[..., 3] = np.where(native[..., 3] >= 128, 255, 0)
    native[native[..., 3] == 0] = 0
    return native


def _middles(comb: Comb, length: int) -> np.ndarray:
    """For each cell of a comb the places of the pixels about its middle, `[cells, half a spacing]`."""
    last = np.append(comb.starts[1:], length) - 1
    count = max(1, int(comb.spacing / 2))
    spread = np.arange(count) - (count - 1) / 2
    places = np.floor((comb.starts + last)[:, None] / 2 + spread + 0.5).astype(np.int64)
    return np.clip(places, comb.starts[:, None], last[:, None])


def _enlarged(native: np.ndarray, columns: Comb, rows: Comb, shape: tuple[int, ...]) -> np.ndarray:
    return native[rows.cell_of_pixel(shape[0])][:, columns.cell_of_pixel(shape[1])]


def _explains(native: np.ndarray, columns: Comb, rows: Comb, rgba: np.ndarray) -> bool:
    """Whether the recovered pixels, enlarged again, are the picture but for noise."""
    model = _enlarged(native, columns, rows, rgba.shape)
    if np.mean(model[..., 3] != rgba[..., 3]) > MOST_ALPHA_ERROR:
        return False
    visible = (model[..., 3] > 0) & (rgba[..., 3] > 0)
    if not visible.any():
        return False
    luma = (rgba[..., :3] @ _LUMA)[visible]
    error = luma - (model[..., :3] @ _LUMA)[visible]
    if np.sqrt(np.mean(error**2)) > MOST_RELATIVE_ERROR * max(float(luma.std()), 1.0):
        return False
    return _noisy_share(native, columns, rows, np.any(model != rgba, axis=-1)) >= LEAST_NOISY_SHARE


def _noisy_share(native: np.ndarray, columns: Comb, rows: Comb, differs: np.ndarray) -> float:
    """Of the cells with an edge towards a neighbour: the share that the model does not give exactly."""
    noisy = np.logical_or.reduceat(np.logical_or.reduceat(differs, rows.starts, axis=0), columns.starts, axis=1)
    edge = np.zeros(native.shape[:2], bool)
    for axis in (0, 1):
        # Much more than noise: 24 of 255 in any channel.
        step = np.abs(np.diff(native.astype(np.int16), axis=axis)).max(axis=-1) > 24
        before, after = [(0, 0), (0, 0)], [(0, 0), (0, 0)]
        before[axis], after[axis] = (1, 0), (0, 1)
        edge |= np.pad(step, before) | np.pad(step, after)
    edge &= native[..., 3] > 0
    return float(noisy[edge].mean()) if edge.any() else 0.0


def _refuse_smooth(native: np.ndarray, colours: int, small: bool) -> None:
    """Raise for a picture without a grid that is no drawn art either."""
    visible = np.count_nonzero(native[..., 3])
    if small and (visible < SMOOTH_PIXELS or colours <= SMOOTH_COLOURS_A_PIXEL * visible):
        return
    ramps = ramp_share(native)
    periodic = ramps > PERIODIC_RAMP_SHARE and _second_difference_period(native) > LEAST_PERIODICITY
    if small:
        smooth = ramps > SMOOTH_RAMP_SHARE
    else:
        smooth = (periodic and colours > FEW_COLOURS) or (ramps > SMOOTH_LARGE_RAMP_SHARE and colours > SMOOTH_COLOURS)
    if smooth:
        raise BadImage(SMOOTH_ENLARGEMENT if periodic else PHOTOGRAPH)


def ramp_share(rgba: np.ndarray) -> float:
    """How much of the change in a picture is gradual: of the places where luma changes on at least one side, the share
    with nearly the same step on both. Drawn edges are steps; interpolation and lenses make ramps.

    Args:
        rgba: uint8 `[height, width, 4]`.

    Returns:
        0 to 1.
    """
    luma, visible = np.round(rgba[..., :3] @ _LUMA), rgba[..., 3] > 0
    ramps = changes = 0
    for values, mask in ((luma, visible), (luma.T, visible.T)):
        step = np.diff(values, axis=1)
        before, after = step[:, :-1], step[:, 1:]
        together = mask[:, :-2] & mask[:, 1:-1] & mask[:, 2:]
        alike = np.abs(before - after) <= np.maximum(2, np.maximum(np.abs(before), np.abs(after)) / 4)
        ramps += np.count_nonzero(together & alike & (before != 0) & (after != 0))
        changes += np.count_nonzero(together & ((before != 0) | (after != 0)))
    return ramps / max(changes, 1)


def _second_difference_period(rgba: np.ndarray) -> float:
    """How periodic the bends of luma are along both axes, 0 to about 1: interpolation bends at the old pixels only."""
    luma, visible = rgba[..., :3] @ _LUMA, rgba[..., 3] > 0
    length = 1 << (8 * max(rgba.shape[:2]) - 1).bit_length()
    spectrum = np.zeros(length // 2 + 1)
    for values, mask in ((luma, visible), (luma.T, visible.T)):
        if values.shape[1] < 3:
            return 0.0
        together = mask[:, :-2] & mask[:, 1:-1] & mask[:, 2:]
        bends = (np.abs(np.diff(values, n=2, axis=1)) * together).sum(axis=0) / np.maximum(together.sum(axis=0), 1)
        # Relative to the neighbourhood: the drawing itself makes some places busier than others.
        around = np.convolve(bends, np.ones(19) / 19)[9:-9]
        relative = np.clip(bends / np.maximum(around, 1e-6), 0, 4)
        spectrum += np.abs(np.fft.rfft(relative - relative.mean(), length)) / (2 * len(relative))
    return float(spectrum[length // 16 :].max())
