"""Which portraits are the same hero in other colours: a ladder of ever looser ways to be alike.

Each rung gives a portrait a key; portraits that share a key on any rung belong to one group. Exact duplicates are taken
out before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


def silhouette_hash(rgba: np.ndarray) -> str:
    """A key that recolours of one portrait share: its outline, by the mask of visible pixels.

    A picture whose visible part is a full rectangle has no outline to speak of, and all such pictures would share one.
    There the layout of the colours stands in: colours numbered by first appearance, whatever they are.

    Args:
        rgba: uint8 `[H, W, 4]`, binary alpha.

    Returns:
        64 hex digits.
    """
    visible = rgba[..., 3] > 0
    if _is_full_rectangle(visible):
        return _digest(b"layout", colour_layout(rgba))
    return _digest(b"mask", np.packbits(visible))


def _is_full_rectangle(mask: np.ndarray) -> bool:
    rows, columns = mask.any(axis=1), mask.any(axis=0)
    return int(mask.sum()) == int(rows.sum()) * int(columns.sum())


def colour_layout(rgba: np.ndarray) -> np.ndarray:
    """The picture with each colour replaced by its number in order of first appearance, row by row.

    Args:
        rgba: uint8 `[H, W, 4]`.

    Returns:
        uint32 `[H, W]`.
    """
    packed = np.ascontiguousarray(rgba).view(np.uint32).reshape(-1)
    _, first, inverse = np.unique(packed, return_index=True, return_inverse=True)
    number = np.empty(len(first), np.uint32)
    number[np.argsort(first)] = np.arange(len(first), dtype=np.uint32)
    return number[inverse].reshape(rgba.shape[:2])


def _digest(kind: bytes, content: np.ndarray) -> str:
    return hashlib.sha256(kind + str(content.shape).encode() + content.tobytes()).hexdigest()


RUNGS: Mapping[str, Callable[[np.ndarray], str]] = {"silhouette": silhouette_hash}
"""The ladder: rung -> key of a portrait. Another rung is another entry."""


@dataclass(frozen=True)
class Group:
    """Portraits of one silhouette.

    Args:
        group_id: made from the content, so that it stays the same from run to run.
        silhouette_hash: of the representative.
        members: names of the portraits, sorted.
        representative: the member that stands for the group in pictures.
    """

    group_id: str
    silhouette_hash: str
    members: tuple[str, ...]
    representative: str


def make_groups(keys: Mapping[str, Sequence[str]]) -> list[Group]:
    """Join portraits that share a key on any rung, directly or through others.

    Args:
        keys: portrait name -> its keys, one a rung in the order of `RUNGS`.

    Returns:
        Groups by the name of their first member.
    """
    parent = {name: name for name in keys}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    first_with: dict[tuple[int, str], str] = {}
    members: dict[str, list[str]] = {}
    for name in sorted(keys):
        for rung, key in enumerate(keys[name]):
            parent[root(name)] = root(first_with.setdefault((rung, key), name))
    for name in sorted(keys):
        members.setdefault(root(name), []).append(name)
    return [_group(names, keys) for names in members.values()]


def _group(names: list[str], keys: Mapping[str, Sequence[str]]) -> Group:
    # The letter keeps spreadsheets from reading an id such as 12e4567890 as a number. The least hash of the members
    # does not change when a portrait with one of the same silhouettes is added.
    least = min(keys[name][0] for name in names)
    return Group(f"g{least[:12]}", keys[names[0]][0], tuple(names), names[0])
