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

from src.errors import InputError
from src.files import replacing, safe_part, scratch_folder

MAX_BYTES = 1024 * 1024 * 1024
"""The most that is fetched."""

MAX_UNPACKED, MAX_FILES = 1024 * 1024 * 1024, 200_000
"""The most bytes and files that an archive may unpack to."""

_TIMEOUT_S = 60
_PART_BYTES = 1024 * 1024
_UNPACKED_SUFFIXES = (".png", ".txt", ".md", ".csv", ".json")


def download_file(url: str, sha256: str | None, target: Path) -> None:
    """Fetch one file to a temporary place beside `target`, check it there, then put it in place.

    Args:
        url: `https:`, `http:` or `file:`.
        sha256: 64 hex digits, stated before the download; None where the caller checks the contents.
        target: where the file goes; an older one is replaced only after the check.

    Raises:
        InputError: not reachable, too large, or other bytes than stated; nothing is left behind then.
    """
    stated = sha256 and sha256.strip().lower()
    if stated is not None and not re.fullmatch("[0-9a-f]{64}", stated):
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
        if stated is not None and digest.hexdigest() != stated:
            raise InputError(f"{url} has the SHA-256 {digest.hexdigest()}, not {stated} as stated; not used")


def download_archive(url: str, sha256: str | None, folder: Path, contents: str | None = None) -> None:
    """Fetch a zip archive, check it, and unpack its images and texts into a folder.

    Args:
        url: as for `download_file`.
        sha256: of the archive; None where its contents are known.
        folder: where its files go.
        contents: what `contents_sha256` must give; None for any.

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
            _unpack(url, archive, unpacked, contents)
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


def _unpack(url: str, archive: Path, folder: Path, contents: str | None) -> None:
    with zipfile.ZipFile(archive) as zipped:
        members = [member for member in zipped.infolist() if member.filename.lower().endswith(_UNPACKED_SUFFIXES)]
        # An archive of a repository has all its files below one folder, named after the version.
        if len({member.filename.split("/", 1)[0] for member in members if "/" in member.filename}) == 1:
            for member in members:
                member.filename = member.filename.split("/", 1)[-1]
        if sum(member.file_size for member in members) > MAX_UNPACKED or len(members) > MAX_FILES:
            raise InputError(f"{url} unpacks to more than {MAX_UNPACKED // 2**20} MiB or {MAX_FILES:,} files; not used")
        if contents is not None and contents_sha256(zipped) != contents:
            raise InputError(f"{url} has other images than those known; not used")
        zipped.extractall(folder, members)  # drops `..` and leading slashes from members' names itself


def contents_sha256(archive: zipfile.ZipFile) -> str:
    """One checksum for the PNGs of an archive, by their last folder and name: of the sorted lines `SHA256  0/17.png`.

    The same as `sha256sum */*.png | LC_ALL=C sort | sha256sum`.
    """
    lines = [
        f"{hashlib.sha256(archive.read(member)).hexdigest()}  {'/'.join(member.filename.split('/')[-2:])}\n"
        for member in archive.infolist()
        if member.filename.lower().endswith(".png")
    ]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
