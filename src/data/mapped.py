"""Sets that are too large to hold: the images lie unpacked beside the packed file and are mapped into memory.

A million portraits of 64x64 are 16.4 GB. Mapped, a batch reads the portraits that it needs; the operating system keeps
what it can of the rest in memory, once for all processes.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import numpy as np

from src.files import replacing

IMAGES = "images.npy"
"""The images' name in a `portraits.npz`, which is a zip archive."""


def map_images(path: Path, archive: zipfile.ZipFile, fingerprint: str) -> np.ndarray:
    """The images of a `portraits.npz`, uint8 [N, H, W, 4], mapped from a file beside it.

    The first time that file is unpacked, piece by piece. Its name holds the set's fingerprint; one of another set is
    removed, and one of another size unpacked again.

    Args:
        path: the packed file.
        archive: the same, open.
        fingerprint: the set's.
    """
    name = hashlib.sha256(fingerprint.encode()).hexdigest()[:16]
    unpacked = path.with_name(f"{path.stem}.{name}.unpacked.npy")
    if not unpacked.is_file() or unpacked.stat().st_size != archive.getinfo(IMAGES).file_size:
        for outdated in path.parent.glob(f"{path.stem}.*.unpacked.npy"):
            outdated.unlink()
        with archive.open(IMAGES) as member, replacing(unpacked) as temporary, open(temporary, "wb") as file:
            shutil.copyfileobj(member, file, 1 << 24)
    return np.load(unpacked, mmap_mode="r")
