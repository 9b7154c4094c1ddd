"""Writing a file whole or not at all, under a name that every system can have."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`: write to it, and leaving the block moves it over `path` in one step.

    An interrupted or failed write leaves the old file (or none) in place and no temporary one. Missing folders are
    made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process id keeps two runs apart; the same folder keeps `os.replace` on one file system.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


LONGEST_PART = 40
"""Characters of one class name in a file name: a few of them stay below what file systems take."""


def safe_part(text: str) -> str:
    """A text, such as a class name, as part of a file name: letters, digits, `.` and `-` of it, each other run of
    characters one `-`. It names no folder, and every system can have it.

    Two texts may become the same; see `distinct`.
    """
    kept = re.sub(r"[^\w.-]+|_+", "-", text).strip(".-")[:LONGEST_PART].rstrip(".-")
    return kept or "unnamed"


def distinct(names: Iterable[str]) -> list[str]:
    """The names in their order, with `_2`, `_3`, ... behind those that some system takes for an earlier one: there,
    neither capitals nor the ways to write an accent tell files apart."""
    taken: set[str] = set()
    told_apart = []
    for name in names:
        candidate, number = name, 1
        while (key := unicodedata.normalize("NFC", candidate).casefold()) in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(key)
        told_apart.append(candidate)
    return told_apart
