"""A folder of portraits by anyone: its pictures, and how they came about by `manifest.json` (of `sample`) or
`labels.csv`. No torch."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np

from src.errors import InputError
from src.images import IMAGE_SUFFIXES, BadImage, read_rgba
from src.tables import read_table

MANIFEST, LABELS_TABLE, GRID = "manifest.json", "labels.csv", "grid.png"


def find_pictures(folder: Path) -> dict[str, Path]:
    """The pictures of a folder and of those below it by their names below it, sorted; those named `grid.png` and those
    whose own name or folder begins with a dot are none.

    Raises:
        InputError: no such folder, or no pictures.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; name one that holds pictures")
    found = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES
        and path.name.lower() != GRID
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }
    if not found:
        raise InputError(f"{folder} holds no pictures ({', '.join(IMAGE_SUFFIXES)})")
    return found


def read_portrait(path: Path) -> np.ndarray:
    """A picture, uint8 [H, W, 4] with binary alpha.

    Raises:
        InputError: it is damaged.
    """
    try:
        return read_rgba(path)
    except BadImage as error:
        raise InputError(f"{path}: {error}; remove or replace it") from None


def read_entries(folder: Path) -> dict[str, dict[str, object]]:
    """What is known of a folder's portraits.

    Returns:
        By file name below the folder, in the file's order: at least `labels`, class names by attribute; of a manifest
        also `seed`, `checkpoint` and how else it was sampled. Empty where the folder has neither file.

    Raises:
        InputError: a file of that name that is not a manifest or table, or a table that names a portrait twice.
    """
    manifest, table = Path(folder) / MANIFEST, Path(folder) / LABELS_TABLE
    if manifest.is_file():
        try:
            entries = json.loads(manifest.read_text(encoding="utf-8-sig"))
            return {name: {**entry, "labels": _as_text(entry["labels"])} for name, entry in entries.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InputError(
                f"{manifest} is not a manifest of `sample` (file -> labels); correct or remove it"
            ) from None
    if table.is_file():
        rows = read_table(table, ("filename",)).to_dict("records")
        doubled = [name for name, number in Counter(row["filename"] for row in rows).items() if number > 1]
        if doubled:
            raise InputError(f"{table} names {doubled[0]!r} twice; keep one row")
        return {row.pop("filename").replace("\\", "/"): {"labels": _as_text(row)} for row in rows}
    return {}


def plain_text(text: object) -> str:
    """A text that every file can hold: half a character of UTF-16, which JSON and file names may have, becomes `?`."""
    return str(text).encode(errors="replace").decode()


def _as_text(labels: dict[object, object]) -> dict[str, str]:
    """Labels without the empty ones."""
    return {plain_text(attribute): plain_text(name) for attribute, name in labels.items() if name not in ("", None)}
