"""Snapping pictures to a palette: one worked out from a set's colours by k-means, or one from a file. No torch.

A network draws a thousand shades where an artist uses twenty. Snapping gives every pixel the nearest colour of a
palette, by exact search in OKLab (Ottosson, "A perceptual color space for image processing", 2020), in which equal
distances look about equally far.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.errors import InputError
from src.images import pixel_numbers
from src.palettes.files import MOST_COLOURS, read_palette
from src.palettes.oklab import srgb_to_oklab

TABLE_COLOURS = 4096
"""The most colours of a table: what the k-means looks at, and what a checkpoint carries (45 KB)."""

# Starts of the k-means, of which the best is kept, and the seed that they follow from.
STARTS = 4
SEED = 0

# Colours compared with a whole palette at a time, to bound the memory.
_BLOCK = 4096


@dataclass(frozen=True)
class ColourTable:
    """The colours of a set of portraits and how often each occurs.

    Args:
        colours: sRGB uint8 `[K, 3]`, K at most 4,096.
        counts: visible pixels of each, int64 `[K]`.
    """

    colours: np.ndarray
    counts: np.ndarray


def colour_table(images: np.ndarray, most: int = TABLE_COLOURS) -> ColourTable:
    """Count the visible colours of portraits.

    A set with more than `most` colours has them merged: the lowest bits of red, green and blue are dropped, one more
    until few enough are left, and the commonest colour stands for those that became the same. None is invented.

    Args:
        images: uint8 `[N, H, W, 4]` with binary alpha.
        most: at least 8, for one bit a channel is always kept.
    """
    # Portrait by portrait: each has few colours, and sorting all pixels of 7,600 together takes ten times as long.
    parts = [np.unique(pixel_numbers(image)[image[..., 3] > 0], return_counts=True) for image in images]
    packed, number = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    counts = np.bincount(number, np.concatenate([part[1] for part in parts]), len(packed)).astype(np.int64)
    colours = _unpacked(packed)
    order = np.argsort(-counts, kind="stable")
    colours, counts = colours[order], counts[order]
    merged, total = colours, counts
    for dropped_bits in range(1, 8):
        if len(merged) <= most:
            break
        # The commonest come first, so the first of each cell stands for it.
        _, first, cell = np.unique(colours >> dropped_bits, axis=0, return_index=True, return_inverse=True)
        merged = colours[first]
        total = np.bincount(cell.reshape(-1), counts, len(first)).astype(np.int64)
    return ColourTable(merged, total)


def cluster_palette(table: ColourTable, count: int) -> np.ndarray:
    """A palette of a set by k-means in OKLab, every colour weighted by how often it occurs.

    Of each cluster the colour of the set nearest to its centre is taken, so none is invented.

    Args:
        table: the set's colours.
        count: how many; all of them where the set has no more.

    Returns:
        sRGB uint8 `[count, 3]` or fewer, dark to light; the same every time.
    """
    oklab = srgb_to_oklab(table.colours)
    if len(oklab) <= count:
        chosen = np.arange(len(oklab))
    else:
        from sklearn.cluster import KMeans

        clusters = KMeans(count, n_init=STARTS, random_state=SEED).fit(oklab, sample_weight=table.counts)
        from_centre = np.linalg.norm(oklab - clusters.cluster_centers_[clusters.labels_], axis=1)
        members = [np.flatnonzero(clusters.labels_ == cluster) for cluster in np.unique(clusters.labels_)]
        chosen = np.array([of_cluster[from_centre[of_cluster].argmin()] for of_cluster in members])
    return table.colours[chosen[np.argsort(oklab[chosen, 0], kind="stable")]]


def requested_palette(requested: str) -> np.ndarray | int:
    """What `--palette-snap` asks for: a file's colours, sRGB uint8 `[K, 3]`, or how many are to be worked out.

    Raises:
        InputError: neither a number of colours, 2 to 256, nor a palette file that can be read.
    """
    if not requested.isdecimal():
        if not Path(requested).is_file():
            raise InputError(
                f"{requested!r} is neither a number of colours nor a palette file; give 2 to {MOST_COLOURS}, or a file"
            )
        return read_palette(Path(requested))
    if len(requested) > 9 or not 2 <= int(requested) <= MOST_COLOURS:  # Python reads no number of thousands of digits
        raise InputError(
            f"a palette has 2 to {MOST_COLOURS} colours, not {requested[:9]}{'...' * (len(requested) > 9)}"
        )
    return int(requested)


def choose_palette(requested: str, table: ColourTable | None) -> np.ndarray:
    """The palette that `--palette-snap` asks for.

    Args:
        requested: a number of colours, 2 to 256, or the path of a palette file.
        table: the training set's colours; None where a checkpoint has none.

    Returns:
        sRGB uint8 `[K, 3]`.

    Raises:
        InputError: as `requested_palette`; no table to work out colours from.
    """
    palette = requested_palette(requested)
    if not isinstance(palette, int):
        return palette
    if table is None:
        raise InputError(
            "this checkpoint is of an older version and does not hold its training set's colours; give a palette "
            "file instead of a number of colours"
        )
    return cluster_palette(table, palette)


def snap(rgba: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Give every visible pixel the nearest colour of a palette, by exact search in OKLab; of equals the first.

    Args:
        rgba: uint8 `[..., 4]` with binary alpha, which stays as it is.
        palette: sRGB uint8 `[K, 3]`, K at least 1.
    """
    visible = rgba[..., 3] > 0
    packed, number = np.unique(pixel_numbers(rgba)[visible], return_inverse=True)
    colours, targets = srgb_to_oklab(_unpacked(packed)), srgb_to_oklab(palette)
    nearest = np.empty(len(colours), np.int64)
    for start in range(0, len(colours), _BLOCK):
        offsets = colours[start : start + _BLOCK, None] - targets
        nearest[start : start + _BLOCK] = (offsets**2).sum(axis=-1).argmin(axis=1)
    result = rgba.copy()
    result[visible, :3] = palette[nearest][number.reshape(-1)]
    return result


def _unpacked(packed: np.ndarray) -> np.ndarray:
    """The colours behind `pixel_numbers` `[K]`, uint8 `[K, 3]`."""
    return packed.view(np.uint8).reshape(-1, 4)[:, :3]
