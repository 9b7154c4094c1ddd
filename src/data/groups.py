"""Which portraits are the same hero in other colours: ways to be similar, from strict to loose.

1. The same layout, perhaps mirrored: an exact palette swap (see `similarity.py` for what layout and similarity are).
2. The same silhouette, and a similarity of at least 0.93: recolours whose ramps share colours. The silhouette alone is
   not enough, since different armour may fill one outline.
3. Another silhouette, but a similarity of at least 0.98: near twins, a few pixels apart.
4. Strays: a group of few portraits joins the larger group that it is most similar to, from a similarity of 0.85 on. A
   pose or a head that only one or two of a dozen recolours have does not make a hero; between groups of like size,
   which are likely two heroes, the same difference does.

Rungs 1 to 3 join directly or through others; rung 4 joins each stray to one group. Labels play no part. Exact
duplicates are taken out before. What is known to show one hero, frames and views (see `file_names.py`), joins at last.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from src.data.similarity import colour_layout, descriptor, explained, nearest, renumbered, similarity

SAME_SILHOUETTE_SIMILARITY = 0.93
NEAR_TWIN_SIMILARITY = 0.98
STRAY_SIMILARITY = 0.85
FEWER_COLOURS_SIMILARITY = 0.85

STRAY_MOST_SHARE = 1 / 3
"""A stray has at most this share of the portraits of the group it joins, and of the group of the median portrait."""

CANDIDATES, MIRRORED_CANDIDATES = 32, 4
"""Each layout is compared with so many others: those of the nearest descriptors, as they are and mirrored."""


@dataclass(frozen=True)
class Structure:
    """What grouping looks at: a portrait without its colours.

    Args:
        layout: the portrait or its mirror image, whichever sorts first, as `colour_layout` gives it; uint8 `[H, W]`, or
            uint16 where there are more than 255 colours.
        silhouette: 64 hex digits, see `silhouette_hash`.
    """

    layout: np.ndarray
    silhouette: str


def structure_of(rgba: np.ndarray) -> Structure:
    """The structure of a portrait, the same for palette swaps and mirror images.

    Args:
        rgba: uint8 `[H, W, 4]`, binary alpha.
    """
    straight = colour_layout(rgba)
    mirrored = renumbered(straight[:, ::-1])
    layout = min(straight, mirrored, key=lambda one: (np.packbits(one > 0).tobytes(), one.tobytes()))
    return Structure(layout.astype(np.uint8) if layout.max() < 256 else layout, _silhouette(layout))


def silhouette_hash(rgba: np.ndarray) -> str:
    """A key that recolours and mirror images of one portrait share: its outline, by the mask of visible pixels.

    A picture whose visible part is a full rectangle has no outline to speak of, and all such pictures would share one.
    There the layout of the colours stands in.

    Args:
        rgba: uint8 `[H, W, 4]`, binary alpha.

    Returns:
        64 hex digits.
    """
    return structure_of(rgba).silhouette


def _silhouette(layout: np.ndarray) -> str:
    visible = layout > 0
    if _is_full_rectangle(visible):
        return _digest(b"layout", layout.astype(np.uint16))
    return _digest(b"mask", np.packbits(visible))


def _is_full_rectangle(mask: np.ndarray) -> bool:
    rows, columns = mask.any(axis=1), mask.any(axis=0)
    return int(mask.sum()) == int(rows.sum()) * int(columns.sum())


def _digest(kind: bytes, content: np.ndarray) -> str:
    return hashlib.sha256(kind + str(content.shape).encode() + content.tobytes()).hexdigest()


@dataclass(frozen=True)
class Group:
    """Portraits of one hero.

    Args:
        group_id: made from the content, so that it stays the same from run to run.
        silhouette_hash: the one that most members share.
        members: names of the portraits, sorted.
        representative: the member that stands for the group in pictures.
    """

    group_id: str
    silhouette_hash: str
    members: tuple[str, ...]
    representative: str


def make_groups(structures: Mapping[str, Structure], together: Iterable[Sequence[str]] = ()) -> list[Group]:
    """Group portraits by the ladder at the top of this file.

    A group's id is made from the silhouette that most of its members share. It stays while that one does: recolours,
    mirror images and strays come and go without changing it. Where two groups share that silhouette (other armour under
    one outline), the larger has the plain id and the id of the other is made from its least layout too.

    Args:
        structures: portrait name -> its structure, all of one size.
        together: names of portraits that belong to one group whatever they look like.

    Returns:
        Groups by the name of their first member.
    """
    members_of: dict[bytes, list[str]] = {}
    for name in sorted(structures):
        members_of.setdefault(structures[name].layout.tobytes(), []).append(name)
    layouts = list(members_of.values())
    distinct = [structures[names[0]] for names in layouts]

    joined = _join([len(names) for names in layouts], distinct)
    number_of = {name: int(number) for names, number in zip(layouts, joined, strict=True) for name in names}
    pairs = [(number_of[names[0]], number_of[name]) for names in together for name in names[1:]]
    joined = components(int(joined.max()) + 1, pairs)[joined]
    grouped: dict[int, list[str]] = {}
    for index, names in enumerate(layouts):
        grouped.setdefault(joined[index], []).extend(names)
    return _with_ids(sorted(sorted(names) for names in grouped.values()), structures)


def _join(portraits: Sequence[int], distinct: Sequence[Structure]) -> np.ndarray:
    """Rungs 2 to 4 over the distinct layouts, each with its number of portraits: a group number each."""
    one_hero: list[tuple[int, int]] = []
    between: list[tuple[int, int, float]] = []
    for one, other, share in _compared(distinct):
        if _one_hero(distinct[one], distinct[other], share):
            one_hero.append((one, other))
        else:
            between.append((one, other, share))

    numbers = components(len(distinct), one_hero)
    sizes = np.bincount(numbers, weights=portraits).astype(int)
    homes = _homes(sizes, [(int(numbers[one]), int(numbers[other]), share) for one, other, share in between])
    return components(len(sizes), list(homes.items()))[numbers]


def components(count: int, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Join 0 to `count` - 1 by pairs, directly or through others: the number of each one's set, int `[count]`."""
    rows, columns = np.array(pairs, int).reshape(-1, 2).T
    joined = coo_array((np.ones(len(rows)), (rows, columns)), shape=(count, count))
    return connected_components(joined, directed=False)[1]


