"""Fetching a collection only when asked, and using it only when its SHA-256 checksum is the stated one."""

from __future__ import annotations

import hashlib
import re
import urllib.error
import urllib.request
import zipfile
import zlib
from http.client import HTTPException
from pathlib import Path

from src.data.origin import Origin
from src.errors import InputError
from src.files import replacing, safe_part, scratch_folder

MAX_BYTES = 1024 * 1024 * 1024
"""The most that is fetched."""

MAX_UNPACKED, MAX_FILES = 1024 * 1024 * 1024, 200_000
"""The most bytes and files that an archive may unpack to."""

_TIMEOUT_S = 60
_PART_BYTES = 1024 * 1024
_UNPACKED_SUFFIXES = (".png", ".txt", ".md", ".csv", ".json")


def download_file(url: str, sha256: str, target: Path) -> None:
    """Fetch one file to a temporary place beside `target`, check it there, then put it in place.

    Args:
        url: `https:`, `http:` or `file:`.
        sha256: 64 hex digits, stated before the download.
        target: where the file goes; an older one is replaced only after the check.

    Raises:
        InputError: not reachable, too large, or other bytes than stated; nothing is left behind then.
    """
    stated = sha256.strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", stated):
        raise InputError(
            f"a SHA-256 checksum has 64 hex digits, not {sha256!r}; copy it from where the file is published"
        )
    digest, length = hashlib.sha256(), 0
    with replacing(target) as temporary:
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as reply, temporary.open("wb") as file:
                while part := reply.read(_PART_BYTES):
                    length += len(part)
                    if length > MAX_BYTES:
                        raise InputError(f"{url} is larger than {MAX_BYTES // 2**20} MiB; not used")
                    digest.update(part)
                    file.write(part)
        # ValueError: not a URL at all; it is also InputError's parent.
        except InputError:
            raise
        except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise InputError(f"{url} cannot be fetched ({reason}); get the file by hand") from None
        if digest.hexdigest() != stated:
            raise InputError(f"{url} has the SHA-256 {digest.hexdigest()}, not {stated} as stated; not used")


def fetch(origin: Origin, url: str, sha256: str | None, target: Path, is_folder: bool) -> None:
    """What `--download` does: get a collection, or say how to get it by hand.

    Args:
        origin: of the collection, for the messages.
        url: where the file is; empty where the caller knows none.
        sha256: its checksum, 64 hex digits.
        target: where the collection goes.
        is_folder: whether it is a folder, which a zip archive is unpacked into; else one file.

    Raises:
        InputError: no address or no checksum to go by (the message says how to get the files by hand), or as
            `download_file`.
    """
    if not url or not sha256:
        raise InputError(
            f"{origin.name} is not downloaded by itself: no address with a checksum to go by is known; get it by hand "
            f"from {origin.where} (licence: {origin.licence}), or give --download URL --sha256 HEX of a file you trust"
        )
    if is_folder:
        download_archive(url, sha256, target)
    elif target.exists():
        if hashlib.sha256(target.read_bytes()).hexdigest() != sha256.strip().lower():
            raise InputError(
                f"{target} is another file, and none is overwritten; name a new one, or leave --download out"
            )
    else:
        download_file(url, sha256, target)


def download_archive(url: str, sha256: str, folder: Path) -> None:
    """Fetch a zip archive, check it, and unpack its images and texts into a folder.

    Raises:
        InputError: as `download_file`; or the folder has files already, not a zip, or one that unpacks to too much.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(
            f"{folder} has files already, and none is overwritten; leave --download out, or name a new folder"
        )
    with scratch_folder(folder.parent, f".unpacking-{safe_part(folder.name)}") as scratch:
        archive, unpacked = scratch / "archive.zip", scratch / "files"
        download_file(url, sha256, archive)
        unpacked.mkdir()
        try:
            _unpack(url, archive, unpacked)
        except InputError:
            raise
        # What a damaged, an encrypted or a hostile archive raises.
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            NotImplementedError,
            RuntimeError,
            ValueError,
        ) as error:
            raise InputError(f"{url} is not a zip archive that can be unpacked ({error}); unpack it by hand") from None
        if folder.exists():
            folder.rmdir()
        unpacked.rename(folder)


def _unpack(url: str, archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as zipped:
        members = [member for member in zipped.infolist() if member.filename.lower().endswith(_UNPACKED_SUFFIXES)]
        # An archive of a repository has all its files below one folder, named after the version.
        if len({member.filename.split("/", 1)[0] for member in members if "/" in member.filename}) == 1:
            for member in members:
                member.filename = member.filename.split("/", 1)[-1]
        if sum(member.file_size for member in members) > MAX_UNPACKED or len(members) > MAX_FILES:
            raise InputError(f"{url} unpacks to more than {MAX_UNPACKED // 2**20} MiB or {MAX_FILES:,} files; not used")
        zipped.extractall(folder, members)  # drops `..` and leading slashes from members' names itself
