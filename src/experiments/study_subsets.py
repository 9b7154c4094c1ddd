"""Less data: a part of the training portraits, by whole groups, with all the held-out ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from src.data.build import fingerprint
from src.data.packed import TRAIN, VALIDATION, load_portraits
from src.files import replacing

SUBSET_SEED = 0
"""One order of the groups for the whole study: between runs of one row nothing differs but the run's seed."""


def kept_portraits(split: np.ndarray, groups: np.ndarray, share: float, seed: int = SUBSET_SEED) -> np.ndarray:
    """Which portraits a subset holds: bool [N].

    Groups are taken in a random order until the share is reached, so a smaller subset lies within a larger one.

    Args:
        split: [N], `TRAIN` or `VALIDATION`; validation portraits are all kept.
        groups: [N], one value a group.
        share: of the training portraits, above 0 and at most 1.
        seed: of the order.
    """
    train = split == TRAIN
    names, sizes = np.unique(groups[train], return_counts=True)
    order = np.random.RandomState(seed).permutation(len(names))
    before = np.cumsum(sizes[order]) - sizes[order]
    taken = names[order[before < share * train.sum()]]
    return (split == VALIDATION) | np.isin(groups, taken)


def write_subset(data: Path, out: Path, share: float) -> Path:
    """Write a smaller `portraits.npz`, with a fingerprint of its own, unless it lies there already.

    Args:
        data: folder with the whole `portraits.npz`.
        out: the folder that gets the smaller one.
        share: of the training portraits.

    Returns:
        `out`.
    """
    out = Path(out)
    with np.load(Path(data) / "portraits.npz", allow_pickle=False) as packed:
        arrays = {name: packed[name] for name in packed.files}
    kept = kept_portraits(arrays["split"], arrays["group_ids"], share)
    for name in ("images", "labels", "split", "filenames", "group_ids"):
        arrays[name] = arrays[name][kept]
    digest = fingerprint(arrays["images"], arrays["labels"], arrays["split"], str(arrays["label_mappings"]))
    path = out / "portraits.npz"
    if not path.is_file() or load_portraits(out).fingerprint != digest:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **{**arrays, "fingerprint": np.array(digest)})
    return out
