"""Clean pixels: what a picture has besides the drawing, such as noise, a background or a fringe, taken off again.

The noise of an enlarged JPEG, a flat background, a key colour and a painted checkerboard go by default, for they are
never the drawing; everything else is asked for, since it may be: an eye's highlight is one pixel. Colours are compared
in OKLab (Ottosson, 2020). Every function takes and gives uint8 `[height, width, 4]` with binary alpha, in native
pixels, and leaves its argument alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np
from scipy.ndimage import binary_propagation, label

from src.data.native_grid import FEW_COLOURS, NativeArt
from src.data.smooth import FITS, KINDS, PIXEL, RESAMPLING, SMOOTH
from src.errors import InputError
from src.images import BadImage, count_colours, neighbours, orphans, pixel_numbers
from src.palettes.oklab import srgb_to_oklab
from src.palettes.snap import snap

# Colours nearer than this in OKLab are one drawn colour seen through JPEG noise.
NOISE_DISTANCE = 0.035
# In a picture in its own size noise is stronger: there every pixel is at an edge.
OWN_SIZE_NOISE_DISTANCE = 0.07
# So few pixels of a colour, this near to another, are noise that strayed further.
STRAY_PIXELS = 2
STRAY_DISTANCE = 0.08

# Noise is noted where collapsing it leaves at most this share of the colours (a JPEG's 0.05 to 0.1, random ones' 0.15);
# of a file that is a JPEG sooner.
NOISY_SHARE, NOISY_JPEG_SHARE = 0.12, 0.5
NOISY_JPEG_COLOURS = 32
# More colours than this are a photograph's: their distances would fill the memory.
MOST_NOISY_COLOURS = 6000

# What stands for transparency in most files that cannot have any.
USUAL_KEYS = {"magenta": (255, 0, 255), "green": (0, 255, 0)}

# A background is one colour in both upper corners and in at least this share of the border: a bust stands on the lower
# border and may cover it, but a face that fills the picture has no such border.
BACKGROUND_BORDER_SHARE = 0.5
# A drawing fills more than this share of the picture, or has this many pixels, or the flood has eaten it.
DRAWING_LEAST_SHARE = 0.02
DRAWING_LEAST_PIXELS = 64

# A fringe pixel lies between background and drawing within this distance in sRGB steps (of 255), at least this far from
# both ends.
FRINGE_DISTANCE = 12.0
FRINGE_LEAST_MIX = 0.1


# Two greys of a painted checkerboard differ by at least this, and their pixels by at most a third of the difference.
CHECKER_CONTRAST = 8
CHECKER_GREYNESS = 12

NOISE_COLLAPSED = "compression noise collapsed to a palette"
NOISE_LEFT = "compression noise left in"
BACKGROUND_REMOVED = "flat background made transparent"
KEY_REMOVED = "key colour made transparent"
KEY_LEFT = "key colour left in"
CHECKERS_REMOVED = "painted checkerboard made transparent"
TRIMMED = "empty border cut off"

EACH = "each"
FRAMES = ("first", "all")


@dataclass(frozen=True)
class PrepareOptions:
    """What `prepare` may change in a picture besides its scale.

    Args:
        frames: of an animation `first`, the first frame that shows something, or `all`.
        enlarge: the most to enlarge a portrait, a whole number; `each`: each as far as it fits; None: likewise, but one
            enlargement for all where the pictures were cut to their content.
        remove_noise: collapse the noise of lossy compression in pictures that were not enlarged, too.
        reduce: how to bring art larger than a portrait down, a name of `REDUCTIONS`; None rejects it.
        colours: the most colours of a portrait; None keeps all; 1 is monochrome, every visible pixel white.
        remove_key: make pure magenta and green transparent in every picture, not only around and in drawings on them.
        keep_background: leave a flat opaque background instead of making it transparent.
        remove_orphans: replace single pixels that differ from all their neighbours.
        remove_fringe: take off the mix of drawing and background that anti-aliasing left where one was removed.
        density: `LEAST:MOST`, shares of a picture's native pixels that are visible; None takes all.
        kind: `pixel` or `smooth` art (`src/data/smooth.py`); what is above is for pixel art alone.
        fit, resample: of smooth art, as for `fit_smooth`.
    """

    frames: str = "first"
    enlarge: int | str | None = None
    remove_noise: bool = False
    reduce: str | None = None
    colours: int | None = None
    remove_key: bool = False
    keep_background: bool = False
    remove_orphans: bool = False
    remove_fringe: bool = False
    density: str | None = None
    kind: str = PIXEL
    fit: str = FITS[0]
    resample: str = next(iter(RESAMPLING))

    def __post_init__(self) -> None:
        if self.frames not in FRAMES:
            raise InputError(f"frames are {' or '.join(FRAMES)}, not {self.frames!r}")
        if self.enlarge not in (None, EACH) and (isinstance(self.enlarge, str) or self.enlarge < 1):
            raise InputError(f"portraits are enlarged by a whole number from 1, or {EACH!r}, not {self.enlarge!r}")
        if self.reduce is not None and self.reduce not in REDUCTIONS:
            raise InputError(f"no such way to reduce: {self.reduce!r}; there are {', '.join(REDUCTIONS)}")
        if self.colours is not None and self.colours < 1:
            raise InputError(f"colours must be at least 1, not {self.colours}")
        for name in ("remove_fringe", "remove_key"):
            if getattr(self, name) and self.keep_background:
                raise InputError(f"{name} needs the background removed; leave keep_background out")
        if self.density is not None:
            parse_density(self.density)
        for name, value, choices in (("kind", self.kind, KINDS), ("fit", self.fit, FITS)):
            if value not in choices:
                raise InputError(f"no such {name}: {value!r}; there are {', '.join(choices)}")
        if self.resample not in RESAMPLING:
            raise InputError(f"no such way to resize: {self.resample!r}; there are {', '.join(RESAMPLING)}")
        asked = {each.name for each in fields(self) if getattr(self, each.name) != each.default}
        if self.kind == SMOOTH and not asked <= {"kind", "fit", "resample"}:
            raise InputError("smooth art is resized, nothing else; leave the options for pixel art out")
        if self.kind != SMOOTH and (of_smooth_art := sorted(asked & {"fit", "resample"})):
            raise InputError(f"{of_smooth_art[0]} is for smooth art; leave it out, or choose kind={SMOOTH} (--smooth)")

    @property
    def most_enlarged(self) -> int | None:
        """The most to enlarge a portrait; None for as much as fits."""
        return self.enlarge if isinstance(self.enlarge, int) else None


def clean(art: NativeArt, size: int, options: PrepareOptions) -> tuple[np.ndarray, list[str]]:
    """Bring a picture's pixels to what was drawn, as far as the options ask.

    Args:
        art: what `recover_native` found.
        size: side of a portrait in pixels: larger art is reduced where the options say how, else left.
        options: what to change.

    Returns:
        uint8 `[h, w, 4]`, and a note for each change that nobody asked for.

    Raises:
        BadImage: one opaque colour and nothing else.
    """
    pixels, notes = art.pixels, []
    if (pixels == pixels[0, 0]).all() and pixels[0, 0, 3] > 0:
        raise BadImage("one colour only: nothing is drawn")
    noisy = art.noisy or options.remove_noise
    distance = NOISE_DISTANCE if art.noisy else OWN_SIZE_NOISE_DISTANCE
    large = max(pixels.shape[:2]) > size
    if noisy and not large:
        pixels = collapse_noise(pixels, distance)
        noisy = False
    if not options.keep_background:
        pixels, notes, matte = without_background(pixels, options.remove_key)
        if matte is not None and options.remove_fringe:
            pixels = remove_fringe(pixels, matte)
    if large:
        content = trimmed(pixels)
        if max(content.shape[:2]) <= size:
            notes.append(f"{TRIMMED}: {_sides(pixels)} to {_sides(content)}")
            pixels = content
        elif options.reduce is None:
            return pixels, notes  # to be rejected: nothing of it is worth the work
        if noisy:
            pixels = collapse_noise(pixels, distance)
        if max(pixels.shape[:2]) > size:
            pixels = reduce_art(pixels, size, options.reduce)
            notes.append(f"larger art reduced by {options.reduce}")
    if art.noisy:
        notes.insert(0, NOISE_COLLAPSED)
    if options.remove_orphans:
        pixels = remove_orphans(pixels)
    if options.colours is not None:
        pixels = monochrome(pixels) if options.colours == 1 else reduce_colours(pixels, options.colours)
    if options.density is not None:
        check_density(pixels, *parse_density(options.density))
    return pixels, notes


def parse_density(text: str) -> tuple[float, float]:
    """`0.15:0.6` -> (0.15, 0.6).

    Raises:
        InputError: not two shares from 0 to 1, the lesser one first.
    """
    try:
        least, most = map(float, text.split(":"))
    except ValueError:
        least, most = 1.0, 0.0
    if not 0 <= least <= most <= 1:
        raise InputError(f"density is LEAST:MOST, such as 0.15:0.6, not {text!r}")
    return least, most


def check_density(rgba: np.ndarray, least: float, most: float) -> None:
    """Refuse a picture with too few or too many visible pixels.

    Raises:
        BadImage: the share of visible pixels is outside of `least` to `most`.
    """
    density = (rgba[..., 3] > 0).mean()
    if not least <= density <= most:
        raise BadImage(f"pixel density outside {least:g}:{most:g}")


def monochrome(rgba: np.ndarray) -> np.ndarray:
    """Every visible pixel white: a stencil, as 1-bit art is drawn."""
    return np.where(rgba[..., 3:] > 0, np.uint8(255), np.uint8(0)).repeat(4, axis=2)


def _sides(rgba: np.ndarray) -> str:
    return f"{rgba.shape[1]}x{rgba.shape[0]}"


def trimmed(rgba: np.ndarray) -> np.ndarray:
    """The picture without the empty lines around what is visible; a picture that shows nothing as it is."""
    rows, columns = (np.flatnonzero(rgba[..., 3].any(axis=axis)) for axis in (1, 0))
    return rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else rgba


def without_background(rgba: np.ndarray, remove_key: bool = False) -> tuple[np.ndarray, list[str], np.ndarray | None]:
    """A picture without its flat background; a key colour goes inside the drawing, too.

    Args:
        rgba: the picture.
        remove_key: pure magenta and green go wherever they are, also where the background is another or is gone.

    Returns:
        The picture, a note where something went or a key colour may have been forgotten, and the background's colour,
        uint8 `[4]`.
    """
    background = flat_background(rgba)
    if background is None:
        matte, notes = None, []
        keys = _usual_keys(rgba) if remove_key or not rgba[..., 3].all() else {}
    else:
        matte, is_key = rgba[0, 0], is_key_colour(rgba[0, 0])
        rgba = _without(rgba, (rgba == matte).all(axis=-1) if is_key else background)
        notes = [KEY_REMOVED if is_key else BACKGROUND_REMOVED]
        keys = _usual_keys(rgba) if remove_key else {}
    if not remove_key:
        notes += _left_in(keys)
    elif keys:
        rgba = _without(rgba, np.any(list(keys.values()), axis=0))
        notes += [KEY_REMOVED] if KEY_REMOVED not in notes else []
    return rgba, notes, matte


def forgotten_keys(rgba: np.ndarray) -> list[str]:
    """A note for each usual key colour that a picture has."""
    return _left_in(_usual_keys(rgba))


def _left_in(keys: Mapping[str, np.ndarray]) -> list[str]:
    return [f"{KEY_LEFT}: {np.count_nonzero(mask)} pixels of {name}" for name, mask in keys.items()]


def _usual_keys(rgba: np.ndarray) -> dict[str, np.ndarray]:
    """The usual key colours that a picture has, and where, bool `[height, width]`."""
    pixels = pixel_numbers(rgba)
    masks = {name: pixels == pixel_numbers(np.array((*key, 255), np.uint8)) for name, key in USUAL_KEYS.items()}
    return {name: mask for name, mask in masks.items() if mask.any()}


def is_key_colour(colour: np.ndarray) -> bool:
    """Whether a colour, uint8 `[3]` or more, is one that drawings avoid, so that it can stand for transparency.

    Pure magenta, green, cyan and blue are; red and yellow occur in drawings.
    """
    red, green, blue = (int(channel) for channel in colour[:3])
    return min(red, blue) - green > 120 or green - max(red, blue) > 120 or blue - max(red, min(green, 99)) > 120


def remove_checkerboard(rgba: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Make the checkerboard of two greys transparent that programs show for transparency, painted into a picture.

    What matches it goes where it is joined to the border, and elsewhere where both greys meet: a hole in the drawing,
    and no white eye.

    Returns:
        The picture, and a note where there was such a background.
    """
    if not rgba[..., 3].all() or min(rgba.shape[:2]) < 4:
        return rgba, []
    colours = rgba[..., :3].astype(np.int16)
    top, left = colours[0], colours[:, 0]
    # The greys: the first corner and the first pixel beside its square.
    beside = np.flatnonzero(np.abs(top - top[0]).max(axis=-1) >= CHECKER_CONTRAST)
    if not len(beside):
        return rgba, []
    first, second = top[0], top[beside[0]]
    contrast = np.abs(first - second).max()
    if max(np.ptp(first), np.ptp(second)) > CHECKER_GREYNESS:
        return rgba, []
    border_greys = [np.abs(line - second).max(axis=-1) < np.abs(line - first).max(axis=-1) for line in (top, left)]
    changes = [np.flatnonzero(np.diff(line)) + 1 for line in border_greys]
    runs = np.concatenate([np.diff(change) for change in changes])
    if not len(runs) or not all(len(change) for change in changes):
        return rgba, []
    side = int(np.bincount(runs).argmax())
    if side < 2:
        return rgba, []
    parity = [
        (np.arange(len(line)) - change[0]) // side % 2 for line, change in zip(border_greys, changes, strict=True)
    ]
    second_here = (parity[0][None, :] + parity[1][:, None]) % 2 == (0 if border_greys[0][changes[0][0]] else 1)
    second_here ^= second_here[0, 0]  # the corner has the first grey
    expected = np.where(second_here[..., None], second, first)
    matches = np.abs(colours - expected).max(axis=-1) <= contrast // 3
    border = np.concatenate([matches[0], matches[-1], matches[1:-1, 0], matches[1:-1, -1]])
    if border.mean() < BACKGROUND_BORDER_SHARE or matches.all():
        return rgba, []
    number, count = label(matches)
    kept = np.zeros(count + 1, bool)
    edges = np.concatenate([number[0], number[-1], number[:, 0], number[:, -1]])
    kept[edges] = True
    in_first, in_second = (np.bincount(number[second_here == which], minlength=count + 1) for which in (False, True))
    kept |= np.minimum(in_first, in_second) > 0
    kept[0] = False
    return _without(rgba, kept[number]), [CHECKERS_REMOVED]


