"""`source.json`: where the images of a data folder come from and under which licence, for the data card to say.

A licence must never be stated for other images than its own. So the note holds a digest of the file names it speaks of,
and counts only while the data folder holds those.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from src.data.folder import RAW_TABLE
from src.data.intake import is_image_name
from src.tables import read_json, read_table, write_json

SOURCE_NOTE = "source.json"
SOURCE_LABELS = "source_labels.csv"
"""Labels that a collection knows of its own files, keyed by `filename`; `build` takes them unless others are given."""


@dataclass(frozen=True)
class Origin:
    """Where images come from; one line of text each.

    Args:
        name: what the collection is called.
        where: the project's repository or page.
        licence: the licence's name.
        authors: whom to name.
        changes: what was done to the files before they were prepared.
    """

    name: str
    where: str
    licence: str
    authors: str = ""
    changes: str = ""

    def how_to_get(self, problem: str) -> str:
        """One line for somebody who lacks the files: what the problem is, where it is and under which licence."""
        return f"{problem}: get {self.name} from {self.where} (licence: {self.licence})"


@dataclass(frozen=True)
class _Note(Origin):
    """`source.json`: an `Origin`, and a digest of the names of the images that it speaks of."""

    images_digest: str | None = None


def write_origin(data: Path, origin: Origin, filenames: Iterable[str]) -> None:
    """Note the origin of the images with these names (relative, as in `sprites_raw.csv`) in the data folder.

    A note that a person wrote for other images is kept beside it as `source_by_hand.json`, the next one with a number.
    """
    path = Path(data) / SOURCE_NOTE
    if path.is_file() and "images_digest" not in path.read_text(encoding="utf-8", errors="replace"):
        numbers = itertools.chain([""], itertools.count(2))
        names = (path.with_name(f"source_by_hand{number}.json") for number in numbers)
        path.replace(next(name for name in names if not name.exists()))
    write_json(path, asdict(origin) | {"images_digest": _names_digest(filenames)})


def read_origin(data: Path) -> Origin | None:
    """The origin of the images that the data folder holds now; None where nothing says it.

    A note that a person wrote without `images_digest` counts always.

    Raises:
        InputError: `source.json` is no such note.
    """
    path = Path(data) / SOURCE_NOTE
    if not path.exists():
        return None
    note = read_json(path, _Note, "it must be a JSON object with the texts name, where and licence: correct it")
    if note.images_digest is not None:
        names = read_table(Path(data) / RAW_TABLE, ("filename",))["filename"]
        if note.images_digest != _names_digest(names):
            return None
    return Origin(note.name, note.where, note.licence, note.authors, note.changes)


def source_labels(data: Path) -> Path | None:
    """The labels that the present images' source left in the data folder, if it left any."""
    path = Path(data) / SOURCE_LABELS
    return path if path.is_file() and read_origin(data) is not None else None


def _names_digest(filenames: Iterable[str]) -> str:
    names = sorted(name for name in filenames if is_image_name(name))
    return hashlib.sha256("\n".join(names).encode("utf-8", "backslashreplace")).hexdigest()