def _one_hero(one: Structure, other: Structure, share: float) -> bool:
    """Rungs 2 and 3, given the similarity of the two."""
    if one.silhouette != other.silhouette:
        return share >= NEAR_TWIN_SIMILARITY
    if share >= SAME_SILHOUETTE_SIMILARITY:
        return True
    return share >= FEWER_COLOURS_SIMILARITY and max(explained(one.layout, other.layout)) >= NEAR_TWIN_SIMILARITY


def _compared(distinct: Sequence[Structure]) -> Iterator[tuple[int, int, float]]:
    """Pairs of layouts that are similar enough for any rung, each once: their indices and their similarity."""
    least = min(STRAY_SIMILARITY, FEWER_COLOURS_SIMILARITY)
    descriptors = np.stack([descriptor(structure.layout) for structure in distinct])
    flipped = np.stack([descriptor(structure.layout[:, ::-1]) for structure in distinct])
    # Every layout finds itself first.
    straight_pairs = _pairs(nearest(descriptors, descriptors, CANDIDATES + 1))
    mirrored_pairs = _pairs(nearest(flipped, descriptors, MIRRORED_CANDIDATES))
    for one, other in sorted(straight_pairs | mirrored_pairs):
        left, right = distinct[one].layout, distinct[other].layout
        share = similarity(left, right, least) if (one, other) in straight_pairs else 0.0
        if share < NEAR_TWIN_SIMILARITY and (one, other) in mirrored_pairs:
            share = max(share, similarity(left[:, ::-1], right, least))
        if share >= least:
            yield one, other, share


def _pairs(neighbours: np.ndarray) -> set[tuple[int, int]]:
    """The pairs (smaller index, larger index) in a table of neighbours `[N, K]`."""
    rows = np.repeat(np.arange(len(neighbours)), neighbours.shape[1])
    pairs = np.sort(np.stack([rows, neighbours.reshape(-1)], axis=1), axis=1)
    return set(map(tuple, pairs[pairs[:, 0] < pairs[:, 1]].tolist()))


def _homes(sizes: np.ndarray, between: Sequence[tuple[int, int, float]]) -> dict[int, int]:
    """The strays, and for each the most similar group of those large enough.

    Args:
        sizes: the number of portraits of each group.
        between: pairs of groups and the similarity of two of their portraits.
    """
    median_portrait = np.median(np.repeat(sizes, sizes))
    best: dict[int, tuple[float, int, int]] = {}
    for one, other, share in between:
        for stray, home in ((one, other), (other, one)):
            # A home far above the usual size is several heroes already: beside it each further one would look stray.
            if sizes[stray] <= STRAY_MOST_SHARE * min(sizes[home], median_portrait):
                best[stray] = max(best.get(stray, (0.0, 0, 0)), (share, sizes[home], home))
    return {stray: home for stray, (_, _, home) in best.items()}


def _with_ids(grouped: Sequence[Sequence[str]], structures: Mapping[str, Structure]) -> list[Group]:
    silhouettes = []
    for names in grouped:
        counts = Counter(structures[name].silhouette for name in names)
        silhouettes.append(min(counts, key=lambda key: (-counts[key], key)))
    seeds = list(silhouettes)
    least_layouts = [min(structures[name].layout.tobytes() for name in names) for names in grouped]
    taken: set[str] = set()
    for index in sorted(range(len(grouped)), key=lambda index: (-len(grouped[index]), least_layouts[index])):
        if seeds[index] in taken:
            seeds[index] = hashlib.sha256(seeds[index].encode() + least_layouts[index]).hexdigest()
        taken.add(seeds[index])
    # The letter keeps spreadsheets from reading an id such as 12e4567890 as a number.
    return [
        Group(f"g{seed[:12]}", silhouette, tuple(names), _representative(names, silhouette, structures))
        for names, silhouette, seed in zip(grouped, silhouettes, seeds, strict=True)
    ]


def _representative(names: Sequence[str], silhouette: str, structures: Mapping[str, Structure]) -> str:
    """The first member with the commonest silhouette: a stray does not stand for the others."""
    return next(name for name in names if structures[name].silhouette == silhouette)
