"""Writing a file, or several that belong together, whole or not at all, under names that every system can have."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO

from src.errors import InputError

PATIENCE = 5.0 if os.name == "nt" else 0.0
"""Seconds."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`: write to it, and leaving the block moves it over `path` in one step.

    An interrupted or failed write leaves the old file (or none) in place and no temporary one. Missing folders are
    made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process id keeps two runs apart; the same folder keeps `os.replace` on one file system. The digest is short
    # where the name is as long as file systems take.
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    temporary = path.with_name(f".{digest}.{os.getpid()}.tmp")
    try:
        yield temporary
        _move(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _move(temporary: Path, path: Path) -> None:
    """`os.replace`, which Windows refuses while anybody reads the old file: tried again for `PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            os.replace(temporary, path)
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.1)
        else:
            return


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all; its line ends stay as they are."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def check_place(path: Path) -> None:
    """Refuse a path where no file can be written, before the long work whose result goes there.

    Raises:
        InputError: a folder has the name; or its folder cannot be made, or takes no file.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file, in it or elsewhere")
    # Folders that are still to be made are made in the last one that is there.
    there = next((folder for folder in path.absolute().parents if folder.exists()), path.absolute().parent)
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); name another place") from None


@contextmanager
def replacing_all(folder: Path, names: Sequence[str], command: str) -> Iterator[list[Path]]:
    """Temporary paths for several files that belong together: all are written, then all are moved into place.

    A full disk or an interruption while they are written leaves all the old files; one while they are moved leaves the
    folder marked (`unfinished`).
    """
    folder = Path(folder)
    with ExitStack() as stack:
        temporaries = [folder / f".{os.getpid()}.{number}.tmp" for number in range(len(names))]
        for temporary in temporaries:
            stack.callback(temporary.unlink, missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        yield temporaries
        with unfinished(folder, command) as note:
            for temporary, name in zip(temporaries, names, strict=True):
                note(name)
                _move(temporary, folder / name)


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """An empty folder for work in progress, gone when the block ends.

    Args:
        parent: made where it is missing; on the file system of what the work will be moved to.
        name: begins with a dot, and nothing else has it: what a killed run left there goes.
    """
    folder = Path(parent) / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


MARK = ".unfinished"
"""The name of the file that marks a folder: the command on its first line, then the files it has written so far."""

_marked: dict[Path, Callable[[str], None]] = {}
"""The folders that this process is writing."""


@contextmanager
def unfinished(folder: Path, command: str) -> Iterator[Callable[[str], None]]:
    """Mark a folder while files that belong together are written there one by one; `check_finished` refuses it.

    Gives a function to call with the name of each file before it is replaced: the first call makes the mark. A work
    within another one on the same folder is a part of that one.

    The mark goes when the block ends; it stays where an exception, or the end of the process, ends it before.
    """
    key = Path(folder).resolve()
    if key in _marked:
        yield _marked[key]
        return
    mark = key / MARK
    with ExitStack() as stack:
        opened: list[TextIO] = []

        def note(name: str) -> None:
            if not opened:
                earlier = left_unfinished(key)[1]
                key.mkdir(parents=True, exist_ok=True)
                opened.append(stack.enter_context(mark.open("w", encoding="utf-8", buffering=1)))
                opened[0].write("\n".join([command, *map(json.dumps, sorted(earlier)), ""]))
            opened[0].write(json.dumps(name) + "\n")

        _marked[key] = note
        stack.callback(_marked.pop, key)
        yield note
    mark.unlink(missing_ok=True)


def left_unfinished(folder: Path) -> tuple[str, set[str]]:
    """The command that was stopped while it wrote a folder, "" for none, and the names of the files it wrote."""
    try:
        command, *lines = (Path(folder) / MARK).read_text(encoding="utf-8", errors="replace").splitlines() or ["?"]
    except (FileNotFoundError, NotADirectoryError):
        return "", set()
    names = set()
    for line in lines:
        with suppress(ValueError):  # the last line may have been cut short
            names.add(str(json.loads(line)))
    return command, names


def check_finished(folder: Path, *allowed: str) -> None:
    """Refuse a folder that a command was stopped in: its files may not belong together.

    Args:
        folder: any folder.
        allowed: commands that may have been stopped.

    Raises:
        InputError: another one was; the message names it.
    """
    command, _ = left_unfinished(folder)
    if command and command not in allowed:
        raise InputError(
            f"`{command}` was stopped half-way in {folder}, and its files do not fit together; run it again"
        )


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
