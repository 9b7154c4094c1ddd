"""Known collections of pixel art, each turned into a prepared data folder by one command: `python -m src source NAME`.

Each function takes the collection as it lies on the disk and leaves what `prepare_folder` leaves, the labels and groups
that the collection knows of itself, and `source.json`: where the images come from and under which licence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from src.data.folder import PrepareReport
from src.data.origin import Origin
from src.data.sources import lpc, packed_sheet, tinyhero
from src.data.sources.download import download_archive, download_file
from src.data.sources.lpc import prepare_lpc
from src.data.sources.packed_sheet import prepare_packed_sheet
from src.data.sources.tinyhero import prepare_tinyhero
from src.errors import InputError

__all__ = [
    "COLLECTIONS",
    "Collection",
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
        url: where it is fetched from, where an address is known.
        sha256: of its file, where one is known.
        contents: `contents_sha256` of its archive, where that is known.
    """

    prepare: Callable[..., PrepareReport]
    origin: Origin
    options: tuple[str, ...]
    is_folder: bool = True
    url: str = ""
    sha256: str | None = None
    contents: str | None = None

    def fetch(self, target: Path, url: str = "", sha256: str | None = None) -> None:
        """What `--download` does: get the collection, or say how to get it by hand.

        Args:
            target: where it goes: a folder, which a zip archive is unpacked into, or a file.
            url: where the file is; empty for the address that is known.
            sha256: its checksum, 64 hex digits; None for what is known.

        Raises:
            InputError: no address or no checksum to go by, or as `download_file`; the message says how to get the
                files by hand.
        """
        url, contents = url or self.url, None if sha256 else self.contents
        sha256 = sha256 or self.sha256
        if not url or not (sha256 or contents):
            by_hand = self.origin.how_to_get("no address with a checksum to go by is known")
            raise InputError(f"{by_hand}, or give --download URL --sha256 HEX of a file you trust")
        try:
            if self.is_folder:
                download_archive(url, sha256, target, contents)
            elif not target.exists():
                download_file(url, sha256, target)
            elif hashlib.sha256(target.read_bytes()).hexdigest() != sha256.strip().lower():
                raise InputError(
                    f"{target} is another file, and none is overwritten; name a new one, or leave --download out"
                )
        except InputError as error:
            raise InputError(self.origin.how_to_get(str(error))) from None


COLLECTIONS: Mapping[str, Collection] = {
    "tinyhero": Collection(
        prepare_tinyhero, tinyhero.ORIGIN, ("size",), url=tinyhero.URL, contents=tinyhero.CONTENTS_SHA256
    ),
    "kenney": Collection(
        prepare_packed_sheet,
        packed_sheet.ORIGIN,
        ("tile", "spacing", "size"),
        is_folder=False,
        url=packed_sheet.URL,
        sha256=packed_sheet.KENNEY_SHA256,
    ),
    "lpc": Collection(prepare_lpc, lpc.ORIGIN, ("recipe", "heroes", "recolours", "seed", "size", "views")),
}
