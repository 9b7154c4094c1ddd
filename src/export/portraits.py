"""Portraits to export, with what is known of them: a folder of pictures, or samples. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.errors import InputError
from src.files import distinct, safe_part
from src.manifest import LABELS_TABLE, MANIFEST, find_pictures, plain_text, read_entries, read_portrait
from src.progress import track

if TYPE_CHECKING:
    from src.sampling import LoadedModel, Sampled

LONGEST_NAME = 120
"""Bytes of a name without its ending: with it, below what file systems take."""


@dataclass(frozen=True)
class Portraits:
    """Portraits of one size.

    Args:
        images: uint8 [N, H, W, 4], binary alpha.
        files: the file that each is or would be, below its folder, distinct.
        entries: what the manifest says of each; `labels` always, by attribute.
    """

    images: np.ndarray
    files: tuple[str, ...]
    entries: tuple[Mapping[str, object], ...]

    @property
    def labels(self) -> tuple[Mapping[str, str], ...]:
        """Class names by attribute, one mapping a portrait."""
        return tuple(entry["labels"] for entry in self.entries)

    @property
    def attributes(self) -> tuple[str, ...]:
        """Those that any portrait has a label of."""
        return tuple(dict.fromkeys(attribute for labels in self.labels for attribute in labels))

    @property
    def names(self) -> list[str]:
        """The files' names without folder and ending, as every system can have them."""
        return distinct(map(_safe_name, self.files))

    def joined(self, others: Portraits) -> Portraits:
        """These, and those of the others whose pixels none of these has.

        Raises:
            InputError: they are of another size.
        """
        if self.images.shape[1:] != others.images.shape[1:]:
            raise InputError(
                f"portraits must be of one size; {self.files[0]} and {others.files[0]} are not: choose another folder"
            )
        known = {image.tobytes() for image in self.images}
        new = [index for index, image in enumerate(others.images) if image.tobytes() not in known]
        return Portraits(
            np.concatenate([self.images, others.images[new]]),
            (*self.files, *(others.files[index] for index in new)),
            (*self.entries, *(others.entries[index] for index in new)),
        )

    def sorted_by(self, attributes: Sequence[str]) -> Portraits:
        """The same portraits with those of equal labels next to each other, else in the same order."""
        keys = [tuple(labels.get(attribute, "") for attribute in attributes) for labels in self.labels]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        return Portraits(
            self.images[order],
            tuple(self.files[index] for index in order),
            tuple(self.entries[index] for index in order),
        )


def sampled_portraits(model: LoadedModel, sampled: Sampled, options: Mapping[str, object] | None = None) -> Portraits:
    """Samples, under the names that `sample` gives to their files; `options` as for `write_samples`."""
    from src.sampling import described

    entries = described(sampled, model, options)
    return Portraits(sampled.portraits, tuple(entries), tuple(entries.values()))


def check_apart(images: Path, out: Path, snapped: bool) -> None:
    """Refuse to write where the portraits are read.

    Args:
        images: folder of the portraits.
        out: folder of the export.
        snapped: PNGs are written whose colours differ from the portraits'.

    Raises:
        InputError: the export's pictures would be among the portraits the next time, or replace them.
    """
    read, written = Path(images).resolve(), Path(out).resolve()
    if read in (written, *written.parents) and not (read / MANIFEST).is_file():
        raise InputError(f"{out} lies in {images}, and would be read with it the next time; choose another --out")
    if snapped and written / "portraits" == read:
        raise InputError(f"the portraits in {images} would be replaced by snapped ones; choose another --out")


def read_portraits(folder: Path) -> Portraits:
    """The pictures of a folder, with what its `manifest.json` or `labels.csv` says of them.

    Of a folder with a manifest those that it names, in its order; of another one all pictures in it and in the folders
    below, by name, but for those named `grid.png`.

    Raises:
        InputError: no such folder, no pictures, a damaged one, or sizes that differ.
    """
    folder = Path(folder)
    found = find_pictures(folder)
    entries = read_entries(folder)
    # A manifest is anybody's: only what lies in the folder is read.
    files = [name for name in entries if name in found] if (folder / MANIFEST).is_file() else list(found)
    if not files:
        raise InputError(f"{folder} holds no pictures that its {MANIFEST} names")
    images = []
    for name in track(files, "reading", delay=2.0):
        images.append(read_portrait(found[name]))
        if images[-1].shape != images[0].shape:
            (height, width), (others_height, others_width) = images[-1].shape[:2], images[0].shape[:2]
            raise InputError(
                f"{found[name]} is {width}x{height}, {files[0]} is {others_width}x{others_height}; portraits must be "
                "of one size: move the others away"
            )
    return Portraits(
        np.stack(images), tuple(map(plain_text, files)), tuple(entries.get(name, {"labels": {}}) for name in files)
    )


def label_warning(folder: Path, portraits: Portraits) -> str:
    """A line where the `labels.csv` of a folder without a manifest says nothing of some portraits, else empty."""
    table, count = Path(folder) / LABELS_TABLE, sum(not labels for labels in portraits.labels)
    if not count or not table.is_file() or (Path(folder) / MANIFEST).is_file():
        return ""
    return (
        f"{table} says nothing of {count} of {len(portraits.labels)} pictures; it names a picture as below the folder, "
        "such as mages/red.png"
    )


def _safe_name(file: str) -> str:
    """`folder/half elf_000001.png` -> `hero_folder_half-elf_000001`; `hero` before it, for some systems have no file
    called `con`."""
    parts = [safe_part(part) for part in re.split("[_/]", file.rpartition(".")[0]) if part]
    name = "_".join(parts[parts[:1] == ["hero"] :])
    return f"hero_{name}".encode()[:LONGEST_NAME].decode(errors="ignore").rstrip("_.-")
