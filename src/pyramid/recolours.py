"""Recolours of one silhouette among the portraits of a set: what another palette for the same entries is learned from.

No torch: worked out once, before training.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np


class Recolours(NamedTuple):
    """Pairs of portraits that are recolours of each other.

    Args:
        first, second: places of the two in the set, int64 [P].
        colours: for the entries of the first portrait, the colours of the second, uint8 [P, K, 3].
    """

    first: np.ndarray
    second: np.ndarray
    colours: np.ndarray


def find_recolours(images: np.ndarray, entries: np.ndarray, most: int) -> Recolours:
    """All pairs among portraits.

    Two portraits are recolours if they have the same visible pixels, and nearly all pixels of one entry in one of them
    have one colour in the other. A set of one drawing in a thousand colours has a million pairs: of each portrait at
    most `MOST_PAIRS` are taken.

    Args:
        images: uint8 [N, S, S, 4].
        entries: the portraits' maps, integers [N, S, S], 0 where transparent.
        most: K, the most colours of a portrait.
    """
    by_silhouette = defaultdict(list)
    for index, each in enumerate(entries):
        by_silhouette[np.packbits(each > 0).tobytes()].append(index)
    found: list[tuple[int, int, np.ndarray]] = []
    for members in by_silhouette.values():
        for place, first in enumerate(members):
            # The next ones round the circle: every portrait has as many partners.
            partners = [members[(place + step) % len(members)] for step in range(1, len(members))][:MOST_PAIRS]
            for second in partners:
                colours, agreeing = _carried_over(entries[first], entries[second], images[second], most)
                if agreeing >= LEAST_AGREEING:
                    found.append((first, second, colours))
    if not found:
        nothing = np.zeros(0, np.int64)
        return Recolours(nothing, nothing, np.zeros((0, most, 3), np.uint8))
    first, second, colours = zip(*found, strict=True)
    return Recolours(np.array(first), np.array(second), np.stack(colours))


MOST_PAIRS = 18
LEAST_AGREEING = 0.98
"""Share of the visible pixels. Two entries of one recolour may be one colour in another; not the other way round."""


def _carried_over(first: np.ndarray, second: np.ndarray, picture: np.ndarray, most: int) -> tuple[np.ndarray, float]:
    """The second portrait's commonest colour on every entry of the first, uint8 [K, 3], and the share of visible
    pixels that have the colour of their entry."""
    visible = first > 0
    one, other = first[visible].astype(np.int64), second[visible].astype(np.int64)
    counts = np.zeros((most + 1, most + 1), np.int64)
    np.add.at(counts, (one, other), 1)
    commonest = counts.argmax(axis=1)
    palette = np.zeros((most + 1, 3), np.uint8)
    palette[other] = picture[visible][:, :3]
    return palette[commonest][1:], counts.max(axis=1).sum() / max(len(one), 1)
