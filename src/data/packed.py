"""The packed data set in memory: uint8 on the device, indexed in batches, no decoding and no worker processes.

A set that is too large for that is mapped instead (`src/data/mapped.py`), and each batch goes to the device alone.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from src.data.mapped import IMAGES, map_images
from src.errors import InputError
from src.family import DataSpecification
from src.labels import LabelSpecification

TRAIN, VALIDATION = 0, 1

MAP_ABOVE = 2 << 30
"""Bytes of unpacked images from which on they are mapped: a quarter of a card of 8 GB, 131,072 portraits of 64x64."""


@dataclass(frozen=True)
class PackedPortraits:
    """What `portraits.npz` holds, as numpy arrays.

    Args:
        images: uint8 [N, H, W, 4], RGBA; transparent pixels are black. Of a large set a memory map.
        labels: int64 [N, A].
        split: uint8 [N]; 0 for training, 1 for validation.
        specification: attributes and classes behind the columns of `labels`.
        fingerprint: SHA-256 over the content, to tell data sets apart.
    """

    images: np.ndarray
    labels: np.ndarray
    split: np.ndarray
    specification: LabelSpecification
    fingerprint: str

    def conditioned_on(self, names: Sequence[str]) -> PackedPortraits:
        """The same portraits with only the attributes named."""
        kept = self.specification.restricted_to(names)
        columns = [self.specification.names.index(name) for name in kept.names]
        return PackedPortraits(self.images, self.labels[:, columns], self.split, kept, self.fingerprint)


def load_portraits(data: Path) -> PackedPortraits:
    """Read `portraits.npz` from the data folder.

    Raises:
        InputError: no such file, a damaged file, or no portraits to train on in it.
    """
    path = Path(data) / "portraits.npz"
    if not path.is_file():
        raise InputError(f"{path} is missing; run `build` (notebook 02) first")
    try:
        with np.load(path, allow_pickle=False) as packed:
            fingerprint = str(packed["fingerprint"])
            large = packed.zip.getinfo(IMAGES).file_size > MAP_ABOVE
            portraits = PackedPortraits(
                images=map_images(path, packed.zip, fingerprint) if large else packed["images"],
                labels=packed["labels"],
                split=packed["split"],
                specification=LabelSpecification.from_mapping(json.loads(str(packed["label_mappings"]))),
                fingerprint=fingerprint,
            )
    except (KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged ({error}); run `build` (notebook 02) again") from None
    if not (portraits.split == TRAIN).any():
        raise InputError(f"{path} holds no portraits to train on; prepare more images or lower --val-fraction")
    return portraits


def condition_names(condition_on: str, specification: LabelSpecification) -> tuple[str, ...]:
    """The configuration's `condition_on` as attribute names: all, none, or those listed."""
    if condition_on == "all":
        return specification.names
    if condition_on == "none":
        return ()
    return tuple(name.strip() for name in condition_on.split(",") if name.strip())


class PortraitBatches:
    """One split on a device.

    Args:
        portraits: the packed set.
        split: `TRAIN` or `VALIDATION`.
        device: where the portraits live from now on (125 MB for 7,600 of 64x64); of a mapped set it is the batch
            alone that goes there.
    """

    def __init__(self, portraits: PackedPortraits, split: int, device: torch.device) -> None:
        self.device = device
        self.places = np.flatnonzero(portraits.split == split)
        self.labels = torch.from_numpy(portraits.labels[self.places]).to(device)
        self.mapped = portraits.images if isinstance(portraits.images, np.memmap) else None
        self.images = None if self.mapped is not None else torch.from_numpy(portraits.images[self.places]).to(device)

    def __len__(self) -> int:
        return len(self.places)

    def batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        """Portraits [N, 4, H, W] in [-1, 1] (channels last) and labels int64 [N, A] at the indices."""
        index = torch.from_numpy(indices).to(self.device)
        if self.mapped is None:
            return to_signed(self.images[index]), self.labels[index]
        images = torch.from_numpy(self.mapped[self.places[indices]])
        if self.device.type == "cuda":
            # Page-locked, so that the copy runs beside what the card is doing.
            images = images.pin_memory().to(self.device, non_blocking=True)
        return to_signed(images), self.labels[index]


def to_signed(images: Tensor) -> Tensor:
    """uint8 [N, H, W, 4] -> float [N, 4, H, W] in [-1, 1]; the memory stays as it lies, which is channels last."""
    return (images.float() / 127.5 - 1).permute(0, 3, 1, 2)


def batch_indices(images_seen: int, batch_size: int, count: int, seed: int) -> np.ndarray:
    """Which portraits the batch after `images_seen` images holds: int64 [batch_size].

    Every epoch is a permutation of its own, a function of the seed and the epoch's number, so a resumed run goes on
    with exactly the batches that the uninterrupted one would have seen (the idea is EDM2's, 2024).
    """
    positions = np.arange(images_seen, images_seen + batch_size)
    epochs = positions // count
    indices = np.empty(batch_size, dtype=np.int64)
    for epoch in np.unique(epochs):
        order = np.random.Generator(np.random.PCG64([seed, int(epoch)])).permutation(count)
        indices[epochs == epoch] = order[positions[epochs == epoch] % count]
    return indices


def intra_class_distance(portraits: PackedPortraits, pairs: int = 4000) -> float:
    """Mean absolute difference, in the scale of [-1, 1], between two training portraits of one label cell.

    Worked out on a fixed random sample of pairs; falls back on any two portraits where no cell has two.
    """
    train = np.flatnonzero(portraits.split == TRAIN)
    _, cells = np.unique(portraits.labels[train], axis=0, return_inverse=True)
    cells = cells.reshape(-1)
    order = np.argsort(cells, kind="stable")
    starts = np.searchsorted(cells[order], np.arange(cells.max() + 2))
    random = np.random.Generator(np.random.PCG64(0))
    first = random.integers(len(train), size=pairs)
    low, high = starts[cells[first]], starts[cells[first] + 1]
    second = order[low + (random.random(pairs) * (high - low)).astype(np.int64)]
    differ = first != second
    if not differ.any():
        second, differ = random.integers(len(train), size=pairs), np.ones(pairs, dtype=bool)
    a, b = (portraits.images[train[side[differ]]].astype(np.int16) for side in (first, second))
    return max(float(np.abs(a - b).mean() / 127.5), 1e-3)


def describe(portraits: PackedPortraits) -> DataSpecification:
    """What a family must know of this set."""
    return DataSpecification(
        size=portraits.images.shape[1],
        channels=portraits.images.shape[3],
        labels=portraits.specification,
        intra_class_distance=intra_class_distance(portraits),
    )
