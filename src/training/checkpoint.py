"""Checkpoints: plain tensors and numbers, written atomically, read without running anything that is in them."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import shutil
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch

from src.errors import InputError
from src.files import replacing
from src.training.checkpoint_schema import checked, checksums

FORMAT = 1


def save_checkpoint(
    folder: Path, content: Mapping[str, object], images_seen: int, keep: int, best: bool = False
) -> Path:
    """Write `NNNNNN.pt` (kimg) and make `latest.pt` the same, and where it is the best so far also `best.pt`; then
    remove all but the newest `keep` numbered ones.

    A checkpoint appears under its name only when every byte is on the disk: killed at any moment, the folder holds
    the checkpoint before or the checkpoint after.

    Raises:
        InputError: it cannot be written.
    """
    path = folder / f"{images_seen // 1000:06d}.pt"
    content = {**content, "images_seen": images_seen}
    try:
        for left_over in folder.glob(".*.tmp"):  # of a run that was killed while it wrote
            left_over.unlink()
        with replacing(path) as temporary, temporary.open("wb") as file:
            torch.save({"format": FORMAT, **content, "checksums": checksums(content)}, file)
            file.flush()
            os.fsync(file.fileno())
        if best:
            # Before `latest.pt`: killed in between, the resumed run comes by here again.
            _link(path, folder / "best.pt")
        _link(path, folder / "latest.pt")
        _sync_folder(folder)
    except (OSError, RuntimeError) as error:  # the second where torch cannot write to the end
        cause = error if isinstance(error, OSError) else error.__context__ or error
        reason = getattr(cause, "strerror", None) or str(cause).splitlines()[0]
        latest = folder / "latest.pt"
        before = f"{latest} is the one before" if latest.is_file() else "there is none before it"
        advice = "free the disk"
        if isinstance(cause, PermissionError):
            advice = "close what has its file open, or see to the folder's rights"
        raise InputError(
            f"the checkpoint {path} cannot be written ({reason}); {before}; {advice}, and go on with --resume"
        ) from error
    # Those of more images are of a branch that the run went back behind: the new one must not go in their place.
    numbered = sorted((int(p.stem), p) for p in folder.glob("*.pt") if re.fullmatch(r"\d{6,}", p.stem))
    numbered = [p for kimg, p in numbered if kimg <= images_seen // 1000]
    for old in numbered[: max(0, len(numbered) - max(keep, 1))]:
        old.unlink()
    return path


def load_checkpoint(path: Path) -> dict[str, object]:
    """Read a checkpoint; only tensors, numbers, strings, lists and dictionaries are accepted.

    Raises:
        InputError: no such file, damaged (`checkpoint_schema.checked`), not a checkpoint of this project, or of a newer
            format.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no checkpoint at {path}; train first, or name another file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whatever torch takes the file for, it is refused below in one line
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged pickles raise whatever there is
        if mistaken := mistaken_for_weights(path):
            raise InputError(f"{path} {mistaken}") from None
        if isinstance(error, pickle.UnpicklingError):  # torch's text is about its own settings
            reason = "something else than tensors and numbers is in it"
        elif "TorchScript" in str(error):
            reason = "it is a TorchScript program"
        else:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path} cannot be read as a checkpoint ({reason[:120]}); use an older one beside it"
        ) from None
    if not isinstance(content, dict) or "images_seen" not in content or "format" not in content:
        raise InputError(f"{path} is no checkpoint of this project; name one written by `train`")
    if not isinstance(content["format"], int) or content["format"] != FORMAT:
        raise InputError(f"{path} has format {content['format']!r}, this version reads {FORMAT}; update the project")
    return checked(content, path)


def mistaken_for_weights(path: Path) -> str:
    """What a file is that lies where weights should, and what to do; empty for one that may be weights."""
    with open(path, "rb") as file:
        start = file.read(512)
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file itself; fetch it with `git lfs pull`"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not weights; download the file itself"
    if start.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM", b"RIFF")):
        return "is a picture, not weights; name a checkpoint, or a weights file"
    if not start:
        return "is empty; fetch or write it again"
    if re.fullmatch(rb"[\s -~]+", start):
        return "is a text, not weights; name a checkpoint, or a weights file"
    if start.startswith((b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")):
        return "is an archive, not weights; unpack it, and name the file in it"
    if start[:2] == b"PK":
        try:
            with zipfile.ZipFile(path) as archive:
                ours = any(name.endswith("data.pkl") for name in archive.namelist())
        except Exception:  # damaged archives raise whatever there is
            return "is cut short or damaged; fetch or write it again"
        if not ours:
            return "is an archive, not weights; unpack it, and name the file in it"
        if path.suffix == ".safetensors":
            return "is a PyTorch file; give it a name that ends in .pt"
    length = int.from_bytes(start[:8], "little")
    if start[8:9] == b"{" and length < path.stat().st_size and path.suffix != ".safetensors":
        return "is a safetensors file; give it a name that ends in .safetensors"
    return ""


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _link(path: Path, alias: Path) -> None:
    """A second name for the file, put in place atomically; a copy where the disk knows no hard links."""
    with replacing(alias) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            os.link(path, temporary)
        except OSError:
            shutil.copyfile(path, temporary)


def _sync_folder(folder: Path) -> None:
    """Have the folder's entries on the disk too; Windows cannot open folders and does not need it."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