def noise_note(rgba: np.ndarray, colours: int, lossy: bool) -> list[str]:
    """A note where most of a picture's colours are others seen through noise: a JPEG in its own size.

    Args:
        rgba: the picture.
        colours: how many it has.
        lossy: it comes from a JPEG.
    """
    if not (NOISY_JPEG_COLOURS if lossy else FEW_COLOURS) < colours <= MOST_NOISY_COLOURS:
        return []
    if count_colours(collapse_noise(rgba)) > (NOISY_JPEG_SHARE if lossy else NOISY_SHARE) * colours:
        return []
    return [f"{NOISE_LEFT}: {colours} colours"]


def _without(rgba: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None], np.uint8(0), rgba)


def _distinct(rgba: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The visible colours `[K, 3]`, the pixels of each `[K]`, and each visible pixel's number of its colour."""
    colours, number, count = np.unique(rgba[rgba[..., 3] > 0, :3], axis=0, return_inverse=True, return_counts=True)
    return colours, count, number.reshape(-1)


def _recoloured(rgba: np.ndarray, colour_of_pixel: np.ndarray) -> np.ndarray:
    """The picture with other colours, `[visible pixels, 3]`, in its visible pixels."""
    result = rgba.copy()
    result[rgba[..., 3] > 0, :3] = colour_of_pixel
    return result


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Distances between colours `[N, 3]` and `[M, 3]`, float `[N, M]`."""
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2 * first @ second.T
    return np.sqrt(np.maximum(squares, 0))


def collapse_noise(rgba: np.ndarray, distance: float = NOISE_DISTANCE) -> np.ndarray:
    """Give the pixels of each drawn colour, scattered by lossy compression, one colour again.

    The colour with most pixels near it takes them, then the next of what is left; the few pixels that strayed further
    join the nearest. A colour becomes the median of its pixels: near the drawn one, to a few steps of 255.

    Args:
        rgba: the picture.
        distance: colours nearer than this in OKLab are one.
    """
    colours, count, number = _distinct(rgba)
    if not 0 < len(colours) <= MOST_NOISY_COLOURS:
        return rgba
    oklab = srgb_to_oklab(colours).astype(np.float32)
    distances = _distances(oklab, oklab)
    near = distances < distance
    weight = (near @ count.astype(np.float32)).astype(np.float64)
    free, centre_of = np.ones(len(colours), bool), np.zeros(len(colours), np.int64)
    for centre in np.argsort(-weight, kind="stable"):
        if free[centre]:
            taken = near[centre] & free
            centre_of[taken], free[taken] = centre, False
    centres = np.unique(centre_of)
    pixels = np.array([count[centre_of == centre].sum() for centre in centres])
    lasting = centres[pixels > STRAY_PIXELS]
    if len(lasting):
        for stray in centres[pixels <= STRAY_PIXELS]:
            nearest = lasting[np.argmin(distances[stray, lasting])]
            if distances[stray, nearest] < STRAY_DISTANCE:
                centre_of[centre_of == stray] = nearest
    # A pixel on the rim of one colour may lie nearer to another that was chosen later.
    centres = np.unique(centre_of)
    cluster = np.argmin(distances[:, centres], axis=1)
    palette = np.zeros((len(centres), 3), np.uint8)
    visible = rgba[rgba[..., 3] > 0, :3]
    cluster_of_pixel = cluster[number]
    for index in range(len(centres)):
        palette[index] = np.round(np.median(visible[cluster_of_pixel == index], axis=0))
    return _recoloured(rgba, palette[cluster_of_pixel])


def flat_background(rgba: np.ndarray) -> np.ndarray | None:
    """The flat background of an opaque picture: flooded from the corners, through pixels of exactly their colour.

    Returns:
        bool `[height, width]`; None where the picture has transparency, or no such background.
    """
    if not rgba[..., 3].all() or (rgba[0, 0] != rgba[0, -1]).any():
        return None
    same = (rgba == rgba[0, 0]).all(axis=-1)
    corners = np.zeros_like(same)
    corners[np.ix_((0, -1), (0, -1))] = True
    flooded = binary_propagation(corners & same, mask=same)
    border = np.concatenate([flooded[0], flooded[-1], flooded[1:-1, 0], flooded[1:-1, -1]])
    eaten = np.count_nonzero(~flooded) < min(DRAWING_LEAST_SHARE * flooded.size, DRAWING_LEAST_PIXELS)
    if border.mean() < BACKGROUND_BORDER_SHARE or eaten:
        return None
    return flooded


def remove_fringe(rgba: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """Undo anti-aliasing against a background that was removed since.

    A visible pixel beside transparency whose colour lies between the background's and that of a neighbour further
    inside is more drawing, and takes the neighbour's colour, or more background, and becomes transparent.

    Args:
        rgba: the picture without its background.
        matte: the background's colour, uint8 `[3]` or more.
    """
    visible = rgba[..., 3] > 0
    around = neighbours(rgba)
    rim = visible & (around[..., 3] == 0).any(axis=0)
    inside = neighbours(np.where((visible & ~rim)[..., None], rgba, np.uint8(0)))
    background = np.asarray(matte[:3], np.float64)
    result = rgba.copy()
    for row, column in np.argwhere(rim):
        candidates = inside[:, row, column]
        colours = candidates[candidates[:, 3] > 0, :3].astype(np.float64)
        towards = colours - background
        lengths = (towards**2).sum(axis=1)
        colours, towards, lengths = colours[lengths > 0], towards[lengths > 0], lengths[lengths > 0]
        if not len(colours):
            continue
        offset = rgba[row, column, :3] - background
        share = towards @ offset / lengths
        off_line = np.linalg.norm(offset - share[:, None] * towards, axis=1)
        best = int(np.argmin(off_line))
        if off_line[best] < FRINGE_DISTANCE and FRINGE_LEAST_MIX < share[best] < 1 - FRINGE_LEAST_MIX:
            result[row, column] = (*colours[best].astype(np.uint8), 255) if share[best] >= 0.5 else 0
    return result


def remove_orphans(rgba: np.ndarray) -> np.ndarray:
    """Give single pixels, of a colour that no neighbour has, the colour or transparency that most neighbours have."""
    orphan, commonest = orphans(rgba)
    return np.where(orphan[..., None], commonest, rgba)


def reduce_colours(rgba: np.ndarray, most: int) -> np.ndarray:
    """Keep at most so many of a picture's own colours and snap every pixel to the nearest of them in OKLab.

    Clusters by k-means from a deterministic start, the commonest colour and then each time the one that is worst
    served; of each cluster the colour nearest to its centre stays, so no colour is invented.

    Args:
        rgba: the picture.
        most: the most colours, at least 1.
    """
    colours, count, _ = _distinct(rgba)
    if len(colours) <= most:
        return rgba
    oklab = srgb_to_oklab(colours)
    chosen = [int(np.argmax(count))]
    while len(chosen) < most:
        served = _distances(oklab, oklab[chosen]).min(axis=1)
        chosen.append(int(np.argmax(count * served**2)))
    centres = oklab[chosen]
    for _ in range(10):
        cluster = np.argmin(_distances(oklab, centres), axis=1)
        for index in np.unique(cluster):
            members = cluster == index
            centres[index] = np.average(oklab[members], axis=0, weights=count[members])
    kept = np.unique(np.argmin(_distances(oklab, centres), axis=0))
    return snap(rgba, colours[kept])


def _commonest(cell: np.ndarray) -> np.ndarray:
    """The most frequent pixel of a cell, uint8 `[h, w, 4]` -> `[4]`; of equals the one found first."""
    pixels, first, count = np.unique(cell.reshape(-1, 4), axis=0, return_index=True, return_counts=True)
    return pixels[np.lexsort((first, -count))[0]]


def _middle(cell: np.ndarray) -> np.ndarray:
    """The pixel in the middle of a cell, uint8 `[h, w, 4]` -> `[4]`."""
    return cell[cell.shape[0] // 2, cell.shape[1] // 2]


REDUCTIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {"mode": _commonest, "nearest": _middle}
"""Ways to reduce art that is too large: the name -> what becomes of the pixels of a cell. None mixes colours."""


def reduce_art(rgba: np.ndarray, size: int, method: str) -> np.ndarray:
    """Bring art down until its longer side is `size`: each new pixel is chosen among those of its cell.

    Args:
        rgba: the picture, larger than `size`.
        size: the longer side afterwards, in pixels.
        method: a name of `REDUCTIONS`: `mode` keeps flat areas and outlines, `nearest` a dither pattern.
    """
    height, width = rgba.shape[:2]
    factor = max(height, width) / size
    new_height, new_width = max(1, round(height / factor)), max(1, round(width / factor))
    choose = REDUCTIONS[method]
    rows = np.linspace(0, height, new_height + 1).round().astype(int)
    columns = np.linspace(0, width, new_width + 1).round().astype(int)
    result = np.empty((new_height, new_width, 4), np.uint8)
    for row in range(new_height):
        for column in range(new_width):
            result[row, column] = choose(rgba[rows[row] : rows[row + 1], columns[column] : columns[column + 1]])
    return result
