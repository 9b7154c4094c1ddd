"""Known collections of pixel art, each turned into a prepared data folder by one command: `python -m src source NAME`.

Each function takes the collection as it lies on the disk and leaves what `prepare_folder` leaves, the labels and groups
that the collection knows of itself, and `source.json`: where the images come from and under which licence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from src.data.folder import PrepareReport
from src.data.origin import Origin
from src.data.sources import lpc, packed_sheet, tinyhero
from src.data.sources.download import fetch
from src.data.sources.lpc import prepare_lpc
from src.data.sources.packed_sheet import prepare_packed_sheet
from src.data.sources.tinyhero import prepare_tinyhero

__all__ = [
    "COLLECTIONS",
    "Collection",
    "fetch",
    "prepare_lpc",
    "prepare_packed_sheet",
    "prepare_tinyhero",
]


@dataclass(frozen=True)
class Collection:
    """What the command line needs to know of a collection.

    Args:
        prepare: `(files, data, **options)` -> report.
        origin: where it comes from.
        options: names of the options that `prepare` takes.
        is_folder: whether the files are a folder; else one file.
        sha256: of its file, where one is known.
    """

    prepare: Callable[..., PrepareReport]
    origin: Origin
    options: tuple[str, ...]
    is_folder: bool = True
    sha256: str | None = None


COLLECTIONS: Mapping[str, Collection] = {
    "tinyhero": Collection(prepare_tinyhero, tinyhero.ORIGIN, ("size",)),
    "kenney": Collection(
        prepare_packed_sheet, packed_sheet.ORIGIN, ("tile", "spacing", "size"), False, packed_sheet.KENNEY_SHA256
    ),
    "lpc": Collection(prepare_lpc, lpc.ORIGIN, ("recipe", "heroes", "recolours", "seed", "size")),
}
