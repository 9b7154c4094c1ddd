"""The portraits of a library that are nearest to others, by where colours change and by the colours themselves.

The *structural* distance compares maps of colour edges, whatever the colours are: 1 - |A and B| / |A or B| (Jaccard),
under the best shift of up to two pixels. The *colour* distance is the mean difference of premultiplied pixels under
that shift. Portraits are compared as they are and mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from src.images import cell_means, shifted
from src.palettes.oklab import srgb_to_oklab
from src.progress import track

EDGE_DISTANCE = 0.06
"""Neighbouring pixels further apart than this in OKLab have a colour edge between them."""

CELLS = 16
"""Candidates are found on a grid of that many cells a side, then compared in full."""

CANDIDATES = 3
"""Compared in full: so many by structure and so many by colour, for the sample and for its mirror image."""

SHIFT = 2
"""A copy may be moved by up to so many pixels either way."""

BLOCK = 128
"""Queries compared at once."""


@dataclass(frozen=True)
class Library:
    """Portraits ready to be compared with."""

    pixels: np.ndarray  # uint8 [N, H, W, 4]
    edges: np.ndarray  # uint64 [N, words], packed bits
    edge_counts: np.ndarray  # int64 [N]
    structure: np.ndarray  # float32 [N, D] of length 1
    colours: np.ndarray  # float32 [N, D]

    def subset(self, chosen: np.ndarray) -> Library:
        return Library(*(getattr(self, each.name)[chosen] for each in fields(self)))


@dataclass(frozen=True)
class Nearest:
    """For each query [N]: the nearest by structure and by colour, and which portraits they are."""

    structural: np.ndarray
    structural_index: np.ndarray
    colour: np.ndarray
    colour_index: np.ndarray
    structural_mirrored: np.ndarray
    colour_mirrored: np.ndarray


@lru_cache(maxsize=1)
def _oklab_table() -> np.ndarray:
    """OKLab of sRGB with five bits a channel, float32 [32768, 3]: near enough to say whether two colours differ."""
    steps = np.arange(32)
    rgb = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    return srgb_to_oklab((rgb << 3 | rgb >> 2).astype(np.uint8)).astype(np.float32)


def edge_maps(images: np.ndarray) -> np.ndarray:
    """Where a pixel differs from its left and from its upper neighbour: bool [N, 2, H, W]; beyond the border too."""
    code = (images[..., :3] >> 3).astype(np.int32)
    oklab = _oklab_table()[code[..., 0] << 10 | code[..., 1] << 5 | code[..., 2]]
    # Transparency is a colour that is far from every other.
    oklab[..., 0] = np.where(images[..., 3] > 0, oklab[..., 0], 2.0)
    maps = np.zeros((len(images), 2, *images.shape[1:3]), bool)
    maps[:, 0, :, 1:] = ((oklab[:, :, 1:] - oklab[:, :, :-1]) ** 2).sum(axis=-1) > EDGE_DISTANCE**2
    maps[:, 1, 1:] = ((oklab[:, 1:] - oklab[:, :-1]) ** 2).sum(axis=-1) > EDGE_DISTANCE**2
    return maps


def _packed(maps: np.ndarray) -> np.ndarray:
    """Bool [N, 2, H, W] -> uint64 [N, words], padded with zeros."""
    octets = np.packbits(maps.reshape(len(maps), -1), axis=1)
    return np.ascontiguousarray(np.pad(octets, ((0, 0), (0, -octets.shape[1] % 8)))).view(np.uint64)


def _count_bits(words: np.ndarray) -> np.ndarray:
    """The number of ones in the last axis of uint64 [..., words], int64 [...]."""
    if hasattr(np, "bitwise_count"):  # from NumPy 2.0 on
        return np.bitwise_count(words).sum(axis=-1, dtype=np.int64)
    ones_of_octet = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1, dtype=np.uint8)
    return ones_of_octet[words.view(np.uint8)].sum(axis=-1, dtype=np.int64)


def make_library(images: np.ndarray) -> Library:
    """Portraits uint8 [N, H, W, 4], binary alpha, made ready to be compared with."""
    parts = [_library_block(images[start : start + 512]) for start in range(0, len(images), 512)]
    edges, counts, structure, colours = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Library(images, edges, counts, structure, colours)


def _library_block(images: np.ndarray) -> tuple[np.ndarray, ...]:
    maps = edge_maps(images)
    cells = min(CELLS, *images.shape[1:3])
    structure = cell_means(maps, cells).reshape(len(images), -1)
    structure -= structure.mean(axis=1, keepdims=True)
    structure /= np.linalg.norm(structure, axis=1, keepdims=True).clip(1e-9)
    colours = cell_means(images.transpose(0, 3, 1, 2), cells).reshape(len(images), -1) / 255
    return _packed(maps), maps.sum(axis=(1, 2, 3)), structure, colours


def nearest(queries: np.ndarray, library: Library) -> Nearest:
    """The nearest portraits of the library, plain or mirrored."""
    blocks = [queries[start : start + BLOCK] for start in range(0, len(queries), BLOCK)]
    parts = []
    for block in track(blocks, "comparing", delay=2.0):
        plain = _nearest_as_they_are(block, library)
        mirrored = _nearest_as_they_are(np.ascontiguousarray(block[:, :, ::-1]), library)
        by_structure, by_colour = mirrored[0] < plain[0], mirrored[2] < plain[2]
        chosen = [
            np.where(better, ours, theirs)
            for better, ours, theirs in zip(
                (by_structure, by_structure, by_colour, by_colour), mirrored, plain, strict=True
            )
        ]
        parts.append((*chosen, by_structure, by_colour))
    return Nearest(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _nearest_as_they_are(queries: np.ndarray, library: Library) -> tuple[np.ndarray, ...]:
    """Structural distance and index, colour distance and index, each [N]."""
    maps = edge_maps(queries)
    ours = make_library(queries)
    candidates = np.concatenate(
        [
            _highest(ours.structure @ library.structure.T),
            _highest(2 * ours.colours @ library.colours.T - (library.colours**2).sum(axis=1)),
        ],
        axis=1,
    )
    theirs, their_counts = library.edges[candidates], library.edge_counts[candidates]
    structural = np.full(candidates.shape, np.inf)
    best_shift = np.zeros((*candidates.shape, 2), np.int64)
    for down in range(-SHIFT, SHIFT + 1):
        for right in range(-SHIFT, SHIFT + 1):
            moved = shifted(maps, right, down)
            shared = _count_bits(_packed(moved)[:, None] & theirs)
            # Edges that the shift pushes out of the picture still count as not shared.
            union = ours.edge_counts[:, None] + their_counts - shared
            distance = 1 - shared / np.maximum(union, 1)
            better = distance < structural
            structural[better] = distance[better]
            best_shift[better] = (right, down)
    colour = np.empty(candidates.shape)
    for (row, column), index in np.ndenumerate(candidates):
        moved_query = shifted(queries[row].transpose(2, 0, 1), *best_shift[row, column]).transpose(1, 2, 0)
        # The difference of uint8 without going through wider numbers: one of the two saturating differences is 0.
        other = library.pixels[index]
        colour[row, column] = (np.maximum(moved_query, other) - np.minimum(moved_query, other)).mean() / 255
    rows = np.arange(len(queries))
    by_structure, by_colour = structural.argmin(axis=1), colour.argmin(axis=1)
    return (
        structural[rows, by_structure],
        candidates[rows, by_structure],
        colour[rows, by_colour],
        candidates[rows, by_colour],
    )


def _highest(similarity: np.ndarray) -> np.ndarray:
    """The columns of the highest values of each row, [N, at most `CANDIDATES`]."""
    count = min(CANDIDATES, similarity.shape[1])
    return np.argpartition(-similarity, count - 1, axis=1)[:, :count]
