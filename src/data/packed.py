"""The packed data set in memory: uint8 on the device, indexed in batches, no decoding and no worker processes.

A set that is too large for that is mapped instead (`src/data/mapped.py`), and each batch goes to the device alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from src.data.mapped import IMAGES, map_images
from src.errors import InputError
from src.family import DataSpecification
from src.files import check_finished
from src.labels import LabelSpecification
from src.tables import parse_json

TRAIN, VALIDATION = 0, 1

MAP_ABOVE = 2 << 30
VALUES_AT_ONCE = 1 << 24
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
        filenames: text [N], the prepared names; None where the file has none.
        group_ids: text [N], likewise.
    """

    images: np.ndarray
    labels: np.ndarray
    split: np.ndarray
    specification: LabelSpecification
    fingerprint: str
    filenames: np.ndarray | None = None
    group_ids: np.ndarray | None = None

    def conditioned_on(self, names: Sequence[str]) -> PackedPortraits:
        """The same portraits with only the attributes named."""
        kept = self.specification.restricted_to(names)
        columns = [self.specification.names.index(name) for name in kept.names]
        return replace(self, labels=self.labels[:, columns], specification=kept)


def load_portraits(data: Path) -> PackedPortraits:
    """Read `portraits.npz` from the data folder.

    Raises:
        InputError: no such file, a damaged file or folder, arrays of another shape, type or range, or no portraits to
            train on.
    """
    check_finished(data)
    path = Path(data) / "portraits.npz"
    if not path.is_file():
        raise InputError(f"{path} is missing; run `build` (notebook 02) first")
    try:
        with np.load(path, allow_pickle=False) as packed:
            fingerprint = str(packed["fingerprint"])
            large = packed.zip.getinfo(IMAGES).file_size > MAP_ABOVE
            images = map_images(path, packed.zip, fingerprint) if large else packed["images"]
            labels, split, mappings = packed["labels"], packed["split"], str(packed["label_mappings"])
            names = {name: packed.get(name) for name in ("filenames", "group_ids")}
    # Whatever numpy, zipfile and zlib make of a file that is not what it should be: a dozen kinds of exceptions.
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"{path} is damaged ({error}); run `build` (notebook 02) again") from None
    mapping = parse_json(mappings, dict[str, dict[str, int]], f"the label mapping in {path}", "run `build` again")
    portraits = PackedPortraits(
        images, labels, split, LabelSpecification.from_mapping(mapping, path), fingerprint, **names
    )
    check_packed(path, portraits)
    return portraits


def check_packed(path: Path, portraits: PackedPortraits) -> None:
    """Make sure that the arrays are what training reads them for.

    Raises:
        InputError: another type, shape or range, or no portraits to train on; the message names the array.
    """
    count, size = len(portraits.images) if portraits.images.ndim else 0, portraits.images.shape[1:2]
    sizes = np.array(portraits.specification.sizes)
    expected = {
        "images": (portraits.images, np.uint8, (count, *size, *size, 4)),
        "labels": (portraits.labels, np.int64, (count, len(sizes))),
        "split": (portraits.split, np.uint8, (count,)),
    }
    for name, (array, dtype, shape) in expected.items():
        if array.dtype != dtype or array.shape != shape or (name == "images" and 0 in shape[1:]):
            raise InputError(
                f"{path} is damaged: {name} are {array.dtype} {list(array.shape)}, not {np.dtype(dtype)} "
                f"{list(shape)}; run `build` (notebook 02) again"
            )
    for name, array in (("filenames", portraits.filenames), ("group_ids", portraits.group_ids)):
        if array is not None and array.shape != (count,):
            raise InputError(
                f"{path} is damaged: {name} are {array.shape}, not {count}; run `build` (notebook 02) again"
            )
    if (portraits.labels < 0).any() or (portraits.labels >= sizes).any() or (portraits.split > VALIDATION).any():
        raise InputError(f"{path} is damaged: a label or part that there is not; run `build` (notebook 02) again")
    if not (portraits.split == TRAIN).any():
        raise InputError(f"{path} holds no portraits to train on; prepare more images or lower --val-fraction")


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
        index = self._there(torch.from_numpy(indices))
        if self.mapped is None:
            return to_signed(self.images[index]), self.labels[index]
        images = self._there(torch.from_numpy(self.mapped[self.places[indices]]))
        return to_signed(images), self.labels[index]

    def _there(self, tensor: Tensor) -> Tensor:
        """On the device; to a card from page-locked memory, so that the copy runs beside what the card is doing."""
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)


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
    first, second = train[first[differ]], train[second[differ]]
    values = portraits.images[0].size
    # In blocks: all pairs at once are gigabytes of large portraits. Sums of integers are exact in any order.
    total, block = 0, max(1, VALUES_AT_ONCE // values)
    for start in range(0, len(first), block):
        a, b = (portraits.images[side[start : start + block]].astype(np.int16) for side in (first, second))
        total += int(np.abs(a - b).sum(dtype=np.int64))
    return max(total / (len(first) * values) / 127.5, 1e-3)


def describe(portraits: PackedPortraits) -> DataSpecification:
    """What a family must know of this set."""
    return DataSpecification(
        size=portraits.images.shape[1],
        channels=portraits.images.shape[3],
        labels=portraits.specification,
        intra_class_distance=intra_class_distance(portraits),
    )
