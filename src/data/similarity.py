"""How similar two portraits are when colours do not count, and which portraits are worth comparing.

Recolouring changes which colour a region has, not which pixels share one. So a portrait is reduced to its *layout*: the
same picture with its colours numbered. Two portraits are palette swaps of each other where one's numbers give the
other's, and *similarity* is the share of their pixels for which they do. Exact index maps find exact palette swaps
only; this finds them too where two ramps share a colour, an ear is longer or a pixel was touched up.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from src.images import cell_means, pixel_numbers

DESCRIPTOR_CELLS = 16
"""The descriptor's grid has that many cells a side."""

_BLOCK = 1024
"""Portraits whose neighbours are looked for at once: bounds the memory to block x N floats."""

_MOST_DENSE_PAIRS = 1 << 16
"""Above that many pairs of colours (photographs) a table of all pairs would cost more than sorting the pixels."""


def colour_layout(rgba: np.ndarray) -> np.ndarray:
    """The picture with each visible colour replaced by its number in order of first appearance, row by row.

    Args:
        rgba: uint8 `[H, W, 4]`, binary alpha.

    Returns:
        uint16 `[H, W]`: 0 where transparent, visible colours from 1.
    """
    return renumbered(np.where(rgba[..., 3] > 0, pixel_numbers(rgba), 0))


def renumbered(layout: np.ndarray) -> np.ndarray:
    """The numbers of a layout `[H, W]`, 0 where transparent, in order of first appearance again, uint16: after it was
    mirrored, say."""
    visible = layout > 0
    numbers = np.zeros(layout.shape, np.uint16)
    numbers[visible] = pd.factorize(layout[visible])[0] + 1
    return numbers


def similarity(one: np.ndarray, other: np.ndarray, least: float = 0.0) -> float:
    """Share of the pixels visible in either portrait that a change of palette explains, whichever way it is read.

    Read from a coarse picture to a fine one much is left unexplained that the other direction explains, so the smaller
    of the two shares counts; see `explained`.

    Args:
        one: a layout, uint16 `[H, W]`, see `colour_layout`.
        other: another of the same size.
        least: 0 is as good an answer as anything below this, and sooner found.

    Returns:
        0 to 1; 1 for exact palette swaps.
    """
    # The silhouettes' overlap is the most that it can be.
    shared, union = np.count_nonzero(np.logical_and(one, other)), np.count_nonzero(np.logical_or(one, other))
    return min(explained(one, other)) if shared >= least * union else 0.0


def explained(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Share of the pixels visible in either portrait that a change of palette explains, read from one and from other.

    Each colour of one portrait is taken for the colour of the other that it most often meets; where that is right, a
    pixel is explained. A colour's first pixel explains itself whatever the other portrait is and is no evidence: it is
    left out, or two photographs, where each pixel has a colour of its own, would be perfectly similar.

    Args:
        one: a layout, uint16 `[H, W]`, see `colour_layout`.
        other: another of the same size.

    Returns:
        0 to 1 each; 1 where every colour of that portrait means one colour in the other.
    """
    one, other = one.reshape(-1), other.reshape(-1)
    if not ((one > 0) & (other > 0)).any():
        return 0.0, 0.0
    rows, columns = int(one.max()) + 1, int(other.max()) + 1
    pairs = one.astype(np.int64) * columns + other
    if rows * columns <= _MOST_DENSE_PAIRS:
        counts = np.bincount(pairs, minlength=rows * columns).reshape(rows, columns)
        met = counts[1:, 1:]
        best, totals = (met.max(axis=1), met.max(axis=0)), (met.sum(axis=1), met.sum(axis=0))
        shared = int(totals[0].sum())
        union = len(one) - int(counts[0, 0])
    else:
        both = (one > 0) & (other > 0)
        values, numbers = np.unique(pairs[both], return_counts=True)
        best, totals = (np.zeros(rows, int), np.zeros(columns, int)), (np.zeros(rows, int), np.zeros(columns, int))
        for side, index in enumerate((values // columns, values % columns)):
            np.maximum.at(best[side], index, numbers)
            np.add.at(totals[side], index, numbers)
        shared = int(both.sum())
        union = int(((one > 0) | (other > 0)).sum())
    shares = []
    for most, total in zip(best, totals, strict=True):
        evidence = shared - int((total > 0).sum())
        shares.append((int(most.sum()) - int((most > 0).sum())) / evidence if evidence else 0.0)
    from_one, from_other = (share * shared / union for share in shares)
    return from_one, from_other


def descriptor(layout: np.ndarray) -> np.ndarray:
    """A coarse map of where colours change, for finding candidates: similar portraits have near descriptors.

    Args:
        layout: uint16 `[H, W]`.

    Returns:
        float32 `[3 * 16 * 16]` of length 1: the share visible, changes across and changes down in each cell of a grid.
    """
    across, down = np.zeros(layout.shape, bool), np.zeros(layout.shape, bool)
    across[:, 1:] = layout[:, 1:] != layout[:, :-1]
    down[1:] = layout[1:] != layout[:-1]
    cells = cell_means(np.stack([layout > 0, across, down]), DESCRIPTOR_CELLS).reshape(-1)
    cells -= cells.mean()
    return (cells / max(float(np.linalg.norm(cells)), 1e-9)).astype(np.float32)


def nearest(queries: np.ndarray, descriptors: np.ndarray, count: int) -> np.ndarray:
    """The nearest descriptors of each query, nearest first.

    Args:
        queries: float32 `[Q, D]` of length 1.
        descriptors: float32 `[N, D]` of length 1.
        count: how many, fewer where N is smaller.

    Returns:
        int `[Q, min(count, N)]`.
    """
    count = min(count, len(descriptors))
    found = np.empty((len(queries), count), int)
    for start in range(0, len(queries), _BLOCK):
        similar = queries[start : start + _BLOCK] @ descriptors.T
        some = np.argpartition(-similar, count - 1, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(similar, some, axis=1), axis=1, kind="stable")
        found[start : start + _BLOCK] = np.take_along_axis(some, order, axis=1)
    return found
